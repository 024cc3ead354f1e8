"""What ``pictell sort`` says of files: lines for people, records for programs, and the summary."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pictell.cli.amounts import files, photos
from pictell.cli.output import say
from pictell.files import os_reason
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from pictell.collection.placing import PlacedGroup, Reason
    from pictell.collection.sorting import Action, Outcome, Way

DONE: dict[Action, str] = {"copy": "copied", "link": "linked", "move": "moved"}
NOT_SURE = "not-sure/"
WHY = {
    "in place": "in place already",
    "same content": "same content is there",
    "other content": "another file is there, beside the same photo",
    "link": "a symbolic link is not moved",
    "with photo": "left with their photos",
    "sorted": "below --into",
}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Sorted(NamedTuple):
    """What became of a file, and the photo of its group, which may be the file itself."""

    photo: Path
    outcome: Outcome


@dataclass
class Totals:
    """What became of the files; each key is counted for photos and for files with them.

    ``skipped`` has the files of each reason, ``failed`` and ``not_sure`` have one key each.
    """

    done: Counter[tuple[Action, bool]] = field(default_factory=Counter)
    skipped: Counter[tuple[Reason | str, bool]] = field(default_factory=Counter)
    failed: Counter[bool] = field(default_factory=Counter)
    not_sure: int = 0
    folders: set[Path] = field(default_factory=set)

    @property
    def photos(self) -> int:
        """How many photos went to their places."""
        return sum(number for (_, is_photo), number in self.done.items() if is_photo)

    def add(self, group: PlacedGroup, outcome: Outcome) -> None:
        """Count a file of a group."""
        file = outcome.file
        is_photo = file.source in group.photos
        if outcome.error is not None:
            self.failed[is_photo] += 1
        elif file.reason is not None:
            self.skipped[file.reason, is_photo] += 1
        else:
            self.done[outcome.action, is_photo] += 1
            self.folders.add(file.target.parent)
            self.not_sure += is_photo and not group.sure


def counted(
    sorted_groups: Iterable[tuple[PlacedGroup, list[Outcome]]], totals: Totals
) -> Iterator[Sorted]:
    """The files of all groups; those that failed are named on stderr.

    A folder in which nothing can be made is named once instead of them.
    """
    named = set[str]()
    for group, outcomes in sorted_groups:
        for outcome in outcomes:
            totals.add(group, outcome)
            if outcome.error is not None:
                line = _failure(outcome, outcome.error)
                if line not in named:
                    say(line)
                named.add(line)
            yield Sorted(group.files[0].source, outcome)


def line_of(one: Sorted) -> str | None:
    """The line of a file; ``None`` for one that failed, or is in its place already."""
    file, error = one.outcome.file, one.outcome.error
    if error is not None or file.reason in ("in place", "same content"):
        return None
    if file.reason is None:
        return visible(f"{file.source} → {file.target}")
    if file.reason == "with photo":
        return visible(f"{file.source}: left where it is, with {one.photo}")
    where = f": {file.target}" if file.reason == "other content" else ""
    return visible(f"{file.source}: skipped, {WHY[file.reason]}{where}")


def record(one: Sorted) -> dict[str, str | None]:
    """A file as JSON shows it."""
    file, action, error = one.outcome
    return {
        "source": str(file.source),
        "target": str(file.target),
        "action": action,
        "reason": file.reason,
        "error": None if error is None else _error(file.target, error),
    }


def summary(totals: Totals, way: Way, left: int, *, dry_run: bool) -> str:
    """What became of all files. ``left`` are files of the folders that are not pictures."""
    parts = _done(totals, way, "would be " if dry_run else "")
    stayed = [*_skipped(totals)]
    if totals.not_sure:
        parts.append(f"{photos(totals.not_sure)} in {NOT_SURE}")
    if totals.failed:
        stayed.append(f"{_with_others(totals.failed[True], totals.failed[False])} failed")
    if left:
        are = "is not a picture" if left == 1 else "are not pictures"
        stayed.append(f"{files(left)} {are} that pictell reads: left")
    if parts:
        return ", ".join([*parts, *stayed])
    return f"nothing to {way}: {', '.join(stayed) or 'no photos'}"


def _done(totals: Totals, way: Way, would: str) -> list[str]:
    parts = []
    for action, done in DONE.items():
        number, others = (totals.done[action, is_photo] for is_photo in (True, False))
        why = "" if action == way else " (hard links are not possible there)"
        if number or others:
            parts.append(f"{_with_others(number, others)} {would}{done}{why}")
    if parts:
        folders = len(totals.folders)
        parts[-1] += " to 1 folder" if folders == 1 else f" to {folders:,} folders"
    return parts


def _skipped(totals: Totals) -> Iterator[str]:
    for reason, why in WHY.items():
        number, others = (totals.skipped[reason, is_photo] for is_photo in (True, False))
        if number or others:
            words = why if reason == "with photo" else f"skipped ({why})"
            yield f"{_with_others(number, others)} {words}"


def _with_others(number: int, others: int) -> str:
    if not others:
        return photos(number)
    return f"{photos(number)} and {files(others)} with them" if number else files(others)


def _failure(outcome: Outcome, error: OSError) -> str:
    file = outcome.file
    reason = _error(file.target, error)
    return reason if _closed(file.target, error) else f"{file.source}: {reason}"


def _error(target: Path, error: OSError) -> str:
    """Why a file failed, with the folder of the target if that is to blame."""
    if isinstance(error, FileExistsError):
        return "another program made a file with its name there: sort it again"
    if (folder := _closed(target, error)) is not None:
        return f"{folder}: {os_reason(error)}"
    if error.errno in NO_ROOM:
        return f"{os_reason(error)} in {target.parent}"
    return os_reason(error)


def _closed(target: Path, error: OSError) -> Path | None:
    """The folder, or what is in place of one, in which the target cannot be made."""
    there = next((one for one in target.parents if os.path.lexists(one)), None)
    if there is None:
        return None
    if isinstance(error, NotADirectoryError):
        return None if os.path.isdir(there) else there
    refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    return there if refused and not os.access(there, os.W_OK | os.X_OK) else None
