"""The index of embeddings: what it keeps, and that nothing about it stops the work."""

import os
import signal
import sqlite3
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kept_vectors import Vectors, as_nobody, assert_same, vector, vectors
from pictell.index.embeddings import EmbeddingIndex, index_path

# Of programs that import these modules.
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}


def saved(path: Path, *keys: str) -> Path:
    with EmbeddingIndex.open(path) as index:
        index.put("model", vectors(*keys))
        assert index.note is None
    return path


def known(path: Path, *keys: str) -> Vectors:
    with EmbeddingIndex.open(path) as index:
        found = index.get("model", keys)
        assert index.note is None
    return found


def test_vectors_are_kept_between_runs(tmp_path: Path) -> None:
    path = saved(tmp_path / "new" / "index.sqlite3", "a", "b")
    assert_same(known(path, "a", "b", "c", "a"), vectors("a", "b"))
    assert [one.name for one in path.parent.iterdir()] == ["index.sqlite3"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_vector_belongs_to_its_extractor(tmp_path: Path) -> None:
    path = saved(tmp_path / "index", "a")
    with EmbeddingIndex.open(path) as index:
        assert index.get("another model", ["a"]) == {}
        index.put("another model", {"a": np.zeros(3, np.float32)})
        assert index.get("another model", ["a"])["a"].tolist() == [0, 0, 0]
    assert_same(known(path, "a"), vectors("a"))


def test_a_vector_replaces_the_one_before(tmp_path: Path) -> None:
    path = saved(tmp_path / "index", "a")
    with EmbeddingIndex.open(path) as index:
        index.put("model", {"a": vector("other")})
    np.testing.assert_array_equal(known(path, "a")["a"], vector("other"))


def test_many_keys_at_once(tmp_path: Path) -> None:
    keys = [f"{number:04}" for number in range(3000)]
    with EmbeddingIndex.open(tmp_path / "index") as index:
        index.put("model", {key: vector(key, 8) for key in keys})
        found = index.get("model", [*keys, "none"])
    assert_same(found, {key: vector(key, 8) for key in keys})
    assert index.get("model", keys) == {}  # it is closed


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICTELL_INDEX", str(tmp_path / "chosen"))
    assert index_path() == tmp_path / "chosen"
    with EmbeddingIndex.open() as index:
        index.put("model", vectors("a"))
    assert_same(known(tmp_path / "chosen", "a"), vectors("a"))
    monkeypatch.setenv("PICTELL_INDEX", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert index_path().name == "index.sqlite3"


def test_what_was_not_used_for_longest_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    keys = [f"{number:03}" for number in range(300)]
    saved(path, *keys)
    with sqlite3.connect(path) as connection:  # they were all used long ago
        connection.execute("UPDATE embedding SET used = 1")
    connection.close()
    known(path, *keys[:50])
    before = path.stat().st_size
    with EmbeddingIndex.open(path, max_bytes=before // 2) as index:
        index.put("model", vectors("new"))
        found = index.get("model", [*keys, "new"])
        assert index.note is None
    assert {"new", *keys[:50]} <= found.keys()
    assert 100 < len(found) < 160
    assert set(found) == {"new", *keys[:50], *keys[300 - len(found) + 51 :]}
    for number in range(3):
        with EmbeddingIndex.open(path, max_bytes=before // 2) as index:
            index.put("model", vectors(*(f"{number}-{key}" for key in keys[:40])))
    assert path.stat().st_size < 1.1 * before  # the space is used again


def test_a_limit_below_an_empty_file_ends(tmp_path: Path) -> None:
    with EmbeddingIndex.open(tmp_path / "index", max_bytes=1) as index:
        index.put("model", vectors("a"))
        assert index.get("model", ["a"]) == {}
        assert index.note is None


def assert_off(index: EmbeddingIndex) -> None:
    """It does nothing, and says why in one line."""
    index.put("model", vectors("a"))
    assert index.get("model", ["a"]) == {}
    assert index.note is not None
    assert str(index.path) in index.note
    assert "\n" not in index.note


@pytest.mark.parametrize(
    "content", [b"a picture or a text", b"SQLite format 3\0" + bytes(200), b"\xff\xd8" * 5000]
)
def test_a_file_that_is_no_index_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index"
    path.write_bytes(content)
    with EmbeddingIndex.open(path) as index:
        assert_off(index)
    assert path.read_bytes() == content
    assert "delete" not in (index.note or "")
    assert "name another file in PICTELL_INDEX" in (index.note or "")


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE embedding (mine)")
    connection.close()
    content = path.read_bytes()
    with EmbeddingIndex.open(path) as index:
        assert_off(index)
    assert path.read_bytes() == content


def test_an_index_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = saved(tmp_path / "index", "a")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with EmbeddingIndex.open(path) as index:
        assert_off(index)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_damage_never_gives_a_wrong_vector(tmp_path: Path, data: st.DataObject) -> None:
    path, keys = tmp_path / "index", [f"{number}" for number in range(40)]
    if not (tmp_path / "whole").exists():
        saved(tmp_path / "whole", *keys)
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
    with EmbeddingIndex.open(path) as index:
        for key, found in index.get("model", keys).items():
            np.testing.assert_array_equal(found, vector(key))
        index.put("model", vectors("a"))
        assert index.note is None or "\n" not in index.note


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o555)
    try:
        with as_nobody(), EmbeddingIndex.open(Path("index")) as index:
            assert_off(index)
    finally:
        tmp_path.chmod(0o755)
    assert "Permission denied: name a file that can be written in PICTELL_INDEX" in str(index.note)


@pytest.mark.parametrize("name", ["file/index", "folder", "a\0b"])
def test_a_place_that_cannot_be_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with EmbeddingIndex.open(tmp_path / name) as index:
        assert_off(index)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    path = saved(tmp_path / "index", "a")
    program = f"""
import resource, sys
from pathlib import Path
from kept_vectors import vectors
from test_embeddings import EmbeddingIndex, assert_off
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with EmbeddingIndex.open(Path({str(path)!r})) as index:
    index.put("model", vectors(*map(str, range(500))))
    assert_off(index)
    print(index.note)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert str(path) in shown.stdout
    assert_same(known(path, "a", *map(str, range(500))), vectors("a"))


def write_own(path: Path, process: int) -> None:
    for number in range(30):
        with EmbeddingIndex.open(path) as index:
            index.put("model", vectors(f"{process}-{number}", f"shared-{number}"))
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
        keys = [f"{who}-{number}" for who in (0, 1, 2, 3, "shared") for number in range(30)]
        assert_same(known(path, *keys), vectors(*keys))


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_stopped_leaves_whole_batches(tmp_path: Path, sent: int) -> None:
    program = f"""
from pathlib import Path
from kept_vectors import vectors
from pictell.index.embeddings import EmbeddingIndex
with EmbeddingIndex.open(Path({str(tmp_path / "index")!r})) as index:
    for batch in range(10_000):
        index.put("model", vectors(*(f"{{batch}}-{{number}}" for number in range(20))))
        print(batch, flush=True)
"""
    for stop_after in (0, 3, 7):
        with subprocess.Popen(
            [sys.executable, "-c", program],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            while int(process.stdout.readline()) < stop_after:
                pass
            process.send_signal(sent)
        batches = [[f"{batch}-{number}" for number in range(20)] for batch in range(200)]
        found = known(tmp_path / "index", *(key for batch in batches for key in batch))
        assert_same(found, vectors(*found))
        assert {len(found.keys() & batch) for batch in batches} <= {0, 20}
        assert found.keys() >= {key for batch in batches[: stop_after + 1] for key in batch}
    connection = sqlite3.connect(tmp_path / "index")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
