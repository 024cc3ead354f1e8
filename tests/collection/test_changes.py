"""Changes of files on real file systems: nothing is overwritten, nothing is lost."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from file_trees import tree
from pictell.collection.changes import Changes, Made, Step
from pictell.collection.journal import find_runs


@pytest.fixture(scope="module")
def other() -> Iterator[Path]:
    """A folder on another file system than the one of ``tmp_path``."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("there is no /dev/shm")
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def make(tmp_path: Path, *steps: Step) -> list[Made]:
    with Changes.begin("sort", tmp_path / "journals") as changes:
        return list(changes.make(steps))


def photo(path: Path, content: bytes = b"photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o640)
    os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_987_654_321))
    return path


@pytest.mark.parametrize("action", ["copy", "link", "move"])
def test_a_file_keeps_its_content_time_and_permissions(
    action: str, tmp_path: Path, other: Path
) -> None:
    for folder in (tmp_path, other / action):
        source = photo(tmp_path / "in" / "a.jpg")
        before = tree(tmp_path / "in")["a.jpg"]
        target = folder / "out" / "cat" / "b.jpg"
        (made,) = make(tmp_path, Step(action, target, source))
        assert made.error is None
        assert tree(target.parent) == {"b.jpg": before}
        assert source.exists() == (action != "move")


def test_a_link_is_a_second_name_of_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg")
    (tmp_path / "link").symlink_to("a.jpg")
    make(tmp_path, Step("link", tmp_path / "b.jpg", tmp_path / "link"))
    assert (tmp_path / "b.jpg").samefile(source)
    assert not (tmp_path / "b.jpg").is_symlink()


@pytest.mark.parametrize("action", ["copy", "link", "move"])
@pytest.mark.parametrize("there", ["file", "folder", "same", "link", "broken link"])
def test_a_target_that_exists_is_not_touched(action: str, there: str, tmp_path: Path) -> None:
    source, target = photo(tmp_path / "in" / "a.jpg"), tmp_path / "in" / "b.jpg"
    if there == "file":
        photo(target, b"other")
    elif there == "folder":
        target.mkdir()
    elif there == "same":
        os.link(source, target)
    else:
        target.symlink_to("a.jpg" if there == "link" else "nothing")
    before = tree(tmp_path / "in")
    (made,) = make(tmp_path, Step(action, target, source))
    assert isinstance(made.error, FileExistsError)
    assert tree(tmp_path / "in") == before
    assert find_runs(tmp_path / "journals") == []
