"""What the structured forms have in common: values, and the entries of a list of names in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pictell.types import MAX_LABELS

# Keys whose value is the names, the best first. They are compared without case and punctuation.
NAMES_KEYS = """id2label names labels classes classnames labelnames categories classindices
    classtoidx idxtoclass indextoname labelmap label2id label vocab""".split()
NAME_KEYS = "displayname name label title classname class words targetclassstring".split()
NUMBER_KEYS = "id index label classid classindex classidx idx targetclass value".split()
INTEGER = re.compile("[0-9]{1,9}")
# WordNet's ids, which become part of a label, and those of Open Images and AudioSet, which do not.
SYNSET = re.compile("n[0-9]{8}")
MACHINE_ID = re.compile("/[mgt]/[0-9A-Za-z_]+")
MAX_DEPTH = 8
# Of a text that Python reads, token by token; JSON is read in C.
MAX_LENGTH = 4 * 1024 * 1024
MAX_NAME_LENGTH = 10_000
TOO_MANY = f"there are more than {MAX_LABELS:,} labels"


class FormError(Exception):
    """A text is in a form that pictell knows, but its names cannot be read. One sentence."""


class Pairs(list[tuple[Any, Any]]):
    """The keys and values of an object or a map, in order; keys may repeat."""


class Row(NamedTuple):
    """A name and its key: a number, or other text if the text is no list of classes."""

    key: str | None
    name: str


def check_length(text: str, form: str) -> None:
    """Raise ``FormError`` for a text that takes too long to read."""
    if len(text) > MAX_LENGTH:
        raise FormError(f"{form} of more than {MAX_LENGTH >> 20} MiB: write the names as JSON")


def normalised(key: object) -> str:
    """A key or a heading as it is compared: lower case, letters and digits only."""
    return re.sub(r"[\W_]", "", str(key).casefold())


def with_id(key: str, name: str) -> str | None:
    """A name with the WordNet id before it, or without another id; ``None`` for other keys."""
    if SYNSET.fullmatch(key):
        return f"{key} {name}"
    return name if MACHINE_ID.fullmatch(key) else None


def rows_of(value: Any, form: str, depth: int = 0) -> list[Row]:
    """The names in a value that was read from a ``form``, such as JSON.

    The value is a list of names or entries, or ``Pairs``: name to index, index to name, index to
    [id, name], or a map with one of these under a key such as ``names``. Raises ``FormError``.
    """
    if depth > MAX_DEPTH or not isinstance(value, list):
        raise FormError(f"{form} that is no list and no map of names")
    if len(value) > MAX_LABELS:
        raise FormError(TOO_MANY)
    if not isinstance(value, Pairs):
        return [_entry(item, number, form) for number, item in enumerate(value, start=1)]
    if _all_numbers([item for _, item in value], of_text=not _all_numbers([*_keys(value)])):
        return [Row(str(item), str(key)) for key, item in value]
    names = _names_in(value, form)
    if names is not None:
        return rows_of(names, form, depth + 1)
    if not _all_numbers([*_keys(value)]) and any(isinstance(item, list) for _, item in value):
        raise FormError(f"{form} without names (under names, labels, classes or id2label)")
    return [
        Row(str(key), _name(item, f"entry {number}: the name of {key!r}", form))
        for number, (key, item) in enumerate(value, start=1)
    ]


def _keys(pairs: Pairs) -> Iterator[Any]:
    return (key for key, _ in pairs)


def _is_number(value: object, of_text: bool) -> bool:
    if isinstance(value, str):
        return of_text and INTEGER.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def _all_numbers(values: Sequence[object], of_text: bool = True) -> bool:
    return bool(values) and all(_is_number(value, of_text) for value in values)


def _names_in(pairs: Pairs, form: str) -> Any:
    """The value under a key such as ``names``, here or in one of the maps below."""
    level, depth = [pairs], 0
    while level and depth < MAX_DEPTH:
        found = [item for one in level if (item := _under_known_key(one)) is not None]
        if len(found) > 1:
            raise FormError(f"{form} with {len(found)} lists of names: keep one of them")
        if found:
            return found[0]
        level = [item for one in level for _, item in one if isinstance(item, Pairs)]
        depth += 1
    return None


def _under_known_key(pairs: Pairs) -> Any:
    known = {normalised(key): item for key, item in pairs if isinstance(item, list) and item}
    if len(known) > 1:
        # A data set has its targets under such a key too.
        known = {key: item for key, item in known.items() if not _all_numbers(item, False)}
    return next((known[key] for key in NAMES_KEYS if key in known), None)


def _entry(item: Any, number: int, form: str) -> Row:
    """One item of a list: a name, a number and a name in either order, or an object with a name."""
    what = f"entry {number}: the name"
    if isinstance(item, Pairs):
        values = {normalised(key): value for key, value in item}
        # The name of a class may be digits.
        named = bool({"name", "displayname"} & values.keys())
        keys = [key for key in NUMBER_KEYS if _is_number(values.get(key), named or key != "label")]
        return Row(str(values[keys[0]]) if keys else None, _name(item, what, form))
    if isinstance(item, list) and len(item) == 2:
        if _is_number(item[0], of_text=False):
            return Row(str(item[0]), _name(item[1], what, form))
        if _is_number(item[1], of_text=False):
            return Row(str(item[1]), _name(item[0], what, form))
    if _is_number(item, of_text=False):
        return Row(None, str(item))
    return Row(None, _name(item, what, form))


def _name(item: Any, what: str, form: str) -> str:
    """The name in a value: text, [id, name], or an object with a name."""
    if isinstance(item, Pairs):
        values = {normalised(key): value for key, value in item if isinstance(value, str)}
        item = next((values[key] for key in NAME_KEYS if key in values), None)
        ids = [value for value in values.values() if SYNSET.fullmatch(value) and value != item]
        if ids and item is not None:
            item = f"{ids[0]} {item}"
    elif isinstance(item, list) and len(item) == 2 and all(isinstance(one, str) for one in item):
        item = with_id(*item)
    if not isinstance(item, str):
        raise FormError(f"{form} that is no list of names: {what} must be text")
    return item
