"""The names in YAML, such as the ``data.yaml`` of Ultralytics: a list, or a map from or to indices.

This is a part of YAML: block and flow lists and maps of plain and quoted scalars. Scalars are text,
so that a class may be called ``no``. Anchors, tags, block scalars and the like are errors. A parser
of all YAML would be one more package for everyone, for a file that few people have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile, islice
from typing import Any, NamedTuple

from pictell.models.label_forms.flow import ESCAPES, Flow, Token, unescape
from pictell.models.label_forms.values import FormError, Pairs, check_length

KEY = re.compile(
    r"^(?P<indent> *)(?:- )?(?P<quote>['\"]?)"
    r"(?:id2label|names|labels|classes|class_names|label_names|class_indices)"
    r"(?P=quote)[ \t]*:(?:[ \t]+(?P<value>.*))?$",
    re.MULTILINE,
)
# What follows a key that has the names in the lines after it.
BLOCK = re.compile(r"\n( +\S|\s*(-\s|#|$))", re.A)
# A key with a value in brackets or in the lines after it, and keys of data.yaml.
OTHER_KEY = re.compile(
    r"^ *['\"\w][^:\n]*:[ \t]*(?:[\[{][^\n]*[\]},]$|(?:#.*)?\n(?: +|- )\S)"
    r"|^(?:train|val|test|nc)[ \t]*: (?s:.*)^(?:train|val|test|nc)[ \t]*: ",
    re.MULTILINE,
)
START = re.compile(
    r"(?P<mark>(?:\s*#.*\n)*+(?:%YAML.*\n)?---(?:\s+#.*)?(?:\n|$))?(?:\s*#.*\n)*+\s*+(?P<item>-\s)?"
)
ITEM = re.compile(r"-(?: .*)?")
ESCAPES_OF_YAML = ESCAPES | {
    "e": "\x1b",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
    "0": "\0",
    "/": "/",
    " ": " ",
}
PAIR = re.compile(
    r"""('(?:[^']|'')*+'|"(?:[^"\\]|\\.)*+"|[^\s'"](?:[^:\n]|:(?=\S))*+)\s*+:(?:\s+(.*))?""",
    re.A | re.S,
)
DOUBLE = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(?:\s+#[^\n]*)*', re.A | re.S)
SINGLE = re.compile(r"'((?:[^']|'')*+)'(?:\s+#.*)*", re.A)
NOT_PLAIN = re.compile(r"[&*!|>%@`\[\]{},]|[-?:](\s|$)", re.A)
COMMENT = re.compile(r"\s#.*", re.A)
KEY_END = re.compile(r":(\s|$)", re.A)
ESCAPED_BREAK = re.compile(r"((?<!\\)(?:\\\\)*)\\\n\s*", re.A)
FLOW_TOKEN = re.compile(
    r"""(?P<space>\s++|\#[^\n]*+)|(?P<double>"[^"\\]*+(?:\\(?s:.)[^"\\]*+)*+")"""
    r"""|(?P<single>'(?:[^']|'')*+')|(?P<mark>[\[\]{},]|:(?=[\s,\[\]{}]|$))"""
    r"""|(?P<plain>[^\s,\[\]{}'"\#&*!|>%@`](?:[^,\[\]{}:\#]|:(?=[^\s,\[\]{}])|(?<=\S)\#)*+)"""
    r"""|(?P<other>.)""",
    re.A,
)
FORM = "YAML"


class Line(NamedTuple):
    """A line that is not blank: its number, indentation and text."""

    number: int
    indent: int
    text: str

    @property
    def is_comment(self) -> bool:
        """Whether it is a comment, unless it is within quotes."""
        return self.text.startswith("#")

    @property
    def may_be_in_list(self) -> bool:
        """Whether a list of names may have this line."""
        return bool(self.indent) or self.is_comment or ITEM.fullmatch(self.text) is not None

    def error(self, what: str) -> FormError:
        """The error that this line cannot be read."""
        return FormError(f"{FORM} that pictell does not read: line {self.number}: {what}")


def recognise(text: str) -> Any:
    """The names in YAML: a list or ``Pairs``; ``None`` for another text. Raises ``FormError``."""
    keys = [*islice((key for key in KEY.finditer(text) if _has_value(key, text)), 2)]
    if len(keys) > 1:
        places = " and ".join(str(_line_of(text, key.start())) for key in keys)
        raise FormError(f"{FORM} with names in the lines {places}: keep one of them")
    start = START.match(text)
    if keys:
        return _value(text, keys[0])
    if start and (start["mark"] or start["item"]):
        begin = start.end("mark") if start["mark"] else 0
        lines = _lines(text[begin:], _line_of(text, begin))
        content = [*dropwhile(lambda line: line.is_comment, lines)]
        if start["mark"] or all(line.may_be_in_list for line in content):
            return _block(content)
    if OTHER_KEY.search(text):
        raise FormError(f"{FORM} without a key names")
    return None


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _has_value(key: re.Match[str], text: str) -> bool:
    """Whether names may follow a key: in brackets, or in the lines after it."""
    value = _content(key["value"])
    return value[0] in "[{&*!|>" if value else BLOCK.match(text, key.end()) is not None


def _content(value: str | None) -> str:
    return "" if value is None or value.startswith("#") else value.strip()


def _value(text: str, key: re.Match[str]) -> Any:
    """The value of a key."""
    check_length(text, FORM)
    number, indent, value = _line_of(text, key.end()), len(key["indent"]), _content(key["value"])
    if value:
        if value[0] not in "[{":
            raise FormError(f"{FORM} that pictell does not read: line {number}: {value:.60}")
        return _after_key(text[key.start("value") :].split("\n"), number, indent)
    lines = list[Line]()
    for line in _lines(text[key.end() + 1 :], number + 1):
        # A list may be as far left as its key.
        if line.is_comment:
            lines += [line] * bool(lines)
        elif line.indent < indent or (line.indent == indent and not ITEM.fullmatch(line.text)):
            break
        else:
            lines.append(line)
    if not lines:
        raise FormError(f"{FORM} whose names in line {number} are empty")
    return _block(lines)


def in_brackets(text: str, line: int = 1) -> Any:
    """The value of a text in brackets, which begins in a ``line``. Raises ``FormError``."""
    return Flow(_tokens(text, line), FORM).parse()


def _after_key(raw: Sequence[str], number: int, indent: int) -> Any:
    """The value that begins in the first line; the next key is no further right than its own."""
    lines = [raw[0]]
    for line in raw[1:]:
        if line.strip() and not line.startswith(" " * (indent + 1)) and line[0] not in "]}":
            break
        lines.append(line)
    return in_brackets("\n".join(lines), number)


def _lines(text: str, first: int) -> Iterator[Line]:
    """The lines that are not blank; ``first`` is the number of the first line."""
    for number, line in enumerate(text.split("\n"), start=first):
        if line.strip():
            content = line.lstrip(" ")
            yield Line(number, len(line) - len(content), content.rstrip())


def _block(lines: Sequence[Line]) -> Any:
    """A list or a map, one item for each line; lines further right continue the item above them."""
    if not lines:
        raise FormError(f"{FORM} without names")
    indent, found = lines[0].indent, list[tuple[Line, list[str]]]()
    for line in lines:
        # Further right it may be a part of a name in quotes.
        if line.is_comment and line.indent <= indent:
            continue
        if line.indent < indent or line.text.startswith("\t"):
            raise line.error("its indentation does not fit")
        if line.indent == indent:
            found.append((line, [line.text]))
        else:
            found[-1][1].append(line.text)
    items = [(line, "\n".join(parts)) for line, parts in found]
    if ITEM.fullmatch(items[0][0].text):
        return [_item(line, text) for line, text in items]
    return Pairs(_pair(line, text) for line, text in items)


def _item(line: Line, text: str) -> str:
    if not text.startswith(("- ", "-\n")):
        raise line.error("it is no item of the list, or an empty one")
    return _scalar(line, text[2:].strip())


def _pair(line: Line, text: str) -> tuple[str, str]:
    match = PAIR.fullmatch(text)
    if match is None:
        raise line.error("it is no key and name")
    return _scalar(line, match[1].strip()), _scalar(line, (match[2] or "").strip())


def _scalar(line: Line, text: str) -> str:
    """The text of a plain or quoted scalar. Raises ``FormError``."""
    if match := DOUBLE.fullmatch(text):
        return _double(match[1], line.number)
    if match := SINGLE.fullmatch(text):
        return _single(match[1])
    plain = COMMENT.sub("", text)
    if not plain or plain.startswith("#"):
        raise line.error("it has no name")
    if NOT_PLAIN.match(plain) or plain[0] in "'\"" or KEY_END.search(plain):
        raise line.error(f"{plain!r:.60} is no text")
    return _folded(plain)


def _folded(text: str) -> str:
    return " ".join(line.strip(" \t") for line in text.split("\n"))


def _double(text: str, line: int) -> str:
    try:
        # An escaped line break is no space.
        return unescape(_folded(ESCAPED_BREAK.sub(r"\1", text)), ESCAPES_OF_YAML)
    except ValueError as error:
        raise FormError(f"{FORM} that pictell does not read: line {line}: {error}") from None


def _single(text: str) -> str:
    return _folded(text).replace("''", "'")


def _tokens(text: str, line: int) -> Iterator[Token]:
    """The tokens of a list or map in brackets; ``line`` is the number of its first line."""
    for match in FLOW_TOKEN.finditer(text):
        kind, found = match.lastgroup, match[0]
        if kind == "mark":
            yield Token(line, found)
        elif kind == "double":
            yield Token(line, None, _double(found[1:-1], line))
        elif kind == "single":
            yield Token(line, None, _single(found[1:-1]))
        elif kind == "plain":
            yield Token(line, None, _folded(found.strip()))
        elif kind == "other":
            raise FormError(f"{FORM} that pictell does not read: line {line} has {found!r}")
        line += found.count("\n")
