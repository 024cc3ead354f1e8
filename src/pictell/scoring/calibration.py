"""Pure: scores that mean what they say, and how far a picture is from anything the model knows.

Everything starts from the *evidence*: the logits, centred on their mean over the classes. A
softmax does not see the centring, and log-probabilities give the same numbers as the logits they
were made of.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Score = Literal["peak", "probability"]

# With half as many, the default model's scores move by 0.05 from one draw to the next, with these
# by 0.03 (benchmarks/trust.md); and what is never wrong does not tell how sure it may be.
PICTURES_NEEDED = 200
ANSWERS_NEEDED = 10
# Where the temperature may begin to rise, in units of the logits; infinity is never. Between
# neighbours the likelihood hardly changes.
KNEES = (math.inf, *(2.0 ** (step / 2) for step in range(10, -1, -1)))
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.02, 50.0
# The shape of the evidence over fewer classes tells little.
CLASSES_FOR_PEAK = 100
FALSE_ALARMS = 0.05
# What a probability that was rounded to 0 may have been: less than half the least that was not. In
# 8 bits that half is 0.002, but most were far below: of floors from 1e-6 to 1e-3 this one made the
# likeliest scores of three quantised MobileNets (benchmarks/trust.md).
MIN_PROBABILITY, MAX_FOR_ZERO = 1e-6, 1e-4
# Below this the classes are equal but for rounding.
MIN_VARIANCE = 1e-12
NEWTON_STEPS = 50
ROWS_AT_ONCE = 2048
FOLDS = 5
SEED = 0


# Decision tuples: to make a dataclass takes half a millisecond, at every start of the program.
class Calibration(NamedTuple):
    """From evidence to logits: ``knee / temperature * asinh(evidence / knee)``.

    With an infinite ``knee`` this is temperature scaling (Guo et al. 2017, 'On calibration of
    modern neural networks', arXiv:1706.04599), evidence / temperature. With a finite one the
    temperature rises with the evidence e, as sqrt(1 + (e / knee)^2): a network trained with
    smoothed labels holds its largest logits back less than the others. The order of the classes
    never changes. Both are above 0.
    """

    temperature: float = 1.0
    knee: float = math.inf


class Abstention(NamedTuple):
    """'Not sure' is said where ``score`` is below ``threshold``.

    ``peak`` is that of ``peak``, ``probability`` the highest calibrated one. ``false_alarms``:
    for which share of pictures that the model does know it is said nevertheless, 0..1; measured
    on others than the limit was found on.
    """

    score: Score
    threshold: float
    false_alarms: float


def evidence(outputs: NDArray[np.generic], activation: Literal["softmax", "none"]) -> Floats:
    """The logits centred on their mean over the last axis, (…, classes).

    ``activation`` as in ``ModelSpec``: with ``none`` the outputs are probabilities, and their
    logarithm is taken. What is not finite comes out as NaN.
    """
    values = outputs.astype(np.float64)
    if activation == "none":
        least = np.where(values > 0, values, np.inf).min(axis=-1, keepdims=True)
        floor = np.clip(least / 2, MIN_PROBABILITY, MAX_FOR_ZERO)
        values = np.log(np.maximum(values, floor))
    with np.errstate(invalid="ignore"):
        centred: Floats = values - values.sum(axis=-1, keepdims=True) / values.shape[-1]
    return centred


def to_logits(evidence: Floats, calibration: Calibration) -> Floats:
    """Calibrated logits (…, classes), of which a softmax makes the probabilities."""
    return _bent(evidence, calibration.knee) / calibration.temperature


def peak(evidence: Floats) -> Floats:
    """How far a few classes stand out among all, (…,), 0 or more, in units of the logits.

    The fourth moment of the evidence over the third power of its standard deviation: kurtosis
    times deviation. A picture of nothing the model knows excites many classes a little. 0 where
    all classes are equal.
    """
    squares = evidence * evidence
    second = np.vecdot(evidence, evidence) / evidence.shape[-1]
    fourth = np.vecdot(squares, squares) / evidence.shape[-1]
    result: Floats = fourth / np.maximum(second, MIN_VARIANCE) ** 1.5
    return result


def sureness(evidence: Floats, probabilities: Floats, score: Score) -> Floats:
    """The score of an ``Abstention``, (…,), of evidence and calibrated probabilities."""
    return peak(evidence) if score == "peak" else probabilities.max(axis=-1)


def choose_score(classes: int) -> Score:
    """``peak`` where there are enough classes to have a shape, else ``probability``."""
    return "peak" if classes >= CLASSES_FOR_PEAK else "probability"


def fit(
    evidence: Floats, targets: Indices, weights: Floats, knees: tuple[float, ...] = KNEES
) -> Calibration:
    """The calibration that makes the right classes (N,) likeliest, by weighted likelihood.

    A knee must raise the likelihood by more than half the logarithm of the number of pictures
    (Schwarz 1978, 'Estimating the dimension of a model'), else plain temperature scaling is
    taken. ``evidence`` (N, classes), ``weights`` (N,) of 0 or more; ``knees`` are those to be
    tried. Raises ``UsageError`` for data that are too few, see ``check_enough``.
    """
    check_enough(evidence.argmax(axis=1) == targets, weights)
    return _best(evidence, targets, weights, knees)


def abstention_threshold(sureness: Floats, weights: Floats, share: float = FALSE_ALARMS) -> float:
    """The value that a ``share`` (0..1) of the weight of (N,) scores are below, at most."""
    order = np.argsort(sureness, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    # Rounding must not cost a picture where the share is met exactly.
    first_above = int(np.searchsorted(below, share + 1e-9, side="right"))
    return float(sureness[order][min(first_above, len(order) - 1)])


def false_alarms(sureness: Floats, weights: Floats) -> float:
    """The share of the weight, 0..1, that is below an ``abstention_threshold`` found on other pictures."""
    alarms = np.zeros(len(sureness), np.bool_)
    for held_out in folds(len(sureness)):
        rest = np.setdiff1d(np.arange(len(sureness)), held_out)
        alarms[held_out] = sureness[held_out] < abstention_threshold(sureness[rest], weights[rest])
    return float(weights[alarms].sum() / weights.sum())


def folds(pictures: int, seed: int = SEED) -> tuple[Indices, ...]:
    """The numbers 0..pictures-1 in ``FOLDS`` parts by chance; the same ones for the same seed."""
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

    What is measured on them holds for new pictures too. Raises ``UsageError`` as ``fit`` does.
    """
    check_enough(evidence.argmax(axis=1) == targets, weights)
    logits = np.empty_like(evidence)
    for held_out in folds(len(evidence), seed):
        rest = np.setdiff1d(np.arange(len(evidence)), held_out)
        fitted = _best(evidence[rest], targets[rest], weights[rest], knees)
        logits[held_out] = to_logits(evidence[held_out], fitted)
    return logits


def check_enough(right: NDArray[np.bool_], weights: Floats) -> None:
    """Raises ``UsageError``, with the number needed, for too few pictures or errors to fit.

    ``right`` (N,) says which best classes are right. Unequal weights make pictures count for
    fewer.
    """
    pictures = effective_pictures(weights)
    if pictures < PICTURES_NEEDED:
        needed = math.ceil(PICTURES_NEEDED * len(weights) / max(pictures, 1))
        as_weighted = "" if needed == PICTURES_NEEDED else " of such unequal weights"
        raise UsageError(
            f"{len(weights)} pictures are too few to calibrate with: "
            f"at least {needed}{as_weighted} are needed"
        )
    counted = right[weights > 0]
    for answers, kind in ((counted, "right"), (~counted, "wrong")):
        found = int(answers.sum())
        if found < ANSWERS_NEEDED:
            raise UsageError(
                f"only {found} of {len(counted)} answers are {kind}: at least {ANSWERS_NEEDED} "
                f"are needed, about {_as_many(found, len(counted))} pictures"
            )


def effective_pictures(weights: Floats) -> float:
    """How many equally weighted pictures tell as much: (sum w)^2 / sum w^2 (Kish 1965, 8.2).

    Shape (N,) with a sum above 0; between 1 and N.
    """
    scaled = weights / weights.max()
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def _best(
    evidence: Floats, targets: Indices, weights: Floats, knees: tuple[float, ...]
) -> Calibration:
    pictures = effective_pictures(weights)
    best, least_cost, temperature = Calibration(), math.inf, 1.0
    for knee in knees:
        bent = _bent(evidence, knee)
        temperature, loss = _fit_temperature(bent, targets, weights, temperature)
        cost = pictures * loss + (0 if math.isinf(knee) else math.log(pictures) / 2)
        if cost < least_cost:
            best, least_cost = Calibration(temperature, knee), cost
    return best


def _as_many(found: int, pictures: int) -> int:
    return math.ceil(ANSWERS_NEEDED * pictures / max(found, 1))


def _bent(evidence: Floats, knee: float) -> Floats:
    return evidence if math.isinf(knee) else knee * np.arcsinh(evidence / knee)


def _fit_temperature(
    logits: Floats, targets: Indices, weights: Floats, start: float
) -> tuple[float, float]:
    """The best temperature, by Newton's method, and its loss: convex in 1 / temperature."""
    inverse = 1 / start
    for _ in range(NEWTON_STEPS):
        _, slope, curvature = _loss(logits, targets, weights, inverse)
        wanted = inverse - slope / max(curvature, 1e-12)
        # Far from the minimum the parabola misleads.
        step = min(max(wanted, inverse / 2, 1 / MAX_TEMPERATURE), inverse * 2, 1 / MIN_TEMPERATURE)
        if abs(step - inverse) <= 1e-6 * inverse:
            break
        inverse = step
    return 1 / inverse, _loss(logits, targets, weights, inverse)[0]


def _loss(
    logits: Floats, targets: Indices, weights: Floats, inverse: float
) -> tuple[float, float, float]:
    """Mean negative log-likelihood of softmax(inverse * logits), and its two derivatives."""
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
