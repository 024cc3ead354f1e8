"""Files go to their places, the files of a group together."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from pictell.collection.changes import Changes, Made, Step
from pictell.collection.placing import PlacedGroup, Placement

Way = Literal["copy", "link", "move"]


class Outcome(NamedTuple):
    """A file that went to its place or stayed where it was; ``error`` says why it failed."""

    file: Placement
    error: OSError | None = None


def sort_groups(
    changes: Changes, groups: Sequence[PlacedGroup], way: Way
) -> Iterator[tuple[PlacedGroup, list[Outcome]]]:
    """Copy, link or move the files of each group that have no reason to stay; name them all.

    If a file cannot be moved, those of its group that were moved are moved back. Raises
    ``JournalError``.
    """
    made = changes.make(_steps(groups, way))
    for group in groups:
        outcomes = [
            Outcome(file, None if file.reason else next(made).error) for file in group.files
        ]
        if way == "move" and any(one.error is not None for one in outcomes):
            outcomes = list(_taken_back(changes, outcomes))
        yield group, outcomes


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
            yield Outcome(one.file, OSError(errno.ECANCELED, text))
        else:
            yield one
