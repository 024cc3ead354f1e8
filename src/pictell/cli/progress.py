"""A progress bar on stderr, where somebody watches."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from pictell.reports.escape import visible

if TYPE_CHECKING:
    from tqdm import tqdm

    from pictell.types import Result

# Work that is done sooner needs no bar.
DELAY_S = 1.0


def say(line: str) -> None:
    """A line on stderr, if it can be written: a full disk there must not cost the results."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class Progress:
    """Counts results; ``say`` writes a line to stderr without tearing the bar.

    ``total``: how many results there will be, if that is known; ``task`` is written before the
    bar. ``beside_results``: results go to stdout meanwhile; if that is the terminal, there is no
    bar.
    """

    def __init__(
        self, task: str | None = None, total: int | None = None, *, beside_results: bool = False
    ) -> None:
        self._bar: tqdm[None] | None = None
        if sys.stderr.isatty() and not (beside_results and sys.stdout.isatty()):
            # Loaded for the few who see it: most runs are shorter than the import is worth.
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
        """One more result; a failed one is named."""
        if result.error is not None:
            self.say(f"pictell: {visible(result.source)}: {visible(str(result.error))}")
        if self._bar is not None:
            self._bar.update()

    def say(self, line: str) -> None:
        """A line on stderr."""
        if self._bar is None:
            say(line)
        else:
            self._bar.write(line, file=sys.stderr)
