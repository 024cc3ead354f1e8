"""A labels file becomes one ``Label`` for each class. Its forms are in docs/models.md."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from unicodedata import normalize

from pictell.errors import InvalidModelError
from pictell.files import TextFileError, read_text
from pictell.inspection.scores import BACKGROUND as BACKGROUND_NAME
from pictell.inspection.scores import UNLABELLED
from pictell.types import MAX_LABELS, Label

IMAGENET = Path(__file__).parent / "default" / "labels.tsv"
IMAGENET_CLASSES = 1000
# This share of the lines must be ImageNet names in order. The others are other spellings.
IMAGENET_SHARE = 0.95
BACKGROUND = Label(BACKGROUND_NAME)

OWN_FORMAT = re.compile(r"[^\S\t]*+[^\s][^\t]*+(\t(n[0-9]{8})?(\t.*)?)?")
AFTER_TAB = re.compile(r"\t\s*+\S")
TAB_AFTER_NUMBER = re.compile(r"[0-9]+\t\S")
WITH_SYNSET = re.compile(r"(n[0-9]{8})(?:[:,-]\s*|\s+)(\S.*)")


def read_labels(path: Path) -> tuple[Label, ...]:
    """The labels in a file, in the order of the classes. Raises ``InvalidModelError``."""
    try:
        return labels_from_text(read_text(path), path.name)
    except TextFileError as error:
        raise InvalidModelError(f"the labels file {path.name} {error}") from error


def labels_from_text(text: str, name: str) -> tuple[Label, ...]:
    """The labels in a text, in the order of the classes; ``name`` is its name in errors.

    Raises ``InvalidModelError``.
    """
    if _is_own_format(text):
        return tuple(map(_own_format, _own_lines(text)))
    # Imported here: a start with a model's folder does without it.
    from pictell.models.label_forms import FormError, read_names

    try:
        names = read_names(text)
    except FormError as error:
        raise InvalidModelError(f"{name}: {error}") from error
    return _with_synsets(names) or _imagenet(names) or tuple(map(Label, names))


def complete(labels: Sequence[Label], background: bool, unlabelled: int) -> tuple[Label, ...]:
    """The labels, a background class before them and names for unlabelled outputs after them."""
    first = (BACKGROUND,) if background else ()
    known = (*first, *labels)
    rest = range(len(known), len(known) + unlabelled)
    return (*known, *(Label(f"{UNLABELLED}{index}") for index in rest))


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


def _is_own_format(text: str) -> bool:
    """Whether each line is a name and what is after it, separated by tabs."""
    if "\t" not in text or text.count("\n") > MAX_LABELS:
        return False
    if text[0] in "[{" and text.rstrip()[-1] in "]}":
        return False
    lines = _own_lines(text)
    return (
        all(map(OWN_FORMAT.fullmatch, lines))
        # Not just a tab after a name.
        and (any(map(AFTER_TAB.search, lines)) or all("\t\t" in line for line in lines))
        and not all(map(TAB_AFTER_NUMBER.match, lines))
    )


def _own_lines(text: str) -> list[str]:
    # Tabs at the end belong to the last label.
    return text.rstrip(" \n").split("\n")


def _own_format(line: str) -> Label:
    name, synset, synonyms = (field.strip() for field in f"{line}\t\t".split("\t", 2))
    return Label(name, synset or None, tuple(synonyms.split(", ")) if synonyms else ())


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
