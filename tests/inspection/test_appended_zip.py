"""The archive at the end of a model: its files, and what is refused."""

import io
import struct
import time
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.errors import InvalidModelError
from pictell.inspection.appended_zip import MAX_FILE_BYTES, AppendedZip
from tflite_files import archive

MODEL = bytes(1000)


def test_files_are_read_by_name() -> None:
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = AppendedZip(MODEL + archive({"a.txt": "one", "sub/b.txt": "two"}, compression))
        assert found.names == ("a.txt", "sub/b.txt")
        assert (found.read("a.txt"), found.read("sub/b.txt")) == (b"one", b"two")


def test_a_model_without_an_archive_has_no_files() -> None:
    for content in (b"", MODEL, MODEL + b"PK"):
        assert AppendedZip(content).names == ()
        with pytest.raises(InvalidModelError, match="zip archive at its end"):
            AppendedZip(content).read("a.txt")


def test_an_archive_with_offsets_of_the_whole_file_is_read() -> None:
    content = io.BytesIO(MODEL)
    with zipfile.ZipFile(content, "a") as target:
        target.writestr("a.txt", "one")
    assert AppendedZip(content.getvalue()).read("a.txt") == b"one"


def test_a_bomb_is_refused() -> None:
    zeros = bytes(MAX_FILE_BYTES + 1)
    found = AppendedZip(MODEL + archive({"a.txt": zeros}, zipfile.ZIP_DEFLATED))
    with pytest.raises(InvalidModelError, match="longer than 16 MiB"):
        found.read("a.txt")


def test_many_files_are_refused_soon() -> None:
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * 400_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(directory), 0, 0)
    started = time.process_time()
    with pytest.raises(InvalidModelError, match="more than 1,000 files"):
        AppendedZip(MODEL + directory + end)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(compression: int) -> None:
    found = AppendedZip(archive({"a.txt": "one"}, compression))
    with pytest.raises(InvalidModelError, match="compressed oddly"):
        found.read("a.txt")


def test_an_encrypted_file_is_refused() -> None:
    content = bytearray(archive({"a.txt": "one"}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flags] |= 1
    with pytest.raises(InvalidModelError, match="encrypted"):
        AppendedZip(bytes(content)).read("a.txt")


@given(st.data())
def test_a_damaged_archive_is_an_error(data: st.DataObject) -> None:
    compression = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    content = bytearray(MODEL[:10] + archive({"a.txt": "one " * 50, "b.txt": ""}, compression))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InvalidModelError):
        found = AppendedZip(bytes(content))
        for name in found.names:
            found.read(name)


@given(st.binary(max_size=100), st.binary(max_size=30))
def test_any_bytes_around_the_mark_are_an_error_or_no_archive(head: bytes, tail: bytes) -> None:
    with suppress(InvalidModelError):
        AppendedZip(head + b"PK\x05\x06" + tail)
