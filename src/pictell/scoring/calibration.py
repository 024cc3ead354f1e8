"""Calibration of scores, and the score by which a model abstains.

*Evidence* is the logits minus their mean over the classes. Softmax gives the same probabilities for
both, and the logarithm of probabilities has the same evidence as the logits they come from.
"""

from __future__ import annotations

import math
import sys
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, UsageError
from pictell.types import Activation

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Score = Literal["peak", "probability", "familiarity"]
MAX_FLOAT = sys.float_info.max
NonNegative = Annotated[float, Meta(ge=0, le=MAX_FLOAT)]

# With half as many pictures the default model's scores differ by 0.05 from sample to sample, with
# this many by 0.03 (benchmarks/trust.md). A temperature needs both right and wrong answers.
PICTURES_NEEDED = 200
ANSWERS_NEEDED = 10
# The knees to try, in units of the logits; infinity means plain temperature scaling. Between
# neighbours the likelihood hardly changes.
KNEES = (math.inf, *(2.0 ** (step / 2) for step in range(10, -1, -1)))
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.02, 50.0
# Division by a smaller number can make logits infinite.
MIN_DIVISOR = 1e-6
# The score of a likely answer is raised towards this (``likely_score``); its log-odds.
LIKELY_PIVOT = 0.9
PIVOT_LOGIT = math.log(LIKELY_PIVOT / (1 - LIKELY_PIVOT))
BISECTIONS = 30
# With fewer classes the shape of the evidence says little.
CLASSES_FOR_PEAK = 100
FALSE_ALARMS = 0.05
# Probabilities that were rounded to 0 are replaced by half the smallest that was not, within these
# limits. In 8 bits that half is 0.002, but most were far below: among limits from 1e-6 to 1e-3 this
# one gave three quantised MobileNets the highest likelihood (benchmarks/trust.md).
MIN_PROBABILITY, MAX_FOR_ZERO = 1e-6, 1e-4
# Below this the evidence is equal for all classes, except for rounding.
MIN_VARIANCE = 1e-12
NEWTON_STEPS = 50
ROWS_AT_ONCE = 2048
FOLDS = 5
SEED = 0


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """From evidence to logits: ``knee / temperature * asinh(evidence / knee)``.

    With an infinite ``knee`` this is temperature scaling (Guo et al. 2017, 'On calibration of
    modern neural networks', arXiv:1706.04599), evidence / temperature. With a finite ``knee`` the
    temperature rises with the evidence e, as sqrt(1 + (e / knee)^2), which fits networks trained
    with smoothed labels. The order of the classes never changes. ``likely_slope`` is for the score
    of a likely answer, see ``likely_score``.
    """

    temperature: Annotated[float, Meta(ge=MIN_DIVISOR, le=MAX_FLOAT)] = 1.0
    knee: Annotated[float, Meta(ge=MIN_DIVISOR)] = math.inf
    likely_slope: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Abstention(Struct, frozen=True, forbid_unknown_fields=True):
    """The model abstains from a picture whose ``score`` is below ``threshold``.

    The score is ``peak``, see the function, ``probability``, the highest calibrated one, or
    ``familiarity``, an output of the model (see ``ModelSpec``).
    ``false_alarms``: the share of pictures of known things from which it abstains all the same,
    0..1, measured on other pictures than the threshold was fitted on.
    """

    score: Score
    threshold: NonNegative
    false_alarms: NonNegative


def evidence(outputs: NDArray[np.generic], activation: Activation) -> Floats:
    """The logits minus their mean over the last axis, (…, classes), float64.

    ``activation`` as in ``ModelSpec``: with ``none`` the outputs are probabilities, whose logarithm
    is taken. Values that are not finite become NaN. With ``sigmoid`` the logits stay as they are,
    because each is evidence for its own class only; with ``independent`` these are the logarithms
    of the odds.
    """
    values = outputs.astype(np.float64)
    if activation == "sigmoid":
        return values
    if activation == "independent":
        log_odds: Floats = _log(values) - _log(1 - values)
        return log_odds
    if activation == "none":
        values = _log(values)
    with np.errstate(invalid="ignore"):
        centred: Floats = values - values.sum(axis=-1, keepdims=True) / values.shape[-1]
    return centred


def _log(probabilities: Floats) -> Floats:
    """The logarithm, where 0 may stand for what was rounded: half the smallest of its row."""
    smallest = np.where(probabilities > 0, probabilities, np.inf).min(axis=-1, keepdims=True)
    floor = np.clip(smallest / 2, MIN_PROBABILITY, MAX_FOR_ZERO)
    logarithm: Floats = np.log(np.maximum(probabilities, floor))
    return logarithm


def to_logits(evidence: Floats, calibration: Calibration) -> Floats:
    """Calibrated logits (…, classes); softmax or sigmoid gives calibrated probabilities."""
    return _compress(evidence, calibration.knee) / calibration.temperature


