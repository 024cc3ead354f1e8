"""The index of photos: what it keeps, and that nothing about it stops the work."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Collection
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kept_vectors import Vectors, as_nobody, assert_same, vector, vectors
from pictell.index.embeddings import EmbeddingIndex
from pictell.index.photos import PhotoIndex, index_path

KEYS = [f"{number:064x}" for number in range(40)]


def put(index: PhotoIndex, kind: str, rows: Vectors) -> None:
    index.put({kind: {key: one.tobytes() for key, one in rows.items()}})


def get(index: PhotoIndex, kind: str, keys: Collection[str]) -> Vectors:
    found = index.get(kind, keys)
    return {str(key): np.frombuffer(data, np.float32) for key, data in found.items()}


def saved(path: Path, *keys: str) -> Path:
    with PhotoIndex.open(path) as index:
        put(index, "phash", vectors(*keys))
        assert index.note is None
    return path


def known(path: Path, *keys: str) -> dict[str, NDArray[np.float32]]:
    with PhotoIndex.open(path) as index:
        found = get(index, "phash", keys)
        assert index.note is None
    return found


def test_vectors_are_kept_between_runs(tmp_path: Path) -> None:
    path = saved(tmp_path / "new" / "index", "a", "b")
    assert_same(known(path, "a", "b", "c", "a"), vectors("a", "b"))
    assert [one.name for one in path.parent.iterdir()] == ["index"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_vector_belongs_to_its_kind(tmp_path: Path) -> None:
    with PhotoIndex.open(saved(tmp_path / "index", "a")) as index:
        assert get(index, "other", ["a"]) == {}
        put(index, "other", {"a": np.zeros(3, np.float32)})
        assert get(index, "other", ["a"])["a"].tolist() == [0, 0, 0]
        put(index, "phash", {"a": vector("b")})
    np.testing.assert_array_equal(known(tmp_path / "index", "a")["a"], vector("b"))


def test_paths_are_bytes(tmp_path: Path) -> None:
    paths = [b"/a\xff\n", b"/a", "/a"]
    rows = {path: bytes([number]) for number, path in enumerate(paths)}
    with PhotoIndex.open(tmp_path / "index") as index:
        index.put({"file": rows})
    with PhotoIndex.open(tmp_path / "index") as index:
        assert index.get("file", paths) == rows


def test_many_keys_at_once(tmp_path: Path) -> None:
    keys = [f"{number:04}" for number in range(3000)]
    with PhotoIndex.open(tmp_path / "index") as index:
        put(index, "phash", {key: vector(key, 8) for key in keys})
        found = get(index, "phash", [*keys, "none"])
    assert_same(found, {key: vector(key, 8) for key in keys})
    assert get(index, "phash", keys) == {}  # it is closed


def test_the_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICTELL_PHOTO_INDEX", str(tmp_path / "chosen"))
    assert index_path() == tmp_path / "chosen"
    monkeypatch.delenv("PICTELL_PHOTO_INDEX")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert index_path() == tmp_path / "pictell" / "photos.sqlite3"


def assert_goes_on(index: PhotoIndex) -> None:
    """It keeps what this run computes, and says in one line why not more."""
    put(index, "phash", vectors("new"))
    assert_same(get(index, "phash", ["new"]), vectors("new"))
    assert index.note is not None
    assert str(index.path) in index.note
    assert "\n" not in index.note


@pytest.mark.parametrize(
    "content", [b"a picture or a text", b"SQLite format 3\0" + bytes(200), b"\xff\xd8" * 5000]
)
def test_a_file_that_is_no_index_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index"
    path.write_bytes(content)
    with PhotoIndex.open(path) as index:
        assert_goes_on(index)
    assert path.read_bytes() == content
    assert "name another file with --index" in (index.note or "")
    assert "delete" not in (index.note or "")
    assert [one.name for one in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("kind", ["other", "embeddings", "later"])
def test_another_database_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "index"
    if kind == "embeddings":
        EmbeddingIndex.open(path).close()
    else:
        saved(path, "a")
        connection = sqlite3.connect(path)
        pragma = "user_version = 2" if kind == "later" else "application_id = 7"
        connection.execute(f"PRAGMA {pragma}")
        connection.close()
    content = path.read_bytes()
    with PhotoIndex.open(path) as index:
        assert_goes_on(index)
    assert ("delete" in (index.note or "")) is (kind == "later")
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o555)
    try:
        with as_nobody(), PhotoIndex.open(Path("index")) as index:
            assert_goes_on(index)
    finally:
        tmp_path.chmod(0o755)
    assert "Permission denied: name a file that can be written with --index" in str(index.note)


@pytest.mark.parametrize("name", ["file/index", "folder", "a\0b"])
def test_a_place_that_cannot_be_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with PhotoIndex.open(tmp_path / name) as index:
        assert_goes_on(index)


def test_an_index_that_another_program_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "index", "a")
    monkeypatch.setattr("pictell.index.database.WAIT_S", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    with PhotoIndex.open(path) as index:
        other.execute("BEGIN EXCLUSIVE")
        assert_goes_on(index)
        assert_same(get(index, "phash", ["a", "new"]), vectors("a", "new"))
        assert "wait until" in (index.note or "")
    other.execute("ROLLBACK")
    other.close()
    assert_same(known(path, "a", "new"), vectors("a"))


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    path = saved(tmp_path / "index", "a")
    program = f"""
import resource
from pathlib import Path
from test_photos import PhotoIndex, assert_goes_on, assert_same, get, put, vectors
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with PhotoIndex.open(Path({str(path)!r})) as index:
    put(index, "phash", vectors(*map(str, range(500))))
    assert_goes_on(index)
    assert_same(get(index, "phash", ["a", "499"]), vectors("a", "499"))
"""
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert shown.returncode == 0, shown.stderr
    assert_same(known(path, "a", *map(str, range(500))), vectors("a"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_damage_never_gives_a_wrong_vector(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "index"
    if not (tmp_path / "whole").exists():
        saved(tmp_path / "whole", *KEYS)
    content = bytearray((tmp_path / "whole").read_bytes())
    places = st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=30)
    for at in data.draw(places):
        content[at] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(1, 3000))] = data.draw(st.binary(max_size=40))
    path.write_bytes(content)
    for extra in ("-wal", "-shm"):
        path.with_name(path.name + extra).unlink(missing_ok=True)
    with PhotoIndex.open(path) as index:
        for key, found in get(index, "phash", KEYS).items():
            np.testing.assert_array_equal(found, vector(key))
        put(index, "phash", vectors("new"))
        assert_same(get(index, "phash", ["new"]), vectors("new"))
        assert index.note is None or "\n" not in index.note


def write_own(path: Path, process: int) -> None:
    for number in range(20):
        with PhotoIndex.open(path) as index:
            put(index, "phash", vectors(f"{process}-{number}", f"shared-{number}"))
            assert index.note is None, index.note


def test_processes_share_a_new_index(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"index{number}"
        context = get_context("spawn" if number == 0 else "fork")
        writers = [context.Process(target=write_own, args=(path, one)) for one in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0] * 4
        keys = [f"{who}-{number}" for who in (0, 1, 2, 3, "shared") for number in range(20)]
        assert_same(known(path, *keys), vectors(*keys))
