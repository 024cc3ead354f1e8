"""A progress bar on stderr, where somebody watches and the results themselves go elsewhere."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

# Work that is done sooner needs no bar.
DELAY_S = 1.0


def say(line: str) -> None:
    """A line on stderr, if it can be written: a full disk there must not cost the results."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class Progress:
    """Counts results; ``say`` writes a line to stderr without tearing the bar."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        if sys.stderr.isatty() and not sys.stdout.isatty():
            # Loaded for the few who see it: most runs are shorter than the import is worth.
            from tqdm import tqdm

            self._bar = tqdm(unit=" pictures", file=sys.stderr, delay=DELAY_S, leave=False)

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

    def advance(self) -> None:
        """One more result."""
        if self._bar is not None:
            self._bar.update()

    def say(self, line: str) -> None:
        """A line on stderr."""
        if self._bar is None:
            say(line)
        else:
            self._bar.write(line, file=sys.stderr)