def peak(evidence: Floats) -> Floats:
    """How much a few classes stand out, (…,), 0 or more, in units of the logits.

    The fourth moment of the evidence over the third power of its standard deviation: kurtosis
    times standard deviation. It is low if many classes get some evidence, as for a picture of
    something unknown, and 0 if all classes are equal.
    """
    squares = evidence * evidence
    second = np.vecdot(evidence, evidence) / evidence.shape[-1]
    fourth = np.vecdot(squares, squares) / evidence.shape[-1]
    result: Floats = fourth / np.maximum(second, MIN_VARIANCE) ** 1.5
    return result


def abstention_score(
    evidence: Floats, probabilities: Floats, score: Score, familiarity: Floats | None = None
) -> Floats:
    """The ``score`` of an ``Abstention``, (…,), from evidence and calibrated probabilities.

    ``familiarity`` is that output of the model. Raises ``InvalidModelError`` if it is needed and
    the model has none.
    """
    if score == "familiarity":
        if familiarity is None:
            raise InvalidModelError("the calibration needs the output familiarity: there is none")
        return familiarity
    return peak(evidence) if score == "peak" else probabilities.max(axis=-1)


def choose_score(classes: int) -> Score:
    """``peak`` for enough classes, else ``probability``."""
    return "peak" if classes >= CLASSES_FOR_PEAK else "probability"


def likely_score(probability: float, slope: float) -> float:
    """The score of a likely answer of this ``probability``, both 0..1.

    Below ``LIKELY_PIVOT`` the log-odds move towards those of the pivot, so that the gap is
    ``slope`` (0..1) times as wide. The score is never below the probability.
    """
    if slope == 1 or not 0 < probability < LIKELY_PIVOT:
        return probability
    gap = math.log(probability / (1 - probability)) - PIVOT_LOGIT
    return 1 / (1 + math.exp(-PIVOT_LOGIT - slope * gap))


def fit_likely_slope(probabilities: Floats, right: NDArray[np.bool_], weights: Floats) -> float:
    """The slope with the highest likelihood for likely answers, each array of shape (N,).

    1, which changes nothing, for fewer than ``ANSWERS_NEEDED`` right or wrong answers.
    """
    if min(right.sum(), (~right).sum()) < ANSWERS_NEEDED:
        return 1.0
    gaps = np.log(probabilities / (1 - probabilities)) - PIVOT_LOGIT

    def loss_rises(slope: float) -> bool:
        scores = 1 / (1 + np.exp(-PIVOT_LOGIT - slope * gaps))
        return bool(weights @ ((scores - right) * gaps) > 0)

    # The loss is convex in the slope.
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if loss_rises(middle) else (middle, high)
    return high


def fit(evidence: Floats, targets: Indices, weights: Floats) -> Calibration:
    """The calibration with the highest weighted likelihood of the right classes ``targets`` (N,).

    A finite knee must raise the log-likelihood by more than half the logarithm of the number of
    pictures (Schwarz 1978, 'Estimating the dimension of a model'), or plain temperature scaling
    wins. ``evidence`` (N, classes), ``weights`` (N,) of 0 or more. Raises ``UsageError`` for
    too few data, see ``check_enough``.
    """
    check_enough(evidence.argmax(axis=1) == targets, weights)
    return _best(evidence, targets, weights, KNEES)


def fit_temperature(evidence: Floats, targets: Indices, weights: Floats) -> Calibration:
    """Temperature scaling with the highest likelihood, for any number of pictures.

    With few pictures, all of which may be right, it would make the model certain. So the mean score
    of the best class is at most (right + 1) / (pictures + 2), Laplace's rule of succession.
    """
    temperature, _ = _fit_temperature(evidence, targets, weights, 1.0)
    right = float(weights @ (evidence.argmax(axis=1) == targets)) / float(weights.sum())
    pictures = effective_pictures(weights)
    most = (right * pictures + 1) / (pictures + 2)
    # The mean score falls as the temperature rises.
    while temperature < MAX_TEMPERATURE and _mean_score(evidence / temperature, weights) > most:
        temperature *= 1.05
    return Calibration(temperature)


def _mean_score(logits: Floats, weights: Floats) -> float:
    gaps = logits - logits.max(axis=1, keepdims=True)
    return float(weights @ (1 / np.exp(gaps).sum(axis=1)) / weights.sum())


def abstention_threshold(scores: Floats, weights: Floats, share: float = FALSE_ALARMS) -> float:
    """The highest value that at most a ``share`` (0..1) of the weight of scores (N,) is below."""
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    # Allow for rounding if the share is met exactly.
    first_above = int(np.searchsorted(below, share + 1e-9, side="right"))
    return float(scores[order][min(first_above, len(order) - 1)])


def false_alarms(scores: Floats, weights: Floats) -> float:
    """The share of the weight, 0..1, below a threshold fitted on other pictures (cross-fitting)."""
    alarms = np.zeros(len(scores), np.bool_)
    for held_out in folds(len(scores)):
        rest = np.setdiff1d(np.arange(len(scores)), held_out)
        alarms[held_out] = scores[held_out] < abstention_threshold(scores[rest], weights[rest])
    return float(weights[alarms].sum() / weights.sum())


