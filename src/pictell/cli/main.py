"""The command ``pictell``: errors become one line and an exit status."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TextIO

from pictell.cli.exit_status import SOME_FAILED, exit_status
from pictell.cli.output import say
from pictell.errors import ModelWarning, PictellError, SourceNotFoundError
from pictell.files import os_reason

# Modules of this package. A picture with one of these names is given as ./NAME.
COMMANDS = (
    "batch", "serve", "sort", "tag", "find", "dedupe", "undo", "train", "correct", "labels",
    "models", "inspect", "verify", "evaluate", "calibrate", "config", "completion",
)  # fmt: skip
HELP = "help"


def main() -> int:
    """Run the command line of this process; return the exit status."""
    if sys.stderr is None:  # the process was started with 2>&-
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if sys.stdout is None:
        say("cannot write the output: standard output is closed")
        return SOME_FAILED
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # UTF-8 whatever the locale; what it cannot encode is escaped.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Libraries warn of odd metadata, which does not matter for labels.
    warnings.simplefilter("ignore")
    warnings.simplefilter("once", ModelWarning)
    warnings.showwarning = _show_warning
    # None would write 'No handlers could be found'.
    logging.lastResort = logging.NullHandler()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        status = _run(sys.argv[1:])
        sys.stdout.flush()
        return status
    except (Exception, KeyboardInterrupt) as error:
        return _report(error)


def _run(words: list[str]) -> int:
    """Run the command that the first word names; the main command has no name."""
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:
        # A shell asks what the next word could be.
        from pictell.cli.complete import complete

        complete(COMMANDS, HELP)
    if words and words[0] == HELP:
        words = [*words[1:], "--help"]
    command, rest = "classify", words
    if words and words[0] in COMMANDS:
        command, *rest = words
    elif words and words[0].isalpha() and not os.path.lexists(words[0]):
        _check_not_mistyped(words[0])
    return int(import_module(f"pictell.cli.{command}").run(rest))


def _check_not_mistyped(word: str) -> None:
    """Raise ``SourceNotFoundError`` if the word is close to a command."""
    from difflib import get_close_matches

    from pictell.cli.parser import CLOSE

    for command in get_close_matches(word, [*COMMANDS, HELP], 1, CLOSE):
        raise SourceNotFoundError(
            f"no such file or folder: {word}; did you mean pictell {command}?"
        )


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(str(message))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``. A second Ctrl-C ends the process at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # An exception inside an import can be lost, or leave a lock that other threads wait for.
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.raise_signal(signal.SIGINT)
        frame = frame.f_back
    raise KeyboardInterrupt


def _report(error: BaseException) -> int:
    """Write an error as one line, if it is not a bug; return the exit status."""
    # A library in C that is interrupted while it starts raises ImportError.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        return _end_by(signal.SIGINT)
    if isinstance(error, BrokenPipeError):  # the reader closed the pipe, as head does
        return _end_by(getattr(signal, "SIGPIPE", signal.SIGTERM))
    if isinstance(error, PictellError):
        say(str(error))
        return exit_status(error)
    if isinstance(error, OSError):
        # Errors of sources and downloads are PictellErrors, so this is stdout.
        say(f"cannot write the output: {os_reason(error)}")
        _discard_stdout()
        return SOME_FAILED
    raise error


def _end_by(number: signal.Signals) -> int:
    """End by a signal, so that a shell sees the exit status 128 + n."""
    _discard_stdout()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    return 128 + number


def _discard_stdout() -> None:
    """Discard what is still buffered: it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
