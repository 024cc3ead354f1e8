"""Features of labelled pictures become a head, whose strength is chosen by cross-validation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.scoring.postprocess import to_probabilities
from pictell.training.recipe import LEAST_NORM, Floats, Head
from pictell.training.split import ALWAYS_TRAIN, folds

Targets = NDArray[np.int64]
Scores = NDArray[np.float64]
# How freely a head may fit, C of scikit-learn, for features of norm 1: those that are tried.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
FOLDS = 5
MAX_STEPS = 1000
# The bias of a class without pictures.
NEVER = -1e4
MIN_PROBABILITY = 1e-12


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
    logits = np.empty((len(STRENGTHS), len(features), classes))
    familiarity = np.empty(len(features))
    for fold in np.unique(fold_of[pictures]):
        test = fold_of == fold
        for place, strength in enumerate(STRENGTHS):
            head = fit_head(features[~test], targets[~test], classes, strength)
            logits[place, test] = to_logits(head, features[test])
        familiarity[test] = to_familiarity(head, features[test])
    losses = [_log_loss(of_strength[pictures], targets[pictures]) for of_strength in logits]
    best = int(np.argmin(losses))
    return HeldOut(pictures, logits[best, pictures], familiarity[pictures], STRENGTHS[best])


def fit_head(features: Floats, targets: Targets, classes: int, strength: float) -> Head:
    """Multinomial logistic regression on features (N, D) of norm 1; all classes weigh the same.

    ``targets`` (N,) are class indices, of two or more classes. A class without pictures is never
    predicted. The bank has the mean of the features of each class.
    """
    # It takes long, and only training needs it.
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=MAX_STEPS)
    model.fit(features, targets)
    known, weights, bias = model.classes_, model.coef_, model.intercept_
    if len(known) == 2:
        # scikit-learn has one row: the second class against the first.
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights, all_bias = np.zeros((classes, features.shape[1])), np.full(classes, NEVER)
    all_weights[known], all_bias[known] = weights, bias
    means = np.stack([features[targets == one].mean(axis=0, dtype=np.float64) for one in known])
    bank = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), LEAST_NORM)
    return Head(*(array.astype(np.float32) for array in (all_weights, all_bias, bank)))


def to_logits(head: Head, features: Floats) -> Scores:
    """The logits (N, C) of features (N, D)."""
    logits: Scores = (features @ head.weights.T + head.bias).astype(np.float64)
    return logits


def to_familiarity(head: Head, features: Floats) -> Scores:
    """The similarity (N,) of features (N, D) to the nearest row of the bank, -1..1."""
    bank = head.weights if head.bank is None else head.bank
    nearest: Scores = (features @ bank.T).max(axis=1).astype(np.float64)
    return nearest


def _log_loss(logits: Scores, targets: Targets) -> float:
    probabilities = to_probabilities(logits, "softmax")[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(probabilities, MIN_PROBABILITY)).mean())
