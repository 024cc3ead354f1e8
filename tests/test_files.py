"""Files and folders are written whole or not at all; text files are read within bounds."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from pictell.files import MAX_TEXT_BYTES, TextFileError, new_folder, read_text, write_file

# The disk is full, as far as this process knows, after a thousand bytes.
WRITE_TOO_MUCH = """\
import resource, sys
from pathlib import Path
from pictell.files import write_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_file(Path(sys.argv[1]), bytes(2000))
except OSError as error:
    print(error.strerror)
"""
WRITE_OFTEN = """\
import sys
from pathlib import Path
from pictell.files import write_file
for _ in range(100):
    write_file(Path(sys.argv[1]), sys.argv[2].encode() * 200_000)
"""


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"another"):
        write_file(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_default_permissions(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"")
    (tmp_path / "other").touch()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_with_the_longest_name(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_file(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    words = [sys.executable, "-c", WRITE_TOO_MUCH, path]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("File too large\n", "")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("place", ["folder", "folder/none/file", "file/below"])
def test_paths_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match="directory"):
        write_file(tmp_path / place, b"content")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_stays_one(tmp_path: Path) -> None:
    link, path = tmp_path / "link", tmp_path / "file"
    link.symlink_to(path)
    for content in (b"one", b"another"):
        write_file(link, content)
        assert path.read_bytes() == content
    assert link.is_symlink()


def test_a_pipe_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=write_file, args=(pipe, b"content"))
    writer.start()
    assert pipe.read_bytes() == b"content"
    writer.join()
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_several_processes_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"a" * 200_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE_OFTEN, path, letter], stderr=subprocess.PIPE)
        for letter in "bc"
    ]
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes()
        assert content in {letter * 200_000 for letter in (b"a", b"b", b"c")}
    assert [writer.communicate()[1] for writer in writers] == [b"", b""]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with new_folder(folder) as draft:
        (draft / "file").write_bytes(b"content")
        assert not folder.exists()
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]
    assert (folder / "file").read_bytes() == b"content"


def test_an_incomplete_folder_never_appears(tmp_path: Path) -> None:
    def fill() -> None:
        with new_folder(tmp_path / "folder") as draft:
            (draft / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_does_not_replace_another(tmp_path: Path) -> None:
    folder = tmp_path / "folder"

    def fill() -> None:
        with new_folder(folder):
            folder.mkdir()
            (folder / "file").touch()

    with pytest.raises(OSError, match="not empty"):
        fill()
    assert list(tmp_path.rglob("*")) == [folder, folder / "file"]


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_file(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        ("Kätzchen\n".encode(), "Kätzchen\n"),
        (b"\xef\xbb\xbfcat\r\ndog\rbird", "cat\ndog\nbird"),
        (b"x" * MAX_TEXT_BYTES, "x" * MAX_TEXT_BYTES),
    ],
)
def test_text_is_read(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    assert read_text(path) == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"c\xe4t", "is not UTF-8 text"),
        (b"\xff\xfec\0a", "is not UTF-8 text"),
        (b"x" * (MAX_TEXT_BYTES + 1), "is longer than 16 MiB"),
    ],
)
def test_text_that_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(TextFileError, match=message):
        read_text(path)
    with pytest.raises(TextFileError, match="is longer than"):
        read_text(path, max_bytes=1)


def test_only_regular_files_are_read_as_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(TextFileError, match="is not a regular file"):
            read_text(path)
    for path in (tmp_path / "missing", tmp_path / "x\0"):
        with pytest.raises(TextFileError, match=r"cannot be read: \w+"):
            read_text(path)
