"""The forms in which people have labels: a text becomes names in the order of the classes.

The form is recognised before anything in the text is taken for a name. A new form is a function
``recognise(text)`` in a module here and a line in ``FORMS``. It gives ``None`` for a text that is
not in its form, and raises ``FormError`` for one that is and cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pictell.models.label_forms import json_text, label_map, python_text, table, yaml_text
from pictell.models.label_forms.foreign import check_not_foreign
from pictell.models.label_forms.lines import read_lines
from pictell.models.label_forms.numbers import in_order
from pictell.models.label_forms.values import (
    MAX_NAME_LENGTH,
    TOO_MANY,
    FormError,
    Row,
    rows_of,
)
from pictell.types import MAX_LABELS

__all__ = ["FormError", "Row", "one_line", "read_names", "read_structured"]

# The name of each form, for errors, and its function. The first one that knows a text reads it.
FORMS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("JSON", json_text.recognise),
    ("Python text", python_text.recognise),
    (label_map.FORM, label_map.recognise),
    (yaml_text.FORM, yaml_text.recognise),
)
SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")


def read_names(text: str) -> list[str]:
    """The names in a text, in the order of the classes; a WordNet id may be before each.

    Raises ``FormError``.
    """
    text = text.rstrip()
    if not text:
        raise FormError("the file has no labels")
    if (found := read_structured(text)) is not None:
        form, rows = found
        names = in_order(rows, form)
    elif text.count("\n") >= MAX_LABELS:
        raise FormError(TOO_MANY)
    elif (found_rows := table.recognise(text)) is not None:
        names = in_order(found_rows, table.FORM)
    else:
        names = read_lines(text)
    return _checked(names)


def read_structured(text: str) -> tuple[str, list[Row]] | None:
    """The form of a text, such as JSON, and its names with their keys; ``None`` if it is lines.

    Raises ``FormError``.
    """
    text = text.lstrip()
    check_not_foreign(text)
    for form, recognise in FORMS:
        value = recognise(text)
        if value is not None:
            return form, rows_of(value, form)
    return None


def one_line(name: str) -> str:
    """The name with spaces for line breaks and tabs. Raises ``FormError`` for half a character."""
    if not name.isascii() and name != name.encode(errors="replace").decode():
        raise FormError(f"{name!r:.60} has a character that Unicode does not have")
    return SPACES.sub(" ", name).strip()


def _checked(names: list[str]) -> list[str]:
    """The names as one line each. Raises ``FormError`` for one that cannot be shown."""
    if not names:
        raise FormError("the file has no labels")
    if len(names) > MAX_LABELS:
        raise FormError(TOO_MANY)
    names = [*map(one_line, names)]
    for number, name in enumerate(names, start=1):
        if not name:
            raise FormError(f"label {number} is empty")
        if len(name) > MAX_NAME_LENGTH:
            raise FormError(f"label {number} is longer than {MAX_NAME_LENGTH:,} characters")
    return names
