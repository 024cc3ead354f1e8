"""What is trained: a head, and the fixed recipe that makes its features of an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError

View = Literal["centre", "whole", "mirror"]
VIEWS: tuple[View, ...] = get_args(View)
# The least norm that divides, as in torch.nn.functional.normalize.
LEAST_NORM = 1e-12
Floats: TypeAlias = "NDArray[np.float32]"


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear classifier of features (N, D), and the features that it knows.

    logits (N, C) = features @ ``weights`` (C, D) transposed + ``bias`` (C,). The familiarity (N,)
    is the largest dot product with a row of ``bank`` (M, D); for features and rows of norm 1 it is
    a cosine, -1..1. All are float32 and finite. Raises ``UsageError`` if they are not, or if their
    shapes do not fit.
    """

    weights: Floats
    bias: Floats
    bank: Floats | None = None

    def __post_init__(self) -> None:
        _check("weights", self.weights, 2)
        _check("bias", self.bias, 1)
        if self.bias.shape != self.weights.shape[:1]:
            raise UsageError(
                f"the head has {len(self.weights)} rows of weights but {len(self.bias)} biases"
            )
        if self.bank is not None:
            _check("bank", self.bank, 2)
            if self.bank.shape[1] != self.size:
                raise UsageError(
                    f"the head's weights have {self.size} columns but its bank "
                    f"{self.bank.shape[1]}: both need one for each number of the embedding"
                )

    @property
    def size(self) -> int:
        """D, the length of the embedding."""
        return int(self.weights.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRecipe:
    """How the features (N, D) of a picture are made from the embedding x (N, D) of each view.

    1. sign(x) * abs(x) ** ``power``, if given;
    2. minus ``centre`` (D,), divided by ``scale`` (D,), if given;
    3. divided by its L2 norm; a norm of 0 stays 0.

    Several views are averaged, and the average is divided by its norm again. ``views``:

    - ``centre``: the middle of the input, as large as the backbone's input;
    - ``whole``: the whole input, resized to the backbone's input;
    - ``mirror``: the first view, flipped left to right.

    Arrays are float32 and finite, ``power`` and the values of ``scale`` are above 0. Raises
    ``UsageError`` if not.
    """

    views: tuple[View, ...] = ("centre",)
    power: float | None = None
    centre: Floats | None = None
    scale: Floats | None = None

    def __post_init__(self) -> None:
        wrong = [view for view in self.views if view not in VIEWS]
        if wrong or not self.views or len(set(self.views)) < len(self.views):
            raise UsageError(
                f"views must be different ones of {', '.join(VIEWS)}, not {', '.join(self.views)}"
            )
        if self.views[0] == "mirror":
            raise UsageError("mirror flips the first view: give centre or whole before it")
        if self.power is not None and not 0 < self.power < np.inf:
            raise UsageError(f"power must be a number above 0, not {self.power}")
        for name, values in (("centre", self.centre), ("scale", self.scale)):
            if values is not None:
                _check(name, values, 1)
        if self.scale is not None and not (self.scale > 0).all():
            raise UsageError("scale must be above 0: leave out numbers that never vary")

    def check_fits(self, size: int) -> None:
        """Raises ``UsageError`` if the arrays are not for embeddings (N, ``size``)."""
        for name, values in (("centre", self.centre), ("scale", self.scale)):
            if values is not None and len(values) != size:
                raise UsageError(f"{name} has {len(values)} numbers, the embedding {size}")

    def features(self, embeddings: Floats) -> Floats:
        """The features (N, D) of embeddings (N, V, D), float32, one for each view."""
        values = embeddings
        if self.power is not None:
            values = np.sign(values) * np.abs(values) ** np.float32(self.power)
        if self.centre is not None:
            values = values - self.centre
        if self.scale is not None:
            values = values / self.scale
        return _normalised(_normalised(values).mean(axis=1))


def _normalised(values: Floats) -> Floats:
    norms = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.maximum(norms, LEAST_NORM), np.float32)


def _check(name: str, values: Floats, axes: int) -> None:
    if values.dtype != np.float32 or values.ndim != axes or not values.size:
        raise UsageError(
            f"{name} must be a float32 array with {axes} axes and not empty, "
            f"not {values.dtype} of shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise UsageError(f"{name} has values that are not finite: train again with other settings")
