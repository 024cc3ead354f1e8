"""The entry point: Ctrl-C during the imports or the exit ends the command without a traceback."""

import atexit
import gc
import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command ``pictell`` and end the process with its exit status."""
    _end_at_once()
    # The imports make many objects and hardly any garbage.
    gc.set_threshold(100_000)
    from pictell.cli.main import main as run

    try:
        status = run()
    finally:
        _end_at_once()
    # Everything is written. To take the interpreter down would be a tenth of a short run.
    atexit._run_exitfuncs()
    os._exit(status)


def _end_at_once() -> None:
    # A shell may start a background process with SIGINT ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
