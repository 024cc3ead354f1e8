"""The entry point: Ctrl-C during the imports or the exit ends the command without a traceback."""

import signal


def main() -> int:
    """Run the command ``pictell``; return the exit status."""
    _end_at_once()
    from pictell.cli.main import main as run

    try:
        return run()
    finally:
        _end_at_once()


def _end_at_once() -> None:
    # A shell may start a background process with SIGINT ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
