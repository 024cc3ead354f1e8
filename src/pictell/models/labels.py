"""A labels file becomes one ``Label`` for each line. Its formats are in docs/models.md."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from unicodedata import normalize

from pictell.errors import InvalidModelError
from pictell.files import TextFileError, read_text
from pictell.types import Label

IMAGENET = Path(__file__).parent / "default" / "labels.tsv"
IMAGENET_CLASSES = 1000
# This share of the lines must be ImageNet names in order. The others are other spellings.
IMAGENET_SHARE = 0.95
BACKGROUND = Label("background")

NUMBERED = re.compile(r"([0-9]{1,9})(?:[:,]\s*|\s+)(\S.*)")
OWN_FORMAT = re.compile(r"[^\t]+(\t(n\d{8})?(\t.*)?)?")
TAB_AFTER_NUMBER = re.compile(r"\d+\t\S")
WITH_SYNSET = re.compile(r"(n\d{8})(?:[:,]\s*|\s+)(\S.*)")


def read_labels(path: Path) -> tuple[Label, ...]:
    """One label for each line of a file. Raises ``InvalidModelError``."""
    try:
        return labels_from_text(read_text(path), path.name)
    except TextFileError as error:
        raise InvalidModelError(f"the labels file {path.name} {error}") from error


def labels_from_text(text: str, name: str) -> tuple[Label, ...]:
    """One label for each line of a text; ``name`` is its name in errors.

    Raises ``InvalidModelError``.
    """
    lines = _lines(text, name)
    own_format = any("\t" in line for line in lines) and all(map(OWN_FORMAT.fullmatch, lines))
    if own_format and not TAB_AFTER_NUMBER.match(lines[0]):
        return tuple(map(_own_format, lines))
    lines = _without_numbers([line.strip() for line in lines])
    lines = [line.replace("\t", " ") for line in lines]
    return _with_synsets(lines) or _imagenet(lines) or tuple(map(Label, lines))


def complete(labels: Sequence[Label], background: bool, unlabelled: int) -> tuple[Label, ...]:
    """The labels, a background class before them and names for unlabelled outputs after them."""
    first = (BACKGROUND,) if background else ()
    known = (*first, *labels)
    rest = range(len(known), len(known) + unlabelled)
    return (*known, *(Label(f"unlabelled output {index}") for index in rest))


def positions(keys: Iterable[str | None]) -> dict[str, list[int]]:
    """The positions of each key, such as a name; ``None`` is not a key."""
    found = defaultdict[str, list[int]](list)
    for position, key in enumerate(keys):
        if key is not None:
            found[key].append(position)
    return found


def folded(name: str) -> str:
    """The name as it is compared: case folded, underscores as spaces, single spaces.

    An accent is the same within its letter and after it, as macOS writes it in names of files.
    """
    return " ".join(normalize("NFC", name.replace("_", " ").casefold()).split())


def in_other_number(name: str) -> Iterator[str]:
    """What the singular of a plural may be, and the plural of a singular: by -s, -es, -y/-ies."""
    for singular, plural in (("", "s"), ("", "es"), ("y", "ies")):
        if name.endswith(plural):
            yield name.removesuffix(plural) + singular
        if name.endswith(singular):
            yield name.removesuffix(singular) + plural


def to_text(labels: Sequence[Label]) -> str:
    """Labels in pictell's own format, which ``read_labels`` reads back."""
    return "".join(
        f"{label.name}\t{label.synset or ''}\t{', '.join(label.synonyms)}\n" for label in labels
    )


def _lines(text: str, name: str) -> list[str]:
    # str.splitlines also splits at form feeds and other characters.
    lines = text.rstrip().split("\n")
    if lines == [""]:
        raise InvalidModelError(f"{name} has no labels")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise InvalidModelError(
                f"{name}: line {number} is blank, which would shift the labels after it"
            )
    return lines


def _own_format(line: str) -> Label:
    name, synset, synonyms = (field.strip() for field in f"{line}\t\t".split("\t", 2))
    return Label(name, synset or None, tuple(synonyms.split(", ")) if synonyms else ())


def _without_numbers(lines: list[str]) -> list[str]:
    matches = [match for match in map(NUMBERED.fullmatch, lines) if match]
    if len(matches) < len(lines):
        return lines
    numbers = [int(match[1]) for match in matches]
    consecutive = list(range(min(numbers), min(numbers) + len(numbers)))
    if numbers == consecutive and numbers[0] in {0, 1}:
        return [match[2] for match in matches]
    if sorted(numbers) == consecutive:
        raise InvalidModelError("the labels are numbered, but not in this order")
    return lines


def _with_synsets(lines: list[str]) -> tuple[Label, ...] | None:
    """The labels if every line has a WordNet id, except for a background line before them."""
    first = tuple(map(Label, lines[:1])) if lines[0].lower() == BACKGROUND.name else ()
    labels = []
    for line in lines[len(first) :]:
        match = WITH_SYNSET.fullmatch(line)
        if match is None:
            return None
        name, *synonyms = match[2].split(", ")
        labels.append(Label(name, match[1], tuple(synonyms)))
    return (*first, *labels) if labels else None


def _imagenet(lines: list[str]) -> tuple[Label, ...] | None:
    """The labels if the lines are those of ImageNet, with or without a line before them."""
    extra = len(lines) - IMAGENET_CLASSES
    if extra not in {0, 1}:
        return None
    ours = read_labels(IMAGENET)
    labels = [
        label
        if line.partition(",")[0] in (label.name, *label.synonyms)
        else Label(line, label.synset)
        for line, label in zip(lines[extra:], ours, strict=True)
    ]
    if len(set(ours).intersection(labels)) < IMAGENET_SHARE * IMAGENET_CLASSES:
        return None
    return (*map(Label, lines[:extra]), *labels)
