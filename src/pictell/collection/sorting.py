"""Files go to their places, the files of a group together."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from pictell.collection.changes import Changes, Made, Step
from pictell.collection.placing import PlacedGroup, Placement

Way = Literal["copy", "link", "move"]
Action = Literal["copy", "link", "move", "skip"]


class Outcome(NamedTuple):
    """A file that went to its place or stayed where it was; ``error`` says why it failed.

    ``action`` is what was done: a ``copy`` where there can be no link, ``skip`` for a file that
    has a reason to stay.
    """

    file: Placement
    action: Action
    error: OSError | None = None


def sort_groups(
    changes: Changes, groups: Sequence[PlacedGroup], way: Way
) -> Iterator[tuple[PlacedGroup, list[Outcome]]]:
    """Copy, link or move the files of each group that have no reason to stay; name them all.

    If a file cannot be moved, those of its group that were moved are moved back. Raises
    ``JournalError``.
    """
    made = changes.make(_steps(groups, way))
    missing = set[Path]()
    for group in groups:
        outcomes = [_outcome(file, way, made, missing) for file in group.files]
        if way == "move" and any(one.error is not None for one in outcomes):
            outcomes = list(_taken_back(changes, outcomes))
        missing.update(one.file.target for one in outcomes if one.error is not None)
        yield group, outcomes


def foresee(groups: Iterable[PlacedGroup], way: Way) -> Iterator[tuple[PlacedGroup, list[Outcome]]]:
    """What ``sort_groups`` would do, if nothing fails. A link needs one file system."""
    device = cache(_device)
    for group in groups:
        yield group, [Outcome(file, _expected(file, way, device)) for file in group.files]


def _expected(file: Placement, way: Way, device: Callable[[Path], int | None]) -> Action:
    if file.reason is not None:
        return "skip"
    if way == "link" and _device(file.source) != device(file.target.parent):
        return "copy"
    return way


def _device(path: Path) -> int | None:
    """The file system of a path that may not exist yet."""
    for one in (path, *path.parents):
        with suppress(OSError):
            return one.stat().st_dev
    return None


def _outcome(file: Placement, way: Way, made: Iterator[Made], missing: set[Path]) -> Outcome:
    """What became of a file. ``missing`` are the targets of files that failed."""
    if file.reason is None:
        error = next(made).error
        is_copy = way == "link" and error is None and not _is_linked(file)
        return Outcome(file, "copy" if is_copy else way, error)
    if file.reason == "same content" and file.target in missing and not file.target.exists():
        text = f"the same content was to be {file.target} before, and that failed"
        return Outcome(file, "skip", OSError(errno.ECANCELED, text))
    return Outcome(file, "skip")


def _is_linked(file: Placement) -> bool:
    # The file may be gone already.
    with suppress(OSError):
        return file.source.samefile(file.target)
    return False


def _steps(groups: Iterable[PlacedGroup], way: Way) -> Iterator[Step]:
    for group in groups:
        for file in group.files:
            if file.reason is None:
                yield Step(way, file.target, file.source)


def _taken_back(changes: Changes, outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    moved = [one.file for one in outcomes if not (one.file.reason or one.error)]
    back: Iterable[Made] = changes.make(Step("move", file.source, file.target) for file in moved)
    returned = {made.step.target for made in back if made.error is None}
    failed = next(one.file for one in outcomes if one.error is not None)
    for one in outcomes:
        if one.file.source in returned:
            text = f"not moved, because {failed.source.name} belongs to it and cannot be"
            yield one._replace(error=OSError(errno.ECANCELED, text))
        else:
            yield one
