"""The command ``pictell``: errors become one line and an exit status."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import FrameType

from pictell.cli.exit_status import SOME_FAILED, exit_status
from pictell.cli.progress import say
from pictell.errors import PictellError, SourceNotFoundError

# A picture with one of these names is given as ./NAME.
COMMANDS = {
    "models": "pictell.cli.models",
    "inspect": "pictell.cli.inspect",
    "verify": "pictell.cli.verify",
    "evaluate": "pictell.cli.evaluate",
    "calibrate": "pictell.cli.calibrate",
}
HELP = "help"


def main() -> int:
    """Run the command line of this process; return the exit status."""
    _open_stderr()
    if sys.stdout is None:
        say("pictell: cannot write the output: standard output is closed")
        return SOME_FAILED
    _use_utf8()
    # Libraries warn of odd metadata, which does not matter for labels.
    warnings.simplefilter("ignore")
    logging.lastResort = None
    try:
        return _run(sys.argv[1:])
    except KeyboardInterrupt:
        return _exit_by_signal(signal.SIGINT)
    except BrokenPipeError:
        # The reader closed the pipe, as head does.
        return _exit_by_signal(getattr(signal, "SIGPIPE", signal.SIGTERM))


def _run(words: list[str]) -> int:
    from pictell.reports.escape import visible

    try:
        return _until_ctrl_c(words)
    except PictellError as error:
        say(f"pictell: {visible(str(error))}")
        return exit_status(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        # Errors of sources and downloads are PictellErrors, so this is stdout.
        say(f"pictell: cannot write the output: {error.strerror}")
        _silence_stdout()
        return SOME_FAILED


def _until_ctrl_c(words: list[str]) -> int:
    """Run the command. Raises ``KeyboardInterrupt`` after Ctrl-C, whatever exception it becomes.

    A library in C that is interrupted while it starts raises ImportError instead.
    """
    pressed = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        return _command(words)
    except Exception:
        if pressed:
            raise KeyboardInterrupt from None
        raise


def _command(words: list[str]) -> int:
    """Run the command that the first word names; the main command has no name."""
    if words and words[0] == HELP:
        words = [*words[1:2], "--help"]
    if words and words[0] in COMMANDS:
        return int(import_module(COMMANDS[words[0]]).run(words[1:]))
    if words and words[0].isalpha():
        _check_not_mistyped(words[0])
    from pictell.cli import classify

    return classify.run(words)


def _check_not_mistyped(word: str) -> None:
    """Raises ``SourceNotFoundError`` for a word that is close to a command and not a file."""
    if os.path.lexists(word):
        return
    from difflib import get_close_matches

    from pictell.cli.parser import CLOSE

    for command in get_close_matches(word, [*COMMANDS, HELP], 1, CLOSE):
        raise SourceNotFoundError(
            f"no such file or folder: {word}; did you mean pictell {command}?"
        )


def _open_stderr() -> None:
    """Give a process that was started without stderr (2>&-) one that discards its text."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115


def _use_utf8() -> None:
    """Write UTF-8 whatever the locale, and escape what UTF-8 cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _exit_by_signal(signal_number: signal.Signals) -> int:
    """End by the signal, so that a shell sees the exit status 128 + n."""
    _silence_stdout()
    signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)
    return 128 + signal_number


def _silence_stdout() -> None:
    """Discard what is still buffered: it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
