"""Features of labelled pictures become a head, whose strength is chosen by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.scoring.postprocess import to_probabilities
from pictell.training.familiarity import (
    Familiarity,
    Floats,
    Scores,
    Targets,
    check_array,
    fit_familiarity,
)
from pictell.training.split import ALWAYS_TRAIN, folds

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Has = NDArray[np.bool_]
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


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear classifier of features (N, D), and what it knows.

    logits (N, C) = features @ ``weights`` (C, D) transposed + ``bias`` (C,). Both are float32 and
    finite. Raises ``UsageError`` if they are not, or if the shapes do not fit.
    """

    weights: Floats
    bias: Floats
    familiarity: Familiarity

    def __post_init__(self) -> None:
        check_array("weights", self.weights, 2)
        check_array("bias", self.bias, 1)
        if self.bias.shape != self.weights.shape[:1]:
            raise UsageError(
                f"the head has {len(self.weights)} rows of weights but {len(self.bias)} biases"
            )
        if len(self.familiarity.origin) != self.size:
            raise UsageError(
                f"the head's weights have {self.size} columns but its bank "
                f"{len(self.familiarity.origin)}: both need one for each number of the embedding"
            )

    @property
    def size(self) -> int:
        """D, the length of the embedding."""
        return int(self.weights.shape[1])

    def outputs(self, features: Floats) -> tuple[Scores, Scores]:
        """The logits (N, C) and the familiarity (N,) of features (N, D), float64."""
        logits = (features @ self.weights.T + self.bias).astype(np.float64)
        return logits, self.familiarity(features)


class Examples(NamedTuple):
    """What a head is fitted to.

    ``features`` (N, D) have norm 1, ``targets`` (N, C) say which classes a picture has: one, or
    with ``several`` one or more. ``groups`` (N,): pictures of one group are held out together.
    ``others`` (M, D) are the features of pictures of none of the classes. ``origin`` (D,) is that
    of ``Familiarity``.
    """

    features: Floats
    targets: Has
    several: bool
    groups: Targets
    others: Floats
    origin: Floats

    @property
    def activation(self) -> Literal["softmax", "sigmoid"]:
        """What turns logits into probabilities."""
        return "sigmoid" if self.several else "softmax"


class HeldOut(NamedTuple):
    """What heads say of pictures that they were not fitted on.

    ``pictures`` (M,) are the numbers of those that were held out once, ``logits`` (M, C) float64,
    ``familiarity`` (M,), 0..1. ``strength`` is the best of ``STRENGTHS``. ``cautious`` (M, C) are
    the logits of heads of the first of them, which wrong labels mislead less.
    """

    pictures: Targets
    logits: Scores
    cautious: Scores
    familiarity: Scores
    strength: float


def cross_validate(examples: Examples, seed: int) -> HeldOut:
    """Cross-validate heads; the strength with the lowest log loss is chosen.

    Raises ``UsageError`` if no picture can be held out.
    """
    targets = examples.targets
    fold_of = folds(_split_targets(examples), examples.groups, FOLDS, seed)
    other_fold = np.random.default_rng(seed).permutation(len(examples.others)) % FOLDS
    pictures = np.flatnonzero(fold_of != ALWAYS_TRAIN)
    # Without labels, and once for all folds, as it takes the longest.
    rows, _ = reduce(examples.features)
    strengths = STRENGTHS if targets.size <= MAX_SEARCHED else (STRENGTHS[0], STRENGTH)
    logits = np.empty((len(strengths), *targets.shape))
    familiarity = np.empty(len(targets))
    for fold in np.unique(fold_of[pictures]):
        test = fold_of == fold
        for place, strength in enumerate(strengths):
            weights, bias = _fit(rows[~test], targets[~test], examples.several, strength)
            logits[place, test] = rows[test] @ weights.T + bias
        known = fit_familiarity(
            examples.features[~test],
            targets[~test],
            examples.others[other_fold != fold],
            examples.origin,
        )
        familiarity[test] = known(examples.features[test])
    losses = [_log_loss(one[pictures], targets[pictures], examples.activation) for one in logits]
    best = int(np.argmin(losses))
    return HeldOut(
        pictures,
        logits[best, pictures],
        logits[0, pictures],
        familiarity[pictures],
        strengths[best],
    )


def fit_head(examples: Examples, strength: float) -> Head:
    """Logistic regression: multinomial, or for several labels one for each class.

    All classes weigh the same in the multinomial one. A class without pictures is never predicted.
    """
    rows, basis = reduce(examples.features)
    weights, bias = _fit(rows, examples.targets, examples.several, strength)
    return Head(
        (weights @ basis.T).astype(np.float32),
        bias.astype(np.float32),
        fit_familiarity(examples.features, examples.targets, examples.others, examples.origin),
    )


def reduce(features: Floats) -> tuple[Scores, Scores]:
    """The features (N, D) in fewer dimensions: rows (N, R), and the basis (D, R) of these.

    R is at most N and ``MAX_RANK``. Up to ``MAX_RANK`` pictures it loses nothing: the weights of a
    head lie in the space of the features, which are then rows @ basis.T. Of more it keeps what
    varies most.
    """
    values = features.astype(np.float64)
    if len(values) > MAX_RANK:
        # It takes long to import, and only training needs it.
        from sklearn.utils.extmath import randomized_svd

        _, _, axes = randomized_svd(features, MAX_RANK, n_iter=2, random_state=0)
        basis = axes.T.astype(np.float64)
    else:
        # The eigenvectors of the small matrix of dot products give those of the large one.
        squares, left = np.linalg.eigh(values @ values.T)
        kept = squares > squares[-1] * MIN_VARIANCE
        basis = values.T @ left[:, kept] / np.sqrt(squares[kept])
    return values @ basis, basis


def _split_targets(examples: Examples) -> Targets | Has:
    return examples.targets if examples.several else examples.targets.argmax(axis=1)


def _fit(rows: Scores, targets: Has, several: bool, strength: float) -> tuple[Scores, Scores]:
    """The weights (C, R) and the bias (C,) of rows (N, R)."""
    classes = targets.shape[1]
    weights, bias = np.zeros((classes, rows.shape[1])), np.full(classes, NEVER)
    if several:
        for label, column in enumerate(targets.T):
            if column.all():
                bias[label] = -NEVER
            elif column.any():
                model = _regression(strength, None).fit(rows, column)
                weights[label], bias[label] = model.coef_[0], model.intercept_[0]
        return weights, bias
    model = _regression(strength, "balanced").fit(rows, targets.argmax(axis=1))
    known, found, its_bias = model.classes_, model.coef_, model.intercept_
    if len(known) == 2:
        # scikit-learn has one row: the second class against the first.
        found, its_bias = np.concatenate([-found, found]) / 2, np.concatenate([-its_bias, its_bias])
        its_bias = its_bias / 2
    weights[known], bias[known] = found, its_bias
    return weights, bias


def _regression(strength: float, class_weight: str | None) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=strength, class_weight=class_weight, max_iter=MAX_STEPS, tol=TOLERANCE
    )


def _log_loss(logits: Scores, targets: Has, activation: Literal["softmax", "sigmoid"]) -> float:
    probabilities = to_probabilities(logits, activation)
    losses = -np.log(np.maximum(probabilities, MIN_PROBABILITY))[targets].sum()
    if activation == "sigmoid":
        losses -= np.log(np.maximum(1 - probabilities, MIN_PROBABILITY))[~targets].sum()
    return float(losses / len(targets))
