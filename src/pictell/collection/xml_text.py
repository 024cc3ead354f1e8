"""The encoding of an XML file: to UTF-8 and back, without a changed byte."""

from __future__ import annotations

import codecs
import re

from pictell.collection.xml_positions import XmpError

MAX_BYTES = 16 * 1024 * 1024
# The byte order mark stays a character of the text. UTF-32 comes first: it begins as UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
    ("<".encode("utf-16-le"), "utf-16-le"),
    ("<".encode("utf-16-be"), "utf-16-be"),
)
DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
# Those of XMP, and those in which such files are written all the same.
ENCODINGS = ("utf-8", "ascii", "iso8859-1", "cp1252")


def decode(content: bytes) -> tuple[bytes, str]:
    """The text in UTF-8, and the encoding that the file has. Raises ``XmpError``."""
    if len(content) > MAX_BYTES:
        raise XmpError(f"is larger than {MAX_BYTES // 1024**2} MiB")
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
        if text.encode(encoding) == content:
            return text.encode(), encoding
    except UnicodeError:
        pass
    raise XmpError(f"is not text in its encoding, {encoding}")


def encode(text: bytes, encoding: str) -> bytes:
    """The text in the encoding of its file. All its characters must be in the encoding."""
    return text if encoding == "utf-8" else text.decode().encode(encoding)


def _encoding(content: bytes) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    declared = DECLARED.match(content)
    if declared is None:
        return "utf-8"
    name = declared[1].decode()
    try:
        encoding = codecs.lookup(name).name
    except LookupError:
        encoding = name
    if encoding not in ENCODINGS:
        raise XmpError(f"has the encoding {name}: only UTF-8 and UTF-16 are read")
    return encoding
