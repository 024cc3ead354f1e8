"""The bytes of a data URL (RFC 2397, and what browsers accept: the Fetch Standard)."""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote_to_bytes

from pictell.errors import SourceTooLargeError, SourceUnreadableError
from pictell.places import DataUrl

_BASE64 = re.compile(r"; *base64\s*\Z", re.IGNORECASE)
_SPACES = b"\t\n\f\r "
# Python needs 50 bytes for each escape that it decodes at once.
_BLOCK_BYTES = 1 << 16


def read_data_url(url: DataUrl, max_bytes: int) -> bytes:
    """The bytes of a data URL, whatever type it declares.

    Raises ``SourceTooLargeError`` for more than ``max_bytes`` and ``SourceUnreadableError`` for a
    URL that is malformed.
    """
    head, comma, text = url.text.partition(",")
    if not comma:
        raise SourceUnreadableError("the data URL has no comma: write data:image/png;base64,…")
    # Escapes and spaces between the digits are possible, but nobody writes three for each.
    if len(text) > 4 * max_bytes + _BLOCK_BYTES:
        raise _too_large(max_bytes)
    try:
        content = _unquote(text.partition("#")[0].encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise SourceUnreadableError("the data URL has characters that no URL can have") from None
    if _BASE64.search(head):
        content = _decode_base64(content.translate(None, _SPACES))
    if len(content) > max_bytes:
        raise _too_large(max_bytes)
    return content


def _unquote(text: bytes) -> bytes:
    if b"%" not in text:
        return text
    content, start = bytearray(), 0
    while start < len(text):
        end = start + _BLOCK_BYTES
        # An escape has three characters, and stays in one block.
        if (escape := text.find(b"%", end - 2, end)) >= 0:
            end = escape
        content += unquote_to_bytes(text[start:end])
        start = end
    return bytes(content)


def _decode_base64(digits: bytes) -> bytes:
    try:
        # The padding may be missing.
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error as error:
        message = "the data URL is not valid base64: it is damaged, or broke off"
        raise SourceUnreadableError(message) from error


def _too_large(max_bytes: int) -> SourceTooLargeError:
    message = f"longer than the {max_bytes} bytes allowed (--max-bytes)"
    return SourceTooLargeError(message, max_bytes=max_bytes)
