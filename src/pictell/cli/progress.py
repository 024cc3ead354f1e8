"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pictell.cli.exit_status import exit_status
from pictell.cli.output import say
from pictell.errors import PictellError
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from tqdm import tqdm

    from pictell.results import Result

T = TypeVar("T")
# Shorter work shows no bar.
DELAY_S = 1.0


class Progress:
    """What a command has done: ``exit_status``, a bar of results, the number of files ``skipped``
    and of pictures ``warned`` of, which have a result nevertheless.

    ``task`` stands before the bar, ``total`` is the number of results if it is known. There is no
    bar if ``quiet``. With ``beside_results``, results go to stdout at the same time: a terminal
    there gets no bar.
    """

    def __init__(
        self,
        task: str | None = None,
        total: int | None = None,
        *,
        beside_results: bool = False,
        quiet: bool = False,
    ) -> None:
        self.exit_status = 0
        self.skipped = 0
        self.warned = 0
        self._ended = False
        self._bar: tqdm[None] | None = None
        if not quiet and sys.stderr.isatty() and not (beside_results and sys.stdout.isatty()):
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

    def __exit__(self, *error: object) -> None:
        self._ended = True
        if self._bar is not None:
            self._bar.close()

    def find_total(self, items: Iterable[object]) -> None:
        """Count items, as many as there will be results, on a thread of its own.

        From then on the bar shows the total and the time that is left.
        """
        if self._bar is not None:
            threading.Thread(target=self._count, args=(items,), daemon=True).start()

    def _count(self, items: Iterable[object]) -> None:
        total = 0
        # What is wrong with the items is said where they are used.
        with suppress(PictellError, OSError):
            for _ in items:
                if self._ended:
                    return
                total += 1
            if self._bar is not None:
                self._bar.total = total

    def skip(self, path: Path) -> None:
        """Count a file that is not a picture."""
        self.skipped += 1

    def pass_on(self, results: Iterable[Result]) -> Iterator[Result]:
        """The same results, each watched as it passes."""
        for result in results:
            self.watch(result)
            yield result

    def count(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, each counted as it passes."""
        for item in items:
            if self._bar is not None:
                self._bar.update()
            yield item

    def watch(self, result: Result) -> None:
        """Count a result, and name it if it failed."""
        self.warned += bool(result.warnings)
        if result.error is not None:
            self.exit_status = max(self.exit_status, exit_status(result.error))
            if self._bar is not None:
                self._bar.clear()
            say(f"{result.source}: {result.error.message}")
        if self._bar is not None:
            self._bar.update()
