"""Text from outside (file names, labels, headers), safe for terminals and other readers."""

from __future__ import annotations

import re

# C0 and DEL, C1 (ECMA-48, 5.3), bidirectional controls (Unicode TR 9, 2), line separators, and
# the surrogates that stand for bytes of a file name that are not UTF-8 (PEP 383).
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    """The text on one line, its control characters as ``\\x1b``, ``\\u202e`` and the like."""
    return UNSAFE.sub(_spelled_out, text)


def json_escaped(json_text: str) -> str:
    """The same JSON, with the control characters in its strings escaped."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json_text)


def _spelled_out(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
