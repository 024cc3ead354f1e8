"""Changes of files on real file systems: nothing is overwritten, nothing is lost."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from file_trees import tree
from pictell.collection.changes import Changes, Made, Step
from pictell.collection.journal import find_runs
from pictell.collection.undo import undo
from pictell.errors import JournalError


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


@pytest.mark.parametrize("source", ["folder", "pipe", "nothing", "a\0b"])
@pytest.mark.parametrize("action", ["copy", "link", "move"])
def test_what_is_not_a_file_is_an_error_and_the_rest_is_made(
    source: str, action: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    steps = [
        Step(action, tmp_path / "out" / "x", tmp_path / source),
        Step(action, tmp_path / "out" / "y", photo(tmp_path / "a.jpg")),
    ]
    first, second = make(tmp_path, *steps)
    assert isinstance(first.error, OSError)
    assert not isinstance(first.error, FileExistsError)
    assert second.error is None
    assert [*(tmp_path / "out").iterdir()] == [tmp_path / "out" / "y"]


def test_a_relative_link_that_would_lead_elsewhere_is_not_moved(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    link = tmp_path / "link"
    link.symlink_to("a.jpg")
    (made,) = make(tmp_path, Step("move", tmp_path / "out" / "link", link))
    assert "relative link" in str(made.error)
    assert link.is_symlink()
    (made,) = make(tmp_path, Step("move", tmp_path / "other name", link))
    assert made.error is None
    assert (tmp_path / "other name").readlink() == Path("a.jpg")


def test_an_absolute_link_is_moved_as_it_is(tmp_path: Path, other: Path) -> None:
    for number, folder in enumerate((tmp_path, other)):
        link = tmp_path / f"link{number}"
        link.symlink_to(photo(tmp_path / "a.jpg"))
        (made,) = make(tmp_path, Step("move", folder / "links" / "link", link))
        assert made.error is None
        assert (folder / "links" / "link").readlink() == tmp_path / "a.jpg"
        assert not link.is_symlink()


@pytest.mark.parametrize("length", [255, 256])
def test_a_long_name(length: int, tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg")
    for action in ("copy", "move"):
        target = tmp_path / action / ("x" * length)
        (made,) = make(tmp_path, Step(action, target, source))
        if length == 255:
            assert made.error is None
            continue
        assert made.error is not None
        assert made.error.errno == errno.ENAMETOOLONG
        assert source.exists()
        assert not target.parent.exists()


def test_a_file_in_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg")
    (tmp_path / "out").touch()
    (made,) = make(tmp_path, Step("move", tmp_path / "out" / "cat" / "a.jpg", source))
    assert isinstance(made.error, NotADirectoryError)
    assert source.exists()


def test_a_source_that_changes_or_vanishes_in_between_is_an_error(tmp_path: Path) -> None:
    sources = [photo(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg")]
    with Changes.begin("sort", tmp_path / "journals") as changes:
        steps = changes.make(Step("move", tmp_path / "out" / one.name, one) for one in sources)
        assert next(steps).error is None
        sources[1].write_bytes(b"another photo")
        sources[2].unlink()
        changed, gone = (made.error for made in steps)
    assert changed is not None
    assert isinstance(gone, FileNotFoundError)
    assert sources[1].read_bytes() == b"another photo"
    assert [*(tmp_path / "out").iterdir()] == [tmp_path / "out" / "a.jpg"]


def test_a_sidecar_that_changes_in_between_is_not_replaced(tmp_path: Path) -> None:
    sidecars = [photo(tmp_path / name) for name in ("a.xmp", "b.xmp")]
    with Changes.begin("tag", tmp_path / "journals") as changes:
        steps = changes.make(Step("write", one, content=b"new") for one in sidecars)
        assert next(steps).error is None
        sidecars[1].write_bytes(b"the user's")
        (second,) = steps
    assert second.error is not None
    assert [one.read_bytes() for one in sidecars] == [b"new", b"the user's"]


def test_a_sidecar_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    sidecar = photo(tmp_path / "real.xmp")
    (tmp_path / "a.xmp").symlink_to("real.xmp")
    make(tmp_path, Step("write", tmp_path / "a.xmp", content=b"new"))
    assert (tmp_path / "a.xmp").is_symlink()
    assert sidecar.read_bytes() == b"new"
    assert sidecar.stat().st_mode & 0o777 == 0o640


def test_without_a_journal_nothing_is_changed(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg")
    (tmp_path / "journals").touch()
    for step in (Step("move", tmp_path / "b.jpg", source), Step("remove", source)):
        with pytest.raises(JournalError, match="journal"):
            make(tmp_path, step)
    assert source.exists()


@pytest.fixture
def small() -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    with TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "small", folder], capture_output=True
        )
        if mounted.returncode:
            pytest.skip("only root can mount a small file system")
        yield Path(folder)
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("action", ["copy", "move", "write"])
def test_a_full_disk_leaves_no_half_file(action: str, small: Path, tmp_path: Path) -> None:
    source = photo(tmp_path / "a.jpg", bytes(200_000))
    old = photo(small / "old.xmp")
    before = tree(small)
    steps = {"write": Step("write", old, content=bytes(200_000))}
    step = steps.get(action, Step(action, small / "out" / "a.jpg", source))
    (made,) = make(tmp_path, step)
    assert made.error is not None
    assert made.error.errno == errno.ENOSPC
    assert tree(small) == before
    assert source.stat().st_size == 200_000


def test_a_full_disk_under_the_journal_stops_before_the_change(small: Path, tmp_path: Path) -> None:
    sources = [photo(tmp_path / f"{number}.jpg") for number in range(500)]
    made = list[Made]()
    with Changes.begin("sort", small) as changes:
        steps = changes.make(Step("move", tmp_path / "out" / one.name, one) for one in sources)
        with pytest.raises(JournalError, match="No space"):
            made.extend(one for one in iter(lambda: next(steps), None))
    assert 0 < len(made) < 500
    assert [path.exists() for path in sources] == [False] * len(made) + [True] * (500 - len(made))
    (run,) = find_runs(small)
    assert [file.refused for file in undo(run)] == [None] * len(made)
    assert all(path.exists() for path in sources)


@pytest.fixture
def fat(tmp_path: Path) -> Iterator[Path]:
    """A file system like that of a memory card: without links, with rounded times."""
    image, folder = tmp_path / "fat.img", tmp_path / "fat"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(8_000_000)
    for command in (["mkfs.vfat", image], ["mount", "-o", "loop", image, folder]):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(f"{command[0]} does not work here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("action", ["copy", "link", "move"])
def test_photos_go_to_a_memory_card_and_back(action: str, fat: Path, tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.jpg")
    before = tree(tmp_path / "in")
    (made,) = make(tmp_path, Step(action, fat / "out" / "a.jpg", source))
    assert made.error is None
    (again,) = make(tmp_path, Step(action, fat / "out" / "A.JPG", photo(tmp_path / "b.jpg")))
    assert isinstance(again.error, FileExistsError)
    (run,) = find_runs(tmp_path / "journals")
    assert [file.refused for file in undo(run)] == [None]
    assert tree(tmp_path / "in") == before
    assert [*fat.iterdir()] == []
