"""``golden.toml``: a model's answers to three computed pictures, recorded when it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from pictell.models import toml
from pictell.models.folder import GOLDEN_FILE, read_attachment, write_text

Probability = Annotated[float, Meta(ge=0, le=1)]


class About(toml.Table, frozen=True):
    """``made_by`` names the program and the runtime.

    ``tolerance`` is the allowed difference of a score.
    """

    made_by: str
    tolerance: Annotated[float, Meta(gt=0, le=1)]


class Golden(toml.Table, frozen=True):
    """The class indices and scores of each picture's best classes, by its name."""

    about: About = field(name="golden")
    answers: dict[str, Annotated[tuple[tuple[int, Probability], ...], Meta(min_length=1)]]


def read_golden(folder: Path) -> Golden | None:
    """The golden answers in a model's folder, if there are any. Raises ``InvalidModelError``."""
    path = folder / GOLDEN_FILE
    if not path.exists():
        return None
    return toml.parse(read_attachment(path).text, GOLDEN_FILE, Golden)


def write_golden(folder: Path, golden: Golden) -> None:
    """Write ``golden.toml`` into a model's folder: whole, or not at all. Raises ``StoreError``."""
    write_text(folder / GOLDEN_FILE, toml.to_text(golden))
