"""Features of labelled pictures become a head, whose strength is chosen by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.scoring.postprocess import to_probabilities
from pictell.training.split import ALWAYS_TRAIN, folds

Floats: TypeAlias = NDArray[np.float32]
Targets = NDArray[np.int64]
Scores = NDArray[np.float64]
# How freely a head may fit, C of scikit-learn, for features of norm 1: those that are tried.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
# The one that is taken without a search, and how many pictures times classes are searched.
STRENGTH = 100.0
MAX_SEARCHED = 100_000
FOLDS = 5
MAX_STEPS = 1000
TOLERANCE = 1e-3
# Half of it costs a quarter of a point of accuracy (benchmarks/train.md).
MAX_RANK = 1024
MIN_VARIANCE = 1e-9
# The bias of a class without pictures.
NEVER = -1e4
MIN_PROBABILITY = 1e-12
# The least norm that divides, as in the graph (features.py).
LEAST_NORM = 1e-12


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


class HeldOut(NamedTuple):
    """What heads say of pictures that they were not fitted on.

    ``pictures`` (M,) are the numbers of those that were held out once, ``logits`` (M, C) float64,
    ``familiarity`` (M,) the similarity to the nearest class. ``strength`` is the best of
    ``STRENGTHS``.
    """

    pictures: Targets
    logits: Scores
    familiarity: Scores
    strength: float


def cross_validate(
    features: Floats, targets: Targets, classes: int, groups: Targets, seed: int
) -> HeldOut:
    """Cross-validate heads on features (N, D) of pictures with the classes ``targets`` (N,).

    Pictures of one group in ``groups`` (N,) are held out together. The strength with the lowest log
    loss is chosen. Raises ``UsageError`` if no picture can be held out.
    """
    fold_of = folds(targets, groups, FOLDS, seed)
    pictures = np.flatnonzero(fold_of != ALWAYS_TRAIN)
    # Without labels, and once for all folds, as it takes the longest.
    rows, _ = reduce(features)
    strengths = STRENGTHS if len(features) * classes <= MAX_SEARCHED else (STRENGTH,)
    logits = np.empty((len(strengths), len(features), classes))
    familiarity = np.empty(len(features))
    for fold in np.unique(fold_of[pictures]):
        test = fold_of == fold
        for place, strength in enumerate(strengths):
            weights, bias = _fit(rows[~test], targets[~test], classes, strength)
            logits[place, test] = rows[test] @ weights.T + bias
        bank = class_means(features[~test], targets[~test])
        familiarity[test] = to_familiarity(bank, features[test])
    losses = [_log_loss(of_strength[pictures], targets[pictures]) for of_strength in logits]
    best = int(np.argmin(losses))
    return HeldOut(pictures, logits[best, pictures], familiarity[pictures], strengths[best])


def fit_head(features: Floats, targets: Targets, classes: int, strength: float) -> Head:
    """Multinomial logistic regression on features (N, D) of norm 1; all classes weigh the same.

    ``targets`` (N,) are class indices, of two or more classes. A class without pictures is never
    predicted. The bank has the mean of the features of each class.
    """
    rows, basis = reduce(features)
    weights, bias = _fit(rows, targets, classes, strength)
    arrays = weights @ basis.T, bias, class_means(features, targets)
    return Head(*(array.astype(np.float32) for array in arrays))


def reduce(features: Floats) -> tuple[Scores, Scores]:
    """The features (N, D) in fewer dimensions: rows (N, R), and the basis (D, R) of these.

    R is at most N and ``MAX_RANK``. Up to ``MAX_RANK`` pictures it loses nothing: the weights of a
    head lie in the space of the features, which have then rows @ basis.T. Of more it keeps what
    varies most.
    """
    # It takes long to import, and only training needs it.
    from sklearn.utils.extmath import randomized_svd

    values = features.astype(np.float64)
    if len(values) > MAX_RANK:
        _, _, axes = randomized_svd(features, MAX_RANK, n_iter=2, random_state=0)
        basis = axes.T.astype(np.float64)
    else:
        # The eigenvectors of the small matrix of dot products give those of the large one.
        squares, left = np.linalg.eigh(values @ values.T)
        kept = squares > squares[-1] * MIN_VARIANCE
        basis = values.T @ left[:, kept] / np.sqrt(squares[kept])
    return values @ basis, basis


def class_means(features: Floats, targets: Targets) -> Scores:
    """The mean of the features of each class that has pictures, divided by its norm."""
    means = np.stack(
        [features[targets == one].mean(axis=0, dtype=np.float64) for one in np.unique(targets)]
    )
    units: Scores = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), LEAST_NORM)
    return units


def _fit(rows: Scores, targets: Targets, classes: int, strength: float) -> tuple[Scores, Scores]:
    """The weights (C, R) and the bias (C,) of rows (N, R)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=strength, class_weight="balanced", max_iter=MAX_STEPS, tol=TOLERANCE
    )
    model.fit(rows, targets)
    known, weights, bias = model.classes_, model.coef_, model.intercept_
    if len(known) == 2:
        # scikit-learn has one row: the second class against the first.
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights, all_bias = np.zeros((classes, rows.shape[1])), np.full(classes, NEVER)
    all_weights[known], all_bias[known] = weights, bias
    return all_weights, all_bias


def to_familiarity(bank: Scores, features: Floats) -> Scores:
    """The similarity (N,) of features (N, D) to the nearest row of ``bank`` (M, D), -1..1."""
    nearest: Scores = (features @ bank.T).max(axis=1)
    return nearest


def _log_loss(logits: Scores, targets: Targets) -> float:
    probabilities = to_probabilities(logits, "softmax")[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(probabilities, MIN_PROBABILITY)).mean())


def _check(name: str, values: Floats, axes: int) -> None:
    if values.dtype != np.float32 or values.ndim != axes or not values.size:
        raise UsageError(
            f"{name} must be a float32 array with {axes} axes and not empty, "
            f"not {values.dtype} of shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise UsageError(f"{name} has values that are not finite: train again with other settings")
