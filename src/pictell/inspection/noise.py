"""Random operations of a training in a graph: found, and shown to be the identity on average.

Dropout multiplies a value by a random mask whose mean is 1, once it is scaled; layers of noise
multiply by numbers of mean 1 or add numbers of mean 0. Without training all of them are the
identity (Srivastava et al., 2014; keras.layers.GaussianNoise). The programs that write graphs spell
them in many ways, so nothing here looks for patterns: the mean of each value is computed from the
operations behind it. What does not depend on the picture is a number or noise; the rest is some
value times a factor.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from pictell.errors import InvalidModelError
from pictell.inspection.activation import Producer, plain
from pictell.inspection.selection import listed

T = TypeVar("T", bound=Hashable)
# More operations than any real dropout has. It also ends cycles in damaged graphs.
MAX_STEPS = 64
# How far a mean may be from 1: a scale in bfloat16 has 8 bits.
TOLERANCE = 0.01
# A number that the file does not tell, such as a placeholder for the probability to keep, gets two
# values. What is the identity with both is it with all.
TRIALS = (0, 1)


class Number(NamedTuple):
    """A tensor that is the same number everywhere."""

    value: float


class Noise(NamedTuple):
    """Random numbers that do not depend on the picture.

    ``bounds`` are those of a uniform distribution. ``is_binary``: they are 0 and 1.
    """

    mean: float
    bounds: tuple[float, float] | None = None
    is_binary: bool = False


class Scaled(NamedTuple, Generic[T]):
    """A value of the graph times a factor; if ``is_random``, that is so on average."""

    value: T
    factor: float = 1.0
    is_random: bool = False


Known: TypeAlias = Number | Noise | Scaled[T]
# What a value is that does not come from others: numbers of the file and random operations.
Source: TypeAlias = Callable[[T, int], Number | Noise | None]


def unknown_number(name: str, trial: int) -> Number:
    """A number between 0 and 1 for one that the file does not tell."""
    return Number(0.2 + 0.6 * zlib.crc32(f"{trial} {name}".encode(errors="replace")) / 2**32)


def unpack_number(content: bytes, layout: str, *, is_bfloat16: bool = False) -> float | None:
    """The number in the bytes of a tensor of one number, ``None`` if they are not as many.

    ``layout`` is the format of a number in ``struct``, ``H`` for bfloat16.
    """
    if len(content) != struct.calcsize(f"<{layout}"):
        return None
    (value,) = struct.unpack(f"<{layout}", content)
    if is_bfloat16:
        # The first half of a float32.
        (value,) = struct.unpack("<f", struct.pack("<I", value << 16))
    return float(value)


def refuse_random(names: Sequence[str]) -> None:
    """Raise ``InvalidModelError`` if there are random operations, given as 'node (operation)'."""
    if names:
        raise InvalidModelError(
            f"the answers would be random, because of {listed(names)}, which pictell does not "
            "recognise as dropout: export the model for inference (Keras: training=False, "
            "PyTorch: model.eval())"
        )


def taken_out_text(names: Sequence[str]) -> str:
    """What is taken out of a model, as one sentence."""
    return f"random operations of its training, such as dropout, are taken out: {listed(names)}"


class Analysis(Generic[T]):
    """What the values of a graph are on average.

    ``producer`` gives the operation that computes a value, ``None`` also for one that means
    something else than the operation of that name here. ``source`` takes a value and a trial.
    """

    def __init__(self, producer: Producer[T], source: Source[T]) -> None:
        self._trials = [_Trial(producer, source, trial) for trial in TRIALS]

    def identities(self, values: Iterable[T]) -> dict[T, T]:
        """Those of the values that are equal to another one, and that other one."""
        values = list(values)
        one, other = ({value: trial.same_as(value) for value in values} for trial in self._trials)
        return {
            value: same for value, same in one.items() if same is not None and other[value] == same
        }

    def number(self, value: T) -> float | None:
        """The number that a value is whatever the picture, ``None`` if it is not known."""
        one, other = (trial.know(value) for trial in self._trials)
        return one.value if isinstance(one, Number) and one == other else None


class _Trial(Generic[T]):
    """What is known of the values of a graph, with one set of unknown numbers."""

    def __init__(self, producer: Producer[T], source: Source[T], trial: int) -> None:
        self._producer, self._source, self._trial = producer, source, trial
        self._known: dict[T, Known[T]] = {}
        self._identities: dict[T, T] = {}

    def same_as(self, value: T) -> T | None:
        self.know(value)
        return self._identities.get(value)

    def know(self, value: T, steps: int = MAX_STEPS) -> Known[T]:
        if value not in self._known:
            # Ends cycles in damaged graphs.
            self._known[value] = Scaled(value)
            if steps:
                self._known[value] = self._compute(value, steps - 1)
        return self._known[value]

    def _compute(self, value: T, steps: int) -> Known[T]:
        if (given := self._source(value, self._trial)) is not None:
            return given
        step = self._producer(value)
        op, inputs = ("", ()) if step is None else (plain(step[0]), step[1])
        arity, rule = RULES.get(op, (0, None))
        if rule is None or len(inputs) < arity:
            return Scaled(value)
        found: Known[T] | None = rule(*(self.know(one, steps) for one in inputs[:arity]))
        if isinstance(found, Scaled) and found.is_random and abs(found.factor - 1) <= TOLERANCE:
            self._identities[value] = found.value
            return Scaled(value)
        return Scaled(value) if found is None else found


def _add(a: Known[T], b: Known[T]) -> Known[T] | None:
    match a, b:
        case Number(), Number():
            return Number(a.value + b.value)
        case Number(), Noise():
            return _add(b, a)
        case Noise(), Number():
            bounds = a.bounds and (a.bounds[0] + b.value, a.bounds[1] + b.value)
            return Noise(a.mean + b.value, bounds)
        case Noise(mean=0.0), Scaled():
            return _add(b, a)
        case Scaled(), Noise(mean=0.0):
            return Scaled(a.value, a.factor, is_random=True)
    return None


def _multiply(a: Known[T], b: Known[T]) -> Known[T] | None:
    match a, b:
        case Number(), Number():
            return Number(a.value * b.value)
        case (Number(), Noise() | Scaled()) | (Noise(), Scaled()):
            return _multiply(b, a)
        case Noise(), Number():
            bounds = a.bounds and (a.bounds[0] * b.value, a.bounds[1] * b.value)
            if bounds is not None and b.value < 0:
                bounds = bounds[::-1]
            return Noise(a.mean * b.value, bounds, a.is_binary and b.value == 1)
        case Scaled(), Number():
            return Scaled(a.value, a.factor * b.value, a.is_random)
        case Scaled(), Noise():
            return Scaled(a.value, a.factor * b.mean, is_random=True)
    return None


def _negate(a: Known[T]) -> Known[T] | None:
    return _multiply(a, Number(-1))


def _subtract(a: Known[T], b: Known[T]) -> Known[T] | None:
    negative = _negate(b)
    found = negative and _add(a, negative)
    if isinstance(b, Noise) and b.is_binary and a == Number(1) and isinstance(found, Noise):
        return found._replace(is_binary=True)
    return found


def _invert(a: Known[T]) -> Known[T] | None:
    return Number(1 / a.value) if isinstance(a, Number) and a.value else None


def _divide(a: Known[T], b: Known[T]) -> Known[T] | None:
    inverse = _invert(b)
    return inverse and _multiply(a, inverse)


def _greater(a: Known[T], b: Known[T]) -> Known[T] | None:
    """Which of two numbers is greater; equal ones have the probability 0."""
    match a, b:
        case Noise(bounds=(low, high)), Number(limit) if low < high:
            return Noise(min(max((high - limit) / (high - low), 0), 1), is_binary=True)
        case Number(), Noise():
            less: Known[T] | None = _greater(b, a)
            return less and _not(less)
    return None


def _less(a: Known[T], b: Known[T]) -> Known[T] | None:
    return _greater(b, a)


def _not(a: Known[T]) -> Known[T] | None:
    return _subtract(Number(1), a)


def _floor(a: Known[T]) -> Known[T] | None:
    """A uniform distribution within 0 to 2 becomes 0 or 1."""
    match a:
        case Number():
            return Number(math.floor(a.value)) if math.isfinite(a.value) else None
        case Noise(bounds=(low, high)) if 0 <= low <= 1 <= high <= 2 and low < high:
            return Noise((high - 1) / (high - low), is_binary=True)
    return None


def _select(condition: Known[T], a: Known[T], b: Known[T]) -> Known[T] | None:
    match condition:
        case Number():
            return a if condition.value else b
        case Noise(mean=share, is_binary=True):
            match a, b:
                case Number(), Number():
                    mean = share * a.value + (1 - share) * b.value
                    return Noise(mean, is_binary=(a.value, b.value) in ((1, 0), (0, 1)))
                case Scaled(), Number(0):
                    return Scaled(a.value, a.factor * share, is_random=True)
                case Number(0), Scaled():
                    return Scaled(b.value, b.factor * (1 - share), is_random=True)
    return None


def _keep(a: Known[T]) -> Known[T] | None:
    return a


def _shape(a: Known[T]) -> Known[T] | None:
    """Another shape, or another type: of a picture's value, this is another value."""
    return None if isinstance(a, Scaled) else a


