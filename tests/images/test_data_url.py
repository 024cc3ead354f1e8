"""Pictures in ``data:`` URLs."""

import base64
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pictell.images.data_url as data_url
from pictell.errors import SourceTooLargeError, SourceUnreadableError
from pictell.images.data_url import read_data_url
from pictell.images.sources import expand_argument, expand_entry, to_source
from pictell.places import DataUrl
from pictures import photo_as

CONTENT = photo_as("png")
DIGITS = base64.b64encode(CONTENT).decode()
LINES = "%0A".join(DIGITS[at : at + 76] for at in range(0, len(DIGITS), 76))


def read(text: str, max_bytes: int = 10**6) -> bytes:
    return read_data_url(DataUrl(text), max_bytes)


@pytest.mark.parametrize(
    "text",
    [
        f"data:image/png;base64,{DIGITS}",
        f"DATA:IMAGE/PNG;BASE64,{DIGITS}",
        f" data:image/png; base64 ,{DIGITS}\n",
        f"data:;base64,{DIGITS}",
        f"data:text/html;charset=utf-8;base64,{DIGITS}",
        f"data:image/png;name=cat.png;base64,{DIGITS.rstrip('=')}",
        f"data:image/png;base64,{quote(DIGITS, safe='')}",
        f"data:image/png;base64,{DIGITS[:77]}\r\n{DIGITS[77:90]} \t{DIGITS[90:]}#fragment",
        f"data:image/png;base64,{LINES}",
        f"data:image/png,{quote(CONTENT)}",
        f"data:image/png;charset=latin-1,{quote(CONTENT, safe='')}",
        f"data:,{''.join(f'%{byte:02x}' for byte in CONTENT)}",
    ],
    ids=range(12),
)
def test_a_picture_in_a_url_is_read(text: str) -> None:
    for source in (
        *expand_argument(text),
        *expand_entry(text, allow_private=False),
        to_source(text, allow_private=False),
    ):
        assert isinstance(source.content, DataUrl)
        assert read_data_url(source.content, len(CONTENT)) == CONTENT
        assert len(source.name) < 70


def test_text_is_a_picture_too_if_its_bytes_are() -> None:
    assert read("data:,GIF89a%00ä") == b"GIF89a\0" + "ä".encode()
    assert read("data:,%41%4%zz%%42%") == b"A%4%zz%B%"
    assert read("data:base64,QUJD") == b"QUJD"
    assert read("data:,\udcff") == b"\xff"
    assert read("data:;base64,QUI") == b"AB"
    assert read("data:,") == b""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data:image/png;base64", "no comma"),
        ("data:", "no comma"),
        ("data:;base64,@@@@", "not valid base64"),
        ("data:;base64,QUJDR", "not valid base64"),
        ("data:;base64,QU=JD", "not valid base64"),
        ("data:;base64,QUJDä", "not valid base64"),
        ("data:,\ud800", "characters"),
    ],
)
def test_a_malformed_url_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(SourceUnreadableError, match=words):
        read(text)


@pytest.mark.parametrize("escaped", [False, True])
def test_max_bytes_is_exact_and_checked_before_decoding(escaped: bool) -> None:
    text = f"data:,{'%41' * 1000}" if escaped else f"data:;base64,{DIGITS}"
    size = 1000 if escaped else len(CONTENT)
    assert len(read(text, size)) == size
    for one in (text, f"data:,{'%41' * 10**6}"):
        with pytest.raises(SourceTooLargeError) as caught:
            read(one, size - 1)
        assert caught.value.max_bytes == size - 1


def test_a_long_url_has_a_short_name_and_key() -> None:
    source = to_source(f"data:image/png;base64,{DIGITS}", allow_private=False)
    length = len(DIGITS) + 22
    assert source.name == f"data:image/png;base64,iVBORw0KGg…({length} characters)"
    assert source.key is not None
    assert len(source.key) < 100
    assert source.key == to_source(f"data:image/png;base64,{DIGITS}", allow_private=True).key
    assert DIGITS[:100] not in repr(source)
    assert len(to_source(f"data:{'x' * 10**6},", allow_private=False).name) < 70


@given(st.text("%4aAgZ é", max_size=40), st.integers(4, 9))
def test_escapes_are_read_in_blocks_of_any_size(text: str, block: int) -> None:
    before, data_url._BLOCK_BYTES = data_url._BLOCK_BYTES, block
    try:
        assert read(f"data:,{text}") == unquote_to_bytes(text)
    finally:
        data_url._BLOCK_BYTES = before
