"""How much a picture resembles those that a model was trained on: features → a number, 0..1.

The similarity to a class is the cosine between features and the class mean, both seen from the
origin, the mean features of pictures of all kinds. Without it, the mean of a diverse class is close
to every picture (benchmarks/train_unknown.py). Pictures of other things, if there are any, fit a
gate: the probability that a picture is one of the classes and not one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.training.onnx_parts import LEAST_NORM

Floats: TypeAlias = NDArray[np.float32]
Scores: TypeAlias = NDArray[np.float64]
Targets: TypeAlias = NDArray[np.int64]

GATE_STRENGTH = 100.0
# That of the default model, with the checksum of its weights (tools/build_origin.py).
ORIGIN = "default_origin.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """familiarity (N,) = max(0, max(unit(f - ``origin``) @ ``bank`` transposed)) * gate.

    f (N, D) are features of norm 1, ``origin`` (D,), ``bank`` (M, D) rows of norm 1. The gate is
    sigmoid(f @ ``gate`` + ``gate_bias``), with ``gate`` (D,) and ``gate_bias`` (1,), or 1 if they
    are ``None``. All are float32 and finite. Raises ``UsageError`` if they are not.
    """

    bank: Floats
    origin: Floats
    gate: Floats | None = None
    gate_bias: Floats | None = None

    def __post_init__(self) -> None:
        check_array("bank", self.bank, 2)
        check_array("origin", self.origin, 1)
        size = self.bank.shape[1]
        sizes = {"origin": len(self.origin)}
        if self.gate is not None and self.gate_bias is not None:
            check_array("gate", self.gate, 1)
            check_array("gate_bias", self.gate_bias, 1)
            sizes["gate"] = len(self.gate)
        for name, found in sizes.items():
            if found != size:
                raise UsageError(f"the bank is for {size} numbers, but {name} has {found}")

    def __call__(self, features: Floats) -> Scores:
        """The familiarity (N,) of features (N, D)."""
        nearest = (centred(features, self.origin) @ self.bank.T).max(axis=1)
        scores: Scores = np.maximum(nearest, 0).astype(np.float64)
        if self.gate is not None and self.gate_bias is not None:
            scores /= 1 + np.exp(-(features @ self.gate + self.gate_bias[0]).astype(np.float64))
        return scores


def fit_familiarity(
    features: Floats, targets: NDArray[np.bool_], others: Floats, origin: Floats
) -> Familiarity:
    """The familiarity of features (N, D) of pictures that have the classes ``targets`` (N, C).

    ``others`` (M, D) are the features of pictures of none of the classes; M may be 0.
    """
    seen = centred(features, origin)
    columns = targets.T[targets.any(axis=0)]
    means = np.stack([seen[column].mean(axis=0, dtype=np.float64) for column in columns])
    bank = unit(means).astype(np.float32)
    if not len(others):
        return Familiarity(bank, origin)
    # It takes long to import, and only training needs it.
    from sklearn.linear_model import LogisticRegression

    every = np.concatenate([features, others]).astype(np.float64)
    model = LogisticRegression(C=GATE_STRENGTH, class_weight="balanced", max_iter=1000)
    model.fit(every, np.arange(len(every)) < len(features))
    gate, bias = model.coef_[0].astype(np.float32), model.intercept_.astype(np.float32)
    return Familiarity(bank, origin, gate, bias)


def origin_of(weights_sha256: str) -> Floats | None:
    """The origin (D,) for the features of a backbone with these weights, if one is known."""
    with files(__package__).joinpath(ORIGIN).open("rb") as file, np.load(file) as arrays:
        known = str(arrays["weights_sha256"]) == weights_sha256
        return arrays["origin"].astype(np.float32) if known else None


def centred(features: Floats, origin: Floats) -> Floats:
    """Features (N, D) as seen from the origin, with norm 1."""
    return unit(features - origin).astype(np.float32)


def seen_from_zero(rows: Floats, origin: Floats) -> Floats:
    """The features (N, D) of norm 1 whose ``centred`` rows these are."""
    exact, start = rows.astype(np.float64), origin.astype(np.float64)
    # The positive root t of |origin + t * row| = 1.
    along = exact @ start
    reach = np.sqrt(np.maximum(along**2 + 1 - start @ start, 0)) - along
    return (start + reach[:, np.newaxis] * exact).astype(np.float32)


def unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows (N, D) divided by their L2 norm; zeros stay zeros."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    divided: NDArray[np.floating] = rows / np.maximum(norms, LEAST_NORM)
    return divided


def check_array(name: str, values: Floats, axes: int) -> None:
    """Raise ``UsageError`` unless ``values`` are float32, finite and not empty."""
    if values.dtype != np.float32 or values.ndim != axes or not values.size:
        raise UsageError(
            f"{name} must be a float32 array with {axes} axes and not empty, "
            f"not {values.dtype} of shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise UsageError(f"{name} has values that are not finite: train again")
