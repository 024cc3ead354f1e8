"""Pictures that arrive: each once it is complete, wherever below the folder it is."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from batch_runs import draw
from pictell.batch.entries import to_entry
from pictell.batch.watch import Watch, check_folders
from pictell.errors import SourceNotFoundError, UsageError

STILL_S = 0.3


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def arrived(watch: Watch, number: int) -> list[str]:
    """The names of the next files."""
    names = list[str]()
    for entries in watch.arrivals():
        names += [Path(entry.name).name for entry in entries]
        if len(names) >= number:
            break
    return names


@pytest.mark.parametrize(
    "arrive",
    [
        lambda folder: draw(folder / "a.png", 1),
        lambda folder: draw(folder / "new" / "deep" / "a.png", 1),
        lambda folder: draw(folder.parent / "a.png", 1).rename(folder / "a.png"),
        lambda folder: draw(folder.parent / "moved" / "a.png", 1).parent.rename(folder / "moved"),
    ],
    ids=["written", "in a new folder", "moved", "moved with its folder"],
)
def test_a_picture_arrives(inbox: Path, arrive: Callable[[Path], object]) -> None:
    watch = Watch([str(inbox)], STILL_S)
    arrive(inbox)
    assert arrived(watch, 1) == ["a.png"]


def test_a_half_copied_file_waits_until_it_is_complete(inbox: Path) -> None:
    content = draw(inbox.parent / "a.png", 1).read_bytes()
    path, tick = inbox / "slow.png", threading.Event()

    def copy_slowly() -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(content), 4):
                file.write(content[start : start + 4])
                tick.wait(STILL_S / 6)

    watch = Watch([str(inbox)], STILL_S)
    thread = threading.Thread(target=copy_slowly)
    thread.start()
    assert arrived(watch, 1) == ["slow.png"]
    assert path.read_bytes() == content
    thread.join()


def test_files_that_were_just_written_when_it_starts_arrive_later(inbox: Path) -> None:
    old, new = draw(inbox / "old.png", 1), draw(inbox / "new.png", 2)
    os.utime(old, (1, 1))
    watch = Watch([str(inbox)], STILL_S)
    entries = [to_entry(str(path)) for path in (old, new)]
    assert [Path(entry.name).name for entry in watch.complete(entries)] == ["old.png"]
    assert arrived(watch, 1) == ["new.png"]


def test_names_are_as_the_user_typed_the_folder(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox.parent / "link").symlink_to("inbox")
    monkeypatch.chdir(inbox.parent)
    watch = Watch(["link"], STILL_S)
    draw(inbox / "a.png", 1)
    (entry,) = next(watch.arrivals())
    assert (entry.name, entry.uri) == ("link/a.png", f"{inbox.parent.as_uri()}/link/a.png")


def test_other_files_and_hidden_ones_are_left_out(inbox: Path) -> None:
    watch = Watch([str(inbox)], STILL_S)
    (inbox / "notes.txt").write_text("no picture")
    draw(inbox / ".hidden.png", 1)
    draw(inbox / ".cache" / "b.png", 1)
    draw(inbox / "a.png", 1)
    assert arrived(watch, 1) == ["a.png"]
    draw(inbox / "a.png", 2)
    draw(inbox / "b.png", 3).unlink()
    assert arrived(watch, 1) == ["a.png"]


def test_only_folders_can_be_watched(inbox: Path) -> None:
    with pytest.raises(UsageError, match="folders of this machine"):
        check_folders([str(inbox), str(inbox / "none")])


def test_a_watched_folder_that_is_gone_ends_the_watch(inbox: Path) -> None:
    watch = Watch([str(inbox)], still_s=STILL_S)
    shutil.rmtree(inbox)
    with pytest.raises(SourceNotFoundError, match="is gone"):
        next(watch.arrivals())
