"""A source becomes its bytes, or the image that it holds."""

import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pictell.errors import (
    NoPicturesError,
    OutOfMemoryError,
    SourceNotFoundError,
    SourceTooLargeError,
    SourceUnreadableError,
)
from pictell.images.read import read_content, read_file, read_stream
from pictell.images.sources import expand_argument
from pictell.options import Limits
from pictell.types import Source
from pictures import photo


@pytest.mark.parametrize("content", [b"bytes", photo(), np.zeros((4, 4, 3), np.uint8)])
def test_a_picture_in_memory_is_returned_as_it_is(content: Any) -> None:
    assert read_content(Source("it", content)) is content


def test_files_and_streams_are_read_up_to_max_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a picture")
    for content in (path, io.BytesIO(b"a picture")):
        assert read_content(Source("it", content), Limits(max_bytes=9)) == b"a picture"
    for content in (path, io.BytesIO(b"a picture")):
        with pytest.raises(SourceTooLargeError) as caught:
            read_content(Source("it", content), Limits(max_bytes=8))
        assert caught.value.max_bytes == 8


def test_the_error_of_a_source_is_raised() -> None:
    with pytest.raises(NoPicturesError):
        read_content(Source("it", NoPicturesError("the folder has no pictures")))


def test_a_name_that_no_file_can_have_is_unreadable() -> None:
    for name in ("a\0b.jpg", "\ud800.jpg"):
        with pytest.raises(SourceUnreadableError):
            read_file(Path(name), 100)


def test_a_file_becomes_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(range(256)) * 10_000)
    assert read_file(path, 2_560_000) == bytes(range(256)) * 10_000
    with pytest.raises(SourceTooLargeError, match=r"longer than the 2559999 bytes allowed"):
        read_file(path, 2_559_999)


def test_an_empty_file_has_no_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    assert read_file(path, 100) == b""
    assert read_file(path, 0) == b""


@pytest.mark.parametrize("size", [9, 3_000_000])
def test_a_named_pipe_is_read_until_its_writer_closes_it(tmp_path: Path, size: int) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = os.urandom(size)
    writer = threading.Thread(target=pipe.write_bytes, args=[content], daemon=True)
    writer.start()
    assert read_file(pipe, size) == content
    writer.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these files")
def test_a_file_that_is_longer_than_its_size_is_read_to_its_end() -> None:
    path = Path("/proc/version")
    assert path.stat().st_size == 0
    content = read_file(path, 10_000)
    assert content == path.read_bytes() != b""
    assert read_file(path, len(content)) == content
    with pytest.raises(SourceTooLargeError):
        read_file(path, len(content) - 1)


def test_an_endless_file_is_cut_off() -> None:
    with pytest.raises(SourceTooLargeError, match=r"longer than the 3000000 bytes .*--max-bytes"):
        read_file(Path("/dev/zero"), 3_000_000)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    (source,) = expand_argument(str(tmp_path / "none.jpg"))
    assert isinstance(source.content, Path)
    with pytest.raises(SourceNotFoundError, match="no such file or folder"):
        read_file(source.content, 100)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "a folder: .*stream.*"),
        ("a.jpg/b.jpg", "cannot be read: Not a directory"),
    ],
)
def test_an_unreadable_path_gives_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(SourceUnreadableError, match=f"^{reason}$"):
        read_file(tmp_path / name, 100)


class Trickle(io.RawIOBase):
    """A stream that returns one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int = -1) -> bytes:
        piece, self.rest = self.rest[:1], self.rest[1:]
        return piece


def test_a_stream_is_read_to_its_end_in_pieces_of_any_size() -> None:
    assert read_stream(Trickle(b"a picture"), 9) == b"a picture"


def test_a_stream_is_read_at_most_one_byte_beyond_max_bytes() -> None:
    stream = Trickle(b"a picture")
    with pytest.raises(SourceTooLargeError):
        read_stream(stream, 4)
    assert stream.rest == b"ture"


def test_a_stream_that_needs_too_much_memory_says_so() -> None:
    class Greedy(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return bytes(1 << 62)

    with pytest.raises(OutOfMemoryError):
        read_stream(Greedy(), 100)


def test_a_closed_stream_is_unreadable() -> None:
    stream = io.BytesIO(b"a picture")
    stream.close()
    with pytest.raises(SourceUnreadableError, match="cannot be read: I/O operation on closed file"):
        read_stream(stream, 100)


def test_a_stream_of_text_is_unreadable() -> None:
    with pytest.raises(SourceUnreadableError):
        read_stream(io.StringIO("text"), 100)
