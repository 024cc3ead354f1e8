"""The command's first step: until all else is loaded, and after it ended, Ctrl-C just ends it.

Whoever stops a command wants no list of the modules that it was loading or leaving.
"""

import signal


def main() -> int:
    """Entry point of the command ``pictell``; the exit status."""
    _end_at_once()
    from pictell.cli.main import main as run

    try:
        return run()
    finally:
        _end_at_once()


def _end_at_once() -> None:
    # A program started in the background may have been told to ignore it.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
