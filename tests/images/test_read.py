"""A source becomes its bytes, or the image that it holds."""

import io
import os
import signal
import socket
import sys
import threading
from array import array
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
    UsageError,
)
from pictell.images.read import read_content, read_file, read_stream
from pictell.images.sources import expand_argument, expand_entry
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
def test_a_pipe_of_an_argument_is_read_until_its_writer_closes_it(
    tmp_path: Path, size: int
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = os.urandom(size)
    (source,) = expand_argument(str(pipe))
    writer = threading.Thread(target=pipe.write_bytes, args=[content], daemon=True)
    writer.start()
    assert read_content(source, Limits(max_bytes=size)) == content
    writer.join()


def test_a_pipe_of_an_argument_may_be_a_descriptor() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a picture")
    os.close(writing)
    (source,) = expand_argument(f"/dev/fd/{reading}")
    assert read_content(source) == b"a picture"
    os.close(reading)


def test_what_is_neither_file_nor_folder_is_an_error_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, kind in {
            tmp_path / "pipe": "a named pipe",
            tmp_path / "link.jpg": "a named pipe",
            tmp_path / "socket": "a socket",
            Path("/dev/zero"): "a device",
            Path("/dev/null"): "a device",
        }.items():
            for source in (*expand_entry(str(name), allow_private=False), Source("it", name)):
                with pytest.raises(SourceUnreadableError, match=f"^{kind}.*, not a file$"):
                    read_content(source)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these files")
def test_a_file_that_another_program_has_a_lease_on_is_read(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "a.jpg"
    path.write_bytes(b"a picture")
    with path.open("r+b") as file:
        before = signal.signal(
            signal.SIGIO, lambda *_: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        )
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        with pytest.raises(BlockingIOError):
            os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        assert read_file(path, 100) == b"a picture"
        signal.signal(signal.SIGIO, before)


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
    (source,) = expand_argument("/dev/zero")
    with pytest.raises(SourceTooLargeError, match=r"longer than the 3000000 bytes .*--max-bytes"):
        read_content(source, Limits(max_bytes=3_000_000))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    (source,) = expand_argument(str(tmp_path / "none.jpg"))
    assert isinstance(source.content, Path)
    with pytest.raises(SourceNotFoundError, match="no such file or folder"):
        read_file(source.content, 100)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("www.example.org/a.jpg", "add https://"),
        ("WWW.example.org", "add https://"),
        ("example.org/a.jpg", "add https://"),
        ("cdn.example.co.uk:8080/a/b.jpg?x", "add https://"),
        ("localhost:8000/a.jpg", "add https://"),
        ("192.168.1.7/a.jpg", "add https://"),
        ("http:/example.org/a.jpg", "a URL starts with"),
        ("http:example.org/a.jpg", "a URL starts with"),
        ("https//example.org/a.jpg", "a URL starts with"),
        (" https://example.org/a.jpg", "a URL starts with"),
        ('"http://example.org/a.jpg"', "a URL starts with"),
        ("cat.jpg", None),
        ("my.photos/cat.jpg", None),
        ("photos/www.example.org/cat.jpg", None),
        ("C:/photos/cat.jpg", None),
        ("httpd/cat.jpg", None),
        ("my.photos/*.jpg", None),
    ],
)
def test_a_missing_file_whose_name_is_like_a_url_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, remedy: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.photos").mkdir()
    (source,) = expand_argument(name)
    with pytest.raises(SourceNotFoundError) as caught:
        read_content(source)
    if remedy is None:
        assert caught.value.message in {"no such file or folder", "no file matches this pattern"}
    else:
        assert remedy in caught.value.message


@pytest.mark.parametrize("view", [bytearray, memoryview])
@pytest.mark.parametrize("box", [None, (0, 0, 2, 2)])
def test_bytes_that_can_change_are_copied(view: type, box: Any) -> None:
    content = bytearray(b"a picture")
    source = Source("it", view(content) if view is memoryview else content, box)
    content[0] = ord("?")
    assert read_content(source) == b"a picture"
    assert isinstance(source.content, bytes)


def test_a_memoryview_may_have_any_shape() -> None:
    content = bytes(range(100))
    for view in (
        memoryview(content)[::3],
        memoryview(content)[::-1],
        memoryview(content).cast("B", (10, 10)),
        memoryview(np.arange(100, dtype=np.uint8).reshape(10, 10)[:, ::2]),
        memoryview(array("I", [1, 2, 3])),
    ):
        assert read_content(Source("it", view)) == view.tobytes()


def test_a_memoryview_that_is_released_is_wrong_use() -> None:
    view = memoryview(b"a picture")
    view.release()
    with pytest.raises(UsageError, match="released"):
        Source("it", view)


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