def _count(a: Known[T]) -> Known[T] | None:
    """Whole numbers or truth values, of what is already 0 or 1."""
    is_binary = a in (Number(0), Number(1)) or (isinstance(a, Noise) and a.is_binary)
    return a if is_binary else None


def _bernoulli(a: Known[T]) -> Known[T] | None:
    return Noise(a.value, is_binary=True) if isinstance(a, Number) else None


def _fill(_: Known[T], b: Known[T]) -> Known[T] | None:
    return b


# Operations, named as ``plain`` does: how many inputs count, and what they give.
RULES: dict[str, tuple[int, Callable[..., Any]]] = {
    **dict.fromkeys(("add", "addv2"), (2, _add)),
    "sub": (2, _subtract),
    "mul": (2, _multiply),
    **dict.fromkeys(("div", "divnonan", "realdiv"), (2, _divide)),
    **dict.fromkeys(("inv", "reciprocal"), (1, _invert)),
    "neg": (1, _negate),
    **dict.fromkeys(("greater", "greaterequal", "greaterorequal"), (2, _greater)),
    **dict.fromkeys(("less", "lessequal", "lessorequal"), (2, _less)),
    **dict.fromkeys(("logicalnot", "not"), (1, _not)),
    "floor": (1, _floor),
    **dict.fromkeys(("select", "selectv2", "where"), (3, _select)),
    **dict.fromkeys(
        ("identity", "placeholderwithdefault", "snapshot", "stopgradient"), (1, _keep)
    ),
    **dict.fromkeys(
        (
            "broadcastto", "cast", "expand", "expanddims", "reshape", "squeeze", "tile",
            "transpose", "unsqueeze",
        ),
        (1, _shape),
    ),
    # A cast to anything but real numbers.
    "count": (1, _count),
    "bernoulli": (1, _bernoulli),
    "fill": (2, _fill),
}  # fmt: skip
