"""The size of a zip archive's directory."""

import io
import zipfile
from pathlib import Path

import pytest

from pictell.errors import InvalidModelError
from pictell.inspection.sniff import sniff_format
from pictell.inspection.zip_directory import END_MARK, directory_bytes


def archive(names: list[str], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name in names:
            opened.writestr(name, b"")
        opened.comment = comment
    return buffer.getvalue()


@pytest.mark.parametrize("comment", [b"", b"a comment"])
@pytest.mark.parametrize("count", [0, 3, 70_000])
def test_the_size_is_that_of_the_directory(count: int, comment: bytes) -> None:
    """With more than 65,535 files the archive has the records for large numbers."""
    content = archive([f"{number:05}" for number in range(count)], comment)
    assert directory_bytes(io.BytesIO(content)) == count * (46 + 5)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive" * 100, END_MARK + b"x"])
def test_other_files_have_no_directory(content: bytes) -> None:
    assert directory_bytes(io.BytesIO(content)) == 0


def test_a_directory_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "net.task"
    content = bytearray(archive(["net.pkl"]))
    path.write_bytes(content)
    with pytest.raises(Exception, match="pickle"):
        sniff_format(path)
    # The size in the record at the end: 4 GB.
    content[-10:-6] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(InvalidModelError, match="MediaPipe"):
        sniff_format(path)
