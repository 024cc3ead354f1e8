"""Changes of the user's files, each in a journal before it is made, so that it can be undone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

Action = Literal["copy", "link", "move", "write", "remove"]


class Step(NamedTuple):
    """A change of one file.

    ``copy``, ``link`` (a hard link, or a copy where there can be none) and ``move`` have a
    ``source`` and never overwrite the ``target``. ``write`` makes the target a file with the
    ``content``, new or in place of what was there. ``remove`` removes the target. ``undo`` brings
    back what was there.
    """

    action: Action
    target: Path
    source: Path | None = None
    content: bytes | None = None


class Made(NamedTuple):
    """A step that was made, or why not: then everything is as it was before the step.

    ``error`` is a ``FileExistsError`` if the target of a copy, link or move exists.
    """

    step: Step
    error: OSError | None = None


class Changes:
    """The changes of one run of a command. Use it in ``with``."""

    @classmethod
    def begin(cls, command: str, journals: Path | None = None) -> Changes:
        """Begin a run of a command, such as ``sort``; its journal is in the user's data folder.

        ``journals`` is the folder of journals instead.
        """
        return cls()

    def make(self, steps: Iterable[Step]) -> Iterator[Made]:
        """Make the steps in their order; folders of targets are made as needed, and undone too.

        Many steps are written to the journal at once, then made one by one.
        """
        for step in steps:
            try:
                _make(step)
                yield Made(step)
            except OSError as error:
                yield Made(step, error)

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def _make(step: Step) -> None:
    step.target.parent.mkdir(parents=True, exist_ok=True)
    if step.action == "remove":
        step.target.unlink()
    elif step.content is not None:
        step.target.write_bytes(step.content)
    elif step.source is not None:
        if os.path.lexists(step.target):
            raise FileExistsError(step.target)
        if step.action == "move":
            shutil.move(step.source, step.target)
        else:
            shutil.copy2(step.source, step.target)
