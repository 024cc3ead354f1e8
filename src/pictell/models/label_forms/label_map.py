"""A ``label_map.pbtxt`` of TensorFlow: items with ``id``, ``name`` and ``display_name``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pictell.models.label_forms.values import FormError, Pairs, check_length

START = re.compile(r"(?:#[^\n]*\n\s*)*+(?:item|entry|entries)\s*:?\s*[{<]")
TOKEN = re.compile(
    r"""(?P<space>[\s,;:]++|\#[^\n]*+)|(?P<opening>[{<])|(?P<closing>[}>])|(?P<word>[\w.+-]++)"""
    r"""|(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+')|(?P<other>.)"""
)
FORM = "a label map"


def recognise(text: str) -> Any:
    """The fields of each item as ``Pairs``, or ``None`` for another text. Raises ``FormError``."""
    if not START.match(text):
        return None
    check_length(text, FORM)
    items = list[Pairs]()
    for depth, key, value in _fields(text):
        if depth == 0 and value is None:
            items.append(Pairs())
        elif depth == 1 and value is not None:
            items[-1].append((key, value))
    return items


def _fields(text: str) -> Iterator[tuple[int, str, str | None]]:
    """The depth, key and value of each field; ``None`` is the value of one with fields in it."""
    depth, key = 0, ""
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "space":
            continue
        if kind == "opening":
            yield depth, key, None
            depth, key = depth + 1, ""
        elif kind == "closing" and depth and not key:
            depth -= 1
        elif kind in {"word", "string"} and key:
            yield depth, key, _value(match[0])
            key = ""
        elif kind == "word":
            key = match[0]
        else:
            raise _error(text, match.start())
    if depth or key:
        raise FormError(f"{FORM} that is cut short: its last item does not end")


def _value(token: str) -> str:
    if token[0] not in "'\"" or "\\" not in token:
        return token.strip("'\"")
    # Imported here: few label maps have escapes.
    from google.protobuf.text_encoding import CUnescape

    try:
        return str(CUnescape(token[1:-1]).decode())
    except ValueError as error:
        raise FormError(f"{FORM} with the string {token:.60}: {error}") from None


def _error(text: str, position: int) -> FormError:
    line = text.count("\n", 0, position) + 1
    found = text[position : position + 20]
    return FormError(f"{FORM} that cannot be read: line {line} has {found!r}")
