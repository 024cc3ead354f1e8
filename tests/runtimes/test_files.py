"""Temporary folders: private, removed, and swept when a killed program left them."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from pictell.runtimes.files import MAX_AGE_S, PREFIX, temporary_folder

OLD = time.time() - MAX_AGE_S - 60


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def make(parent: Path, name: str, changed: float = OLD) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "weights.onnx").write_bytes(b"x")
    os.utime(folder, (changed, changed))
    return folder


def test_a_folder_is_private_and_removed(parent: Path) -> None:
    with temporary_folder() as folder:
        assert folder.parent == parent
        assert folder.stat().st_mode & 0o077 == 0
    assert list(parent.iterdir()) == []


def test_what_a_killed_program_left_is_removed_later(parent: Path) -> None:
    left = Path(tempfile.mkdtemp(prefix=PREFIX))
    (left / "weights.onnx").write_bytes(b"x")
    with temporary_folder():
        assert left.exists()
    os.utime(left, (OLD, OLD))
    with temporary_folder():
        assert not left.exists()


@pytest.mark.parametrize(
    "name", ["pictell-photos", f"{PREFIX}holiday", f"{PREFIX}abcdefgh2", f"my-{PREFIX}abcdefgh"]
)
def test_folders_with_other_names_stay(parent: Path, name: str) -> None:
    folder = make(parent, name)
    with temporary_folder():
        assert folder.exists()


def test_files_and_links_stay(parent: Path, tmp_path: Path) -> None:
    target = make(tmp_path, "photos")
    link, file = parent / f"{PREFIX}abcdefgh", parent / f"{PREFIX}abcdefg2"
    link.symlink_to(target)
    file.write_bytes(b"x")
    for path in (link, file):
        os.utime(path, (OLD, OLD), follow_symlinks=False)
    # Nor is anything behind a link in an old folder removed.
    inside = make(parent, f"{PREFIX}abcdefg3")
    (inside / "link").symlink_to(target)
    os.utime(inside, (OLD, OLD))
    with temporary_folder():
        assert (link.is_symlink(), file.exists(), inside.exists()) == (True, True, False)
    assert list(target.iterdir()) == [target / "weights.onnx"]


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs another user")
def test_folders_of_other_users_stay(parent: Path) -> None:
    folder = make(parent, f"{PREFIX}abcdefgh")
    os.chown(folder, 12345, 12345)
    with temporary_folder():
        assert folder.exists()
