"""Lists and maps in brackets, as Python and YAML write them, from their tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pictell.models.label_forms.values import MAX_DEPTH, FormError, Pairs

CLOSING = {"[": "]", "{": "}", "(": ")"}
END = ""
ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U00[01][0-9A-Fa-f]{5}|[0-7]{1,3}|(?s:.))")
# The escapes of Python and JavaScript that are one character; a line break is left out.
ESCAPES = {
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "\n": "",
}


class Token(NamedTuple):
    """A part of a text and its line: a bracket, comma or colon, or the value of a scalar."""

    line: int
    mark: str | None
    value: Any = None


class Flow:
    """A parser of one list or map. ``form`` names the text in errors."""

    def __init__(self, tokens: Iterable[Token], form: str) -> None:
        self._tokens = iter(tokens)
        self._form = form
        self._next = Token(1, None)
        self._advance()

    def parse(self) -> Any:
        """The value, after which nothing may follow. Raises ``FormError``."""
        value = self._value(0)
        if self._next.mark != END:
            raise self._error("more after the closing bracket")
        return value

    def _advance(self) -> Token:
        token = self._next
        self._next = next(self._tokens, Token(token.line, END))
        return token

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise FormError(f"{self._form} that is nested too deeply")
        token = self._advance()
        if token.mark is None:
            return token.value
        if token.mark not in CLOSING:
            raise self._error(f"{token.mark or 'the end'!r} where a name should be")
        return self._items(CLOSING[token.mark], depth + 1)

    def _items(self, closing: str, depth: int) -> Any:
        """The items up to the closing bracket: ``Pairs`` in braces, unless it is a set of names."""
        items, keys = list[Any](), 0
        while self._next.mark != closing:
            item = self._value(depth)
            if closing == "}" and self._next.mark == ":":
                self._advance()
                item, keys = (item, self._value(depth)), keys + 1
            items.append(item)
            if self._next.mark not in {",", closing}:
                raise self._error(f"no comma or {closing} after {items[-1]!r:.60}")
            if self._next.mark == ",":
                self._advance()
        self._advance()
        if 0 < keys < len(items):
            raise self._error("names with and without a key")
        return Pairs(items) if keys or (closing == "}" and not items) else items

    def _error(self, what: str) -> FormError:
        return FormError(f"{self._form} that cannot be read: line {self._next.line}: {what}")


def unescape(text: str, escapes: Mapping[str, str] = ESCAPES) -> str:
    """The text without its backslash escapes. Raises ``ValueError`` for an unknown one."""

    def character(match: re.Match[str]) -> str:
        code = match[1]
        if code in escapes:
            return escapes[code]
        if len(code) == 1:
            raise ValueError(f"unknown escape {match[0]}")
        return chr(int(code, 8) if code.isdigit() else int(code[1:], 16))

    return ESCAPE.sub(character, text) if "\\" in text else text
