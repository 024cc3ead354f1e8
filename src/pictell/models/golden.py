"""The golden answers stored with a model: what it said when it was made, of pictures by formula."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pictell.errors import StoreError
from pictell.files import write_file
from pictell.models.folder import GOLDEN_FILE, read_attachment
from pictell.models.toml_table import Document, Table, as_float


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden answers: of each picture, by its name, the best classes with their scores (0..1).

    ``made_by`` names the program and the engine; ``tolerance`` is how far a score may be off.
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
    lines = [
        "[golden]",
        f'made_by = "{golden.made_by}"',
        f"tolerance = {golden.tolerance}",
        "",
        "# class index and score, best first",
        "[answers]",
    ]
    for picture, scores in golden.answers.items():
        pairs = ", ".join(f"[{index}, {score:.6f}]" for index, score in scores)
        lines.append(f"{picture} = [{pairs}]")
    try:
        write_file(folder / GOLDEN_FILE, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise StoreError(f"{GOLDEN_FILE} cannot be written: {error.strerror}") from error


def _scores(answers: Table, picture: str) -> tuple[tuple[int, float], ...]:
    pairs = answers.take(picture, list)
    if not pairs or not all(_is_score(pair) for pair in pairs):
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
