"""Strict reading of TOML, key by key, and writing of simple tables.

Errors name the line. Keys that the program does not read are errors, as they are usually misspelt.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pictell.errors import InvalidModelError


class Document:
    """The tables of a TOML text. Raises ``InvalidModelError`` if the text is not TOML.

    ``name`` is its name in errors; ``tables`` are the tables it may have.
    """

    def __init__(self, text: str, name: str, tables: set[str]) -> None:
        self.text = text
        self.name = name
        try:
            self._content: Mapping[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidModelError(f"{name} cannot be read: {error}") from error
        for table in sorted(self._content.keys() - tables):
            raise self.error(table, None, f"unknown table [{table}]")

    def table(self, name: str) -> Table:
        """The table of that name. Raises ``InvalidModelError`` if it is missing."""
        content = self._content.get(name)
        if not isinstance(content, dict):
            raise InvalidModelError(f"{self.name}: the table [{name}] is missing")
        return Table(self, name, content)

    def error(self, table: str, key: str | None, message: str) -> InvalidModelError:
        """An error about a table or a key, with the line."""
        line = self._line_of(table, key)
        place = self.name if line is None else f"{self.name}, line {line}"
        return InvalidModelError(f"{place}: {message}")

    def _line_of(self, table: str, key: str | None) -> int | None:
        inside = False
        for number, line in enumerate(self.text.split("\n"), start=1):
            words = line.strip()
            if words.startswith("["):
                inside = words.partition("]")[0].strip("[ ") == table
                if inside and key is None:
                    return number
            elif inside and words.partition("=")[0].strip().strip("\"'") == key:
                return number
        return None


class Table:
    """One table, read key by key; ``close`` refuses the keys that are left."""

    def __init__(self, document: Document, name: str, content: Mapping[str, Any]) -> None:
        self._document = document
        self._name = name
        self._rest = dict(content)

    def __iter__(self) -> Iterator[str]:
        """The keys that are not taken yet."""
        return iter(tuple(self._rest))

    def __contains__(self, key: str) -> bool:
        return key in self._rest

    def error(self, key: str | None, message: str) -> InvalidModelError:
        """An error about the value of ``key``, or about the whole table."""
        words = message if key is None else f"{key} {message}"
        return self._document.error(self._name, key, f"[{self._name}] {words}")

    def take(self, key: str, kind: type | tuple[type, ...]) -> Any:
        """The value of a required key. Raises ``InvalidModelError``."""
        if key not in self._rest:
            raise self.error(None, f"{key} is missing")
        value = self._rest.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"has the wrong type: {value!r}")
        return value

    def take_one_of(self, key: str, choices: tuple[str, ...]) -> Any:
        """The value of a key that must be one of ``choices``."""
        value = self.take(key, str)
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def take_optional_text(self, key: str) -> str | None:
        """The text of a key, ``None`` if it is missing."""
        return self.take(key, str) if key in self else None

    def take_file_name(self, key: str) -> str:
        """The name of a file in the folder of the model."""
        value: str = self.take(key, str)
        if PurePath(value).name != value or value in {"", "..", "."} or "\\" in value:
            raise self.error(key, f"must be the name of a file in the folder, not {value!r}")
        return value

    def take_fraction(self, key: str) -> float:
        """A number in (0, 1]."""
        value = as_float(self.take(key, (int, float)))
        if not 0 < value <= 1:
            raise self.error(key, "must be in (0, 1]")
        return value

    def take_positive(self, key: str) -> int:
        """A whole number, 1 or more."""
        value: int = self.take(key, int)
        if value < 1:
            raise self.error(key, "must be 1 or more")
        return value

    def take_colour(self, key: str) -> tuple[float, float, float]:
        """Three finite numbers, for R, G and B."""
        value = self.take(key, list)
        if len(value) != 3 or not all(map(_is_number, value)):
            raise self.error(key, "must be three numbers, for R, G and B")
        red, green, blue = map(as_float, value)
        return (red, green, blue)

    def close(self) -> None:
        """Raise ``InvalidModelError`` if keys are left."""
        if self._rest:
            message = f"[{self._name}] has unknown keys: {', '.join(self._rest)}"
            raise self._document.error(self._name, next(iter(self._rest)), message)


def to_text(tables: Mapping[str, Mapping[str, object]]) -> str:
    """The TOML text of the tables. Keys with the value ``None`` are left out."""
    return "\n".join(f"[{name}]\n{_lines(table)}" for name, table in tables.items())


def _lines(table: Mapping[str, object]) -> str:
    return "".join(
        f"{key} = {_to_toml(value)}\n" for key, value in table.items() if value is not None
    )


def _to_toml(value: object) -> str:
    if isinstance(value, float):
        # All digits; infinity is inf in TOML too.
        return repr(value)
    if isinstance(value, str):
        # File names may have surrogates, which UTF-8 cannot encode.
        value = value.encode("utf-8", "backslashreplace").decode()
    # JSON and TOML write text, numbers and lists alike, except for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def as_float(value: float) -> float:
    """The number as a float; infinity for a whole number that is too large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(as_float(value))
    )
