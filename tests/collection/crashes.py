"""End a run at each line of ``pictell.collection``, then undo it; a script.

    crashes.py WAY FOLDER OTHER

WAY is how files are renamed: by the system's call (``call``), by a second name (``link``), or by an
empty file in place of the name (``reserve``). OTHER is a folder on another file system. The process
is forked for each line, with ``link`` and ``reserve`` for every third one, and ended there without
any cleaning up.
"""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from file_trees import tree
from pictell.collection import rename, restore
from pictell.collection.changes import Changes, Step
from pictell.collection.journal import Run, find_runs
from pictell.collection.undo import undo

CRASHED, FINISHED = 9, 0
CODE = str(Path(restore.__file__).parent)


class Place:
    """The folders of a run: photos, what they are sorted into, and the journals."""

    def __init__(self, folder: Path, other: Path) -> None:
        self.folder, self.other = folder / "here", other / "there"
        self.journals = folder / "journals"

    def fill(self) -> None:
        for folder in (self.folder, self.other, self.journals):
            shutil.rmtree(folder, ignore_errors=True)
        (self.folder / "in").mkdir(parents=True)
        self.other.mkdir()
        for number, name in enumerate("a.jpg b.jpg c.jpg d.jpg e.jpg b.xmp c.xmp".split()):
            path = self.folder / "in" / name
            path.write_bytes(name.encode() * 1000)
            path.chmod(0o600 + number)
            os.utime(path, ns=(number, 1_500_000_000_123_456_789 + number))
        for name in ("empty.jpg", "empty2.jpg"):
            (self.folder / "in" / name).touch()
        (self.folder / "in" / "link.jpg").symlink_to(self.folder / "in" / "b.jpg")

    def steps(self) -> Iterator[Step]:
        photos, out = self.folder / "in", self.folder / "out"
        yield Step("move", out / "cat" / "a.jpg", photos / "a.jpg")
        yield Step("copy", out / "cat" / "b.jpg", photos / "b.jpg")
        yield Step("link", out / "dog" / "c.jpg", photos / "c.jpg")
        yield Step("move", self.other / "dog" / "d.jpg", photos / "d.jpg")
        yield Step("link", self.other / "dog" / "e.jpg", photos / "e.jpg")
        yield Step("move", self.other / "dog" / "link.jpg", photos / "link.jpg")
        yield Step("move", out / "empty.jpg", photos / "empty.jpg")
        yield Step("move", self.other / "empty2.jpg", photos / "empty2.jpg")
        yield Step("write", out / "cat" / "a.xmp", content=b"new")
        yield Step("write", photos / "b.xmp", content=b"second")
        yield Step("write", photos / "b.xmp", content=b"third")
        yield Step("remove", photos / "c.xmp")
        yield Step("move", out / "bird" / "a.jpg", out / "cat" / "a.jpg")

    def trees(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return tree(self.folder), tree(self.other)

    def contents(self) -> set[str]:
        folders = (*self.trees(), tree(self.journals))
        return {found.content for folder in folders for found in folder.values()}

    def run(self) -> None:
        with Changes.begin("sort", self.journals) as changes:
            failed = [made for made in changes.make(self.steps()) if made.error is not None]
        assert not failed, failed

    def undo(self) -> None:
        for run in self.runs():
            refused = [file for file in undo(run) if file.refused is not None]
            assert not refused, refused
            assert run.state == "undone"

    def runs(self) -> list[Run]:
        return find_runs(self.journals)


def crash(work: Callable[[], None], at: int) -> bool:
    """Do the work in a process that ends at a line of ``CODE``; return whether it did end there."""
    child = os.fork()
    if not child:
        sys.settrace(_Tracer(at).trace)
        try:
            work()
        except BaseException:
            sys.settrace(None)
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(FINISHED)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (CRASHED, FINISHED), status
    return status == CRASHED


class _Tracer:
    def __init__(self, at: int) -> None:
        self.left = at

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        if event == "line":
            self.left -= 1
            if self.left < 0:
                os._exit(CRASHED)
        return self.trace


def choose(way: str) -> None:
    """Make the system refuse what other file systems cannot do."""
    if way in ("link", "reserve"):
        rename._system_call = lambda: None  # type: ignore[assignment]
    if way == "reserve":

        def link(*arguments: object, **options: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        os.link = link


def crash_in_run(place: Place, at: int) -> bool:
    """End a run at a line, and perhaps its undo too, then undo all; return whether it did end."""
    place.fill()
    before, contents = place.trees(), place.contents()
    if crashed := crash(place.run, at):
        assert place.contents() >= contents, at
        crash(place.undo, at * 7 % 150)
    assert place.contents() >= contents, at
    place.undo()
    assert place.trees() == before, (at, before, place.trees())
    return crashed


def crash_in_undo(place: Place, at: int) -> bool:
    """End the undo of a whole run at a line, then undo the rest; return whether it did end."""
    place.fill()
    before, contents = place.trees(), place.contents()
    place.run()
    crashed = crash(place.undo, at)
    assert place.contents() >= contents, at
    place.undo()
    assert place.trees() == before, (at, before, place.trees())
    return crashed


def main(way: str, folder: str, other: str) -> None:
    choose(way)
    # The process ends, not the system: what is not synced is still there.
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    place = Place(Path(folder), Path(other))
    # Most lines are the same whatever the way: every third one keeps the test short.
    stride = 1 if way == "call" else 3
    for work in (crash_in_run, crash_in_undo):
        at = 0
        while work(place, at):
            at += stride
        print(at)


if __name__ == "__main__":
    main(*sys.argv[1:])