def folds(pictures: int, seed: int = SEED) -> tuple[Indices, ...]:
    """The numbers 0..pictures-1 in ``FOLDS`` random parts, the same ones for the same seed."""
    shuffled = np.random.default_rng(seed).permutation(pictures)
    return tuple(np.sort(shuffled[start::FOLDS]) for start in range(FOLDS))


def cross_fit(
    evidence: Floats,
    targets: Indices,
    weights: Floats,
    *,
    seed: int = SEED,
    knees: tuple[float, ...] = KNEES,
) -> Floats:
    """Calibrated logits (N, classes), each by a calibration fitted on other pictures.

    Measurements on them are valid for new pictures.
    """
    logits = np.empty_like(evidence)
    for held_out in folds(len(evidence), seed):
        rest = np.setdiff1d(np.arange(len(evidence)), held_out)
        fitted = _best(evidence[rest], targets[rest], weights[rest], knees)
        logits[held_out] = to_logits(evidence[held_out], fitted)
    return logits


def check_enough(right: NDArray[np.bool_], weights: Floats) -> None:
    """Raises ``UsageError``, with the number needed, for too few pictures or too few errors.

    ``right`` (N,): whether the best class is right. With unequal weights pictures count less.
    """
    pictures = effective_pictures(weights)
    if pictures < PICTURES_NEEDED:
        needed = math.ceil(PICTURES_NEEDED * len(weights) / max(pictures, 1))
        as_weighted = "" if needed == PICTURES_NEEDED else " of such unequal weights"
        raise UsageError(
            f"{len(weights)} pictures are too few for a calibration: "
            f"at least {needed}{as_weighted} are needed"
        )
    counted = right[weights > 0]
    for answers, kind in ((counted, "right"), (~counted, "wrong")):
        found = int(answers.sum())
        if found < ANSWERS_NEEDED:
            needed = math.ceil(ANSWERS_NEEDED * len(counted) / max(found, 1))
            raise UsageError(
                f"only {found} of {len(counted)} answers are {kind}: at least {ANSWERS_NEEDED} "
                f"are needed, about {needed} pictures"
            )


def effective_pictures(weights: Floats) -> float:
    """The effective number of pictures, (sum w)^2 / sum w^2 (Kish 1965, 8.2).

    Shape (N,) with a sum above 0; between 1 and N.
    """
    scaled = weights / weights.max()
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def _best(
    evidence: Floats, targets: Indices, weights: Floats, knees: tuple[float, ...]
) -> Calibration:
    pictures = effective_pictures(weights)
    best, lowest_cost, temperature = Calibration(), math.inf, 1.0
    for knee in knees:
        compressed = _compress(evidence, knee)
        temperature, loss = _fit_temperature(compressed, targets, weights, temperature)
        cost = pictures * loss + (0 if math.isinf(knee) else math.log(pictures) / 2)
        if cost < lowest_cost:
            best, lowest_cost = Calibration(temperature, knee), cost
    return best


def _compress(evidence: Floats, knee: float) -> Floats:
    return evidence if math.isinf(knee) else knee * np.arcsinh(evidence / knee)


def _fit_temperature(
    logits: Floats, targets: Indices, weights: Floats, start: float
) -> tuple[float, float]:
    """The best temperature and its loss, which is convex in 1 / temperature, by Newton's method."""
    inverse = 1 / start
    for _ in range(NEWTON_STEPS):
        _, slope, curvature = _loss(logits, targets, weights, inverse)
        wanted = inverse - slope / max(curvature, 1e-12)
        # Far from the minimum a Newton step can be much too long.
        step = min(max(wanted, inverse / 2, 1 / MAX_TEMPERATURE), inverse * 2, 1 / MIN_TEMPERATURE)
        if abs(step - inverse) <= 1e-6 * inverse:
            break
        inverse = step
    return 1 / inverse, _loss(logits, targets, weights, inverse)[0]


def _loss(
    logits: Floats, targets: Indices, weights: Floats, inverse: float
) -> tuple[float, float, float]:
    """The mean negative log-likelihood of softmax(inverse * logits) and its two derivatives."""
    sums = np.zeros(3)
    for start in range(0, len(logits), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        rows, share = logits[part], weights[part]
        gaps = rows - rows.max(axis=1, keepdims=True)
        exponentials = np.exp(inverse * gaps)
        total = exponentials.sum(axis=1)
        mean = (exponentials * gaps).sum(axis=1) / total
        square = (exponentials * gaps * gaps).sum(axis=1) / total
        target = gaps[np.arange(len(gaps)), targets[part]]
        per_row = (np.log(total) - inverse * target, mean - target, square - mean * mean)
        sums += [float(share @ values) for values in per_row]
    loss, slope, curvature = sums / weights.sum()
    return float(loss), float(slope), float(curvature)
