"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from pictell.reports.escape import visible

if TYPE_CHECKING:
    from tqdm import tqdm

    from pictell.results import Result

# Shorter work shows no bar.
DELAY_S = 1.0


def say(line: str) -> None:
    """Write a line to stderr. A stderr that cannot be written does not stop the results."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class Progress:
    """A bar that counts results, and lines on stderr above it.

    ``task`` stands before the bar, ``total`` is the number of results if it is known. With
    ``beside_results``, results go to stdout at the same time: a terminal there gets no bar.
    """

    def __init__(
        self, task: str | None = None, total: int | None = None, *, beside_results: bool = False
    ) -> None:
        self._bar: tqdm[None] | None = None
        if sys.stderr.isatty() and not (beside_results and sys.stdout.isatty()):
            # The import takes longer than most runs without a bar.
            from tqdm import tqdm

            self._bar = tqdm(
                desc=task and visible(task),
                total=total,
                unit=" pictures",
                file=sys.stderr,
                delay=DELAY_S,
                dynamic_ncols=True,
                leave=False,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def watch(self, result: Result) -> None:
        """Count a result, and name it if it failed."""
        if result.error is not None:
            self.say(f"pictell: {visible(str(result))}")
        if self._bar is not None:
            self._bar.update()

    def say(self, line: str) -> None:
        """Write a line to stderr, above the bar."""
        if self._bar is None:
            say(line)
        else:
            self._bar.write(line, file=sys.stderr)
