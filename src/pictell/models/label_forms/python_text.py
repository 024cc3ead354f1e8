"""Python's text of a list or dict, as ``print`` and ``pprint`` write it, also after ``names =``.

JavaScript's constants look the same. Nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pictell.models.label_forms import json_text, yaml_text
from pictell.models.label_forms.flow import CLOSING, Flow, Token, unescape
from pictell.models.label_forms.values import MAX_NAME_LENGTH, FormError, check_length

# What may be before the bracket: ``names =``, ``const names: string[] =``, and ``(#3)`` of fastai.
BEFORE = re.compile(
    r"[A-Za-z_][\w .*&:<>,]{0,100}(?:\[[\w, ]{0,20}\])?\s*=\s*(?=[\[{(])|\(#[0-9]+\)\s*(?=\[)"
    r"|(?:return|export\s+default)\s+(?=[\[{])"
)
CALL = re.compile(r"[A-Za-z_][\w.]{0,100}\((?:\w+=)?(?=[\[{'\"]|\(\()")
COMMENTS = re.compile(r"(?:\s*(?:#|//)[^\n]*\n|\s*\n)*+")
# Strings and what they stand for, without the braces around them.
PAIRS = re.compile(r"(?:\"[^\"\n]*\"|'[^'\n]*')[ \t]*:[ \t]")
IN_BRACKETS = re.compile(
    r"[\[{]\s*(?:(?P<sure>[\"'\[{(]|\w+\s*:)|[\]}]|\w[^\n:,]*[:,\]}]|\Z)|\(\s*['\"]"
)
DOUBLE = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
SINGLE = r"'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'"
TOKEN = re.compile(
    rf"(?P<break>\n)|(?P<space>[^\S\n]++|\#[^\n]*+|//[^\n]*+)|u?(?P<string>{DOUBLE}|{SINGLE})"
    r"|(?P<mark>[\[\]{}(),:])|(?P<integer>[0-9]{1,9}\b(?!\.))|(?P<other>.)"
)
# Also values that are no names, such as ``True`` and ``0.5``.
ANY_TOKEN = re.compile(TOKEN.pattern.replace("|(?P<other>", r"|(?P<word>[\w.+-]+)|(?P<other>"))


def recognise(text: str) -> Any:
    """The value of a list or dict in Python, else ``None``.

    Raises ``FormError`` for a text in brackets that cannot be read.
    """
    if call := CALL.match(text):
        raise FormError(f"Python text with a call, {call[0]}…): write the list or dict in it")
    if PAIRS.match(text):
        return _pairs(text)
    start = _end(COMMENTS, text, 0)
    bracket = _end(BEFORE, text, start)
    if bracket == start and not _is_in_brackets(text[start:]):
        return None
    check_length(text, "Python text")
    try:
        return _parse(text[bracket:].rstrip(",; \n"), text.count("\n", 0, bracket) + 1)
    except FormError as error:
        if bracket > 0:
            raise
        # YAML needs no quotes around names.
        if re.match(r"[\[{]\s*\w[^'\"()]*\Z", text):
            return yaml_text.in_brackets(text)
        raise error if "'" in text else json_text.explain(text) from None


def read_dict(text: str) -> Any:
    """The value of a dict of anything; numbers, ``True`` and the like are text.

    Raises ``FormError``.
    """
    check_length(text, "Python text")
    return Flow(_joined(_tokens(text, 1, ANY_TOKEN)), "Python text").parse()


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _parse(text: str, line: int = 1) -> Any:
    return Flow(_joined(_tokens(text, line)), "Python text").parse()


def _pairs(text: str) -> Any:
    """The value of the inside of a dict, or ``None``: lines of YAML begin so too."""
    try:
        check_length(text, "Python text")
        return _parse("{" + text.rstrip(", \n") + "}")
    except FormError:
        return None


def _is_in_brackets(text: str) -> bool:
    """Whether a text is one value in brackets, or is meant as one.

    Otherwise it is lines that begin with a bracket, such as ``[unknown]`` or ``(0, 2)``: it is
    closed in its line and does not end with the text.
    """
    match = IN_BRACKETS.match(text)
    if match is None or match["sure"]:
        return match is not None
    end = CLOSING[text[0]]
    return text.rstrip().endswith(end) or end not in text.partition("\n")[0]


def _tokens(text: str, line: int, pattern: re.Pattern[str] = TOKEN) -> Iterator[Token]:
    for match in pattern.finditer(text):
        kind = match.lastgroup
        if kind == "break":
            line += 1
        elif kind == "string":
            yield Token(line, None, _string(match["string"]))
        elif kind == "integer":
            yield Token(line, None, int(match[0]))
        elif kind == "mark":
            yield Token(line, match[0])
        elif kind == "word":
            yield Token(line, None, match[0])
        elif kind == "other":
            raise FormError(
                f"Python text that is no list or dict of names: line {line} has "
                f"{text[match.start() : match.start() + 20]!r}"
            )


def _string(literal: str) -> str:
    try:
        return unescape(literal[1:-1])
    except ValueError as error:
        raise FormError(f"Python text with the string {literal:.60}: {error}") from None


def _joined(tokens: Iterator[Token]) -> Iterator[Token]:
    """The tokens with the parts of a long string joined, as ``pprint`` splits it after a space.

    Other strings one after another are names that numpy printed, without commas.
    """
    held: Token | None = None
    for token in tokens:
        if held is None or not isinstance(token.value, str):
            if held is not None:
                yield held
            held = token if isinstance(token.value, str) else None
            if held is None:
                yield token
        elif held.line == token.line or not held.value[-1:].isspace():
            raise FormError(
                f"Python text without a comma between {held.value!r:.60} and {token.value!r:.60}"
            )
        elif len(held.value) > MAX_NAME_LENGTH:
            raise FormError(f"Python text with a name of more than {MAX_NAME_LENGTH:,} characters")
        else:
            held = Token(token.line, None, held.value + token.value)
    if held is not None:
        yield held
