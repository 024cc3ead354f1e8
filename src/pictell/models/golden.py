"""``golden.toml``: a model's answers to three computed pictures, recorded when it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pictell.models import toml_table
from pictell.models.folder import GOLDEN_FILE, read_attachment, write_text
from pictell.models.toml_table import Document, Table, as_float


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden answers: the best classes of each picture, by its name, with their scores (0..1).

    ``made_by`` names the program and the runtime; ``tolerance`` is the allowed difference of a
    score.
    """

    made_by: str
    tolerance: float
    answers: dict[str, tuple[tuple[int, float], ...]]


def read_golden(folder: Path) -> Golden | None:
    """The golden answers in a model's folder, if there are any. Raises ``InvalidModelError``."""
    path = folder / GOLDEN_FILE
    if not path.exists():
        return None
    document = Document(read_attachment(path).text, GOLDEN_FILE, {"golden", "answers"})
    about, answers = document.table("golden"), document.table("answers")
    golden = Golden(
        made_by=about.take("made_by", str),
        tolerance=about.take_fraction("tolerance"),
        answers={picture: _scores(answers, picture) for picture in answers},
    )
    about.close()
    return golden


def write_golden(folder: Path, golden: Golden) -> None:
    """Write ``golden.toml`` into a model's folder: whole, or not at all. Raises ``StoreError``."""
    answers = {
        picture: [[index, round(score, 6)] for index, score in scores]
        for picture, scores in golden.answers.items()
    }
    about = {"made_by": golden.made_by, "tolerance": golden.tolerance}
    text = toml_table.to_text({"golden": about, "answers": answers})
    write_text(folder / GOLDEN_FILE, text)


def _scores(answers: Table, picture: str) -> tuple[tuple[int, float], ...]:
    pairs = answers.take(picture, list)
    if not pairs or not all(map(_is_score, pairs)):
        raise answers.error(picture, "must be pairs of a class index and a score")
    return tuple((index, as_float(score)) for index, score in pairs)


def _is_score(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and type(pair[0]) is int
        and type(pair[1]) in {int, float}
        and 0 <= as_float(pair[1]) <= 1
    )
