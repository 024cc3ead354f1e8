"""Results: plain data that can be written as JSON and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pictell.errors import PictellError, error_classes
from pictell.types import PictureWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCORE_DIGITS = 6
MS_DIGITS = 3
# A class of a broader answer with a lower score says nothing.
MIN_SHOWN = 0.2
# Later releases add fields to it. A removed field or another meaning needs a new version.
SCHEMA = Path(__file__).with_name("result-v1.schema.json")


class Status(StrEnum):
    """How sure a result is.

    ``sure``: an informative label has at least the confidence threshold. ``likely``: none has, but
    one is more likely right than wrong. ``unsure``: none is. ``unknown``: the picture is unlike
    anything that the model knows. A label is informative unless it is a heading of the taxonomy.
    """

    SURE = "sure"
    LIKELY = "likely"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class with its score, a probability in 0..1."""

    label: str
    score: float
    class_index: int
    synset: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The label that answers: a class or a broader label.

    ``score``, 0..1, is the sum of the probabilities of its classes. That of a ``likely`` answer is
    raised to the share of such answers that are right, if the model is calibrated for it. ``id``
    stays the same if names change: the WordNet id, else the class index or the key of a broader
    label. ``path`` holds the names of the labels from the top of the taxonomy down to this one,
    ``classes`` the indices of its classes.
    """

    name: str
    score: float
    id: str
    path: tuple[str, ...]
    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds spent on one picture, by stage; ``run_ms`` is its share of the batch's run."""

    read_ms: float
    decode_ms: float
    preprocess_ms: float
    run_ms: float

    @property
    def total_ms(self) -> float:
        """The sum of the stages, in milliseconds."""
        return self.read_ms + self.decode_ms + self.preprocess_ms + self.run_ms


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """The result for one source: predictions, best first, or the error.

    ``status`` says how sure it is; it is ``None`` for a model without a calibration, with
    the option ``flat`` and with an ``error``. ``answer`` is set if the status is
    ``sure`` or ``likely``. ``width`` and ``height`` are the upright picture's size in pixels.
    ``warnings`` say what is wrong with the picture, because of which the answer may be wrong; a
    failed result has none.
    ``probabilities`` are those of all classes, (classes,) float64, and ``embedding`` (D,) float32
    with an L2 norm of 1, if the caller requested them.
    """

    source: str
    model: str
    status: Status | None = None
    answer: Answer | None = None
    predictions: tuple[Prediction, ...] = ()
    width: int | None = None
    height: int | None = None
    timings: Timings | None = None
    warnings: tuple[PictureWarning, ...] = ()
    error: PictellError | None = None
    probabilities: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    embedding: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def top(self) -> Prediction:
        """The class with the highest score. Raises the result's own error if it has one."""
        if self.error is not None:
            raise self.error
        return self.predictions[0]

    def in_words(self, *, best_class: bool = True) -> tuple[str, float | None]:
        """What the picture shows, as a person would say it, and the score, 0..1, if there is one.

        ``best_class`` adds that of a broader answer. For a failed result it is the error's message.
        """
        if self.error is not None:
            return self.error.message, None
        if self.answer is not None:
            probably = "probably " if self.status is Status.LIKELY else ""
            example = self._best_class() if best_class else ""
            return f"{probably}{self.answer.name}{example}", self.answer.score
        if self.status is Status.UNKNOWN:
            return "not sure: unlike anything this model knows", None
        if not self.predictions:
            return "no prediction", None
        perhaps = "not sure; perhaps " if self.status is Status.UNSURE else ""
        return f"{perhaps}{self.top.label}", self.top.score

    def _best_class(self) -> str:
        """The best class of a broader answer, in brackets, if its score is worth a word."""
        if self.answer is not None and len(self.answer.classes) > 1:
            for one in self.predictions:
                if one.class_index in self.answer.classes and one.score >= MIN_SHOWN:
                    return f" ({one.label} {percent(one.score)})"
        return ""

    def __str__(self) -> str:
        words, score = self.in_words()
        words += warning_mark(self.warnings)
        return "  ".join([self.source, words, *([] if score is None else [percent(score)])])

    def __repr__(self) -> str:
        if self.error is not None:
            return f"<Result {self.source!r}: {self.error.code}>"
        words, score = self.in_words()
        parts = [*([self.status.value] if self.status else []), repr(words)]
        if score is not None:
            parts.append(f"{score:.3f}")
        parts += self.warnings
        return f"<Result {self.source!r}: {', '.join(parts)}>"

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON prints it, without ``probabilities`` and ``embedding``.

        Scores have 6 digits after the point and milliseconds 3. A failed result has only
        ``source``, ``model`` and ``error``.
        """
        record: dict[str, Any] = {"source": self.source, "model": self.model}
        if self.error is not None:
            return record | {"error": {"code": self.error.code, "message": self.error.message}}
        answer, timings = self.answer, self.timings
        return record | {
            "status": self.status and self.status.value,
            "answer": answer and _record(answer),
            "predictions": [_record(one) for one in self.predictions],
            "width": self.width,
            "height": self.height,
            "timings": timings and _record(timings, total_ms=timings.total_ms),
            "warnings": list(self.warnings),
        }

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of what ``to_dict`` returns."""
        # Most programs do without the schema.
        import json

        schema: dict[str, Any] = json.loads(SCHEMA.read_bytes())
        return schema

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Result:
        """The result that ``to_dict`` wrote, up to its rounding, also after a trip through JSON.

        Fields that a later release added are ignored; a record of an older one may lack
        ``warnings``. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for a record of another
        form.
        """
        source, model = record["source"], record["model"]
        if error := record.get("error"):
            kind = error_classes().get(error["code"], PictellError)
            return cls(source, model, error=kind(error["message"], source=source))
        answer, timings = record["answer"], record["timings"]
        return cls(
            source,
            model,
            status=None if record["status"] is None else Status(record["status"]),
            answer=answer and Answer(**_values(answer, Answer)),
            predictions=tuple(
                Prediction(**_values(one, Prediction)) for one in record["predictions"]
            ),
            width=record["width"],
            height=record["height"],
            timings=timings and Timings(**_values(timings, Timings)),
            warnings=_warnings(record.get("warnings") or ()),
        )


def warning_mark(warnings: Sequence[str]) -> str:
    """The warnings of a result as they follow its words: `` (damaged)``; empty without any."""
    return f" ({', '.join(warnings)})" if warnings else ""


def percent(score: float) -> str:
    """A score in 0..1 as text: ``97 %``. Only a score of 1 is 100 %."""
    return f"{100 if score >= 1 else min(round(100 * score), 99)} %"


def _record(one: Answer | Prediction | Timings, **others: float) -> dict[str, Any]:
    """The fields and some other values, rounded."""
    # dataclasses.asdict takes five times as long.
    values = {name: getattr(one, name) for name in one.__slots__} | others
    return {
        key: round(value, MS_DIGITS if key.endswith("_ms") else SCORE_DIGITS)
        if isinstance(value, float)
        else list(value)
        if isinstance(value, tuple)
        else value
        for key, value in values.items()
    }


def _values(record: Mapping[str, Any], of: type[Any]) -> dict[str, Any]:
    """The values of a dataclass's fields; a record may have others."""
    values = {one.name: record[one.name] for one in fields(of)}
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }


def _warnings(names: Any) -> tuple[PictureWarning, ...]:
    """The warnings of a record, also those that only a later release knows."""
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise TypeError(f"warnings must be a list of texts, not {names!r}")
    return tuple(names)
