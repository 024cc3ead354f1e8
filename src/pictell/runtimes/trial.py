"""A model's first run in a process of its own: an engine that crashes takes nothing with it.

An engine is a large program in C++, and a file made by a stranger can bring it down or keep it
busy for ever. ``try_in_child`` finds out before this process opens the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from pictell.errors import InvalidModelError, PictellError
from pictell.images.preprocess import preprocess
from pictell.options import EngineOptions
from pictell.runtimes import RUNTIMES, open_session
from pictell.runtimes.files import PREFIX
from pictell.types import ModelSpec, Weights

# Loading the largest engine takes ten seconds on a slow machine, translating a large model more.
DEADLINE_S = 120.0
MID_GREY = 128


def try_in_child(
    spec: ModelSpec,
    weights: Weights,
    options: EngineOptions = EngineOptions(),
    *,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Open the model and run it on one mid-grey picture, in another process.

    Raises what opening and running raise, and ``InvalidModelError`` when the engine crashes or
    has not answered within ``deadline_s`` seconds.
    """
    # The engines too: this program may have added its own to the table.
    request = pickle.dumps((spec, weights.format, dict(weights.files), options, RUNTIMES))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        try:
            child = subprocess.run(
                # -P: the current folder, where strangers' files may lie, is no place for modules.
                [sys.executable, "-P", "-m", "pictell.runtimes.trial"],
                input=request,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(folder),
                timeout=deadline_s,
            )
        except subprocess.TimeoutExpired:
            raise InvalidModelError(
                f"the model has not answered its engine within {deadline_s:g} s"
            ) from None
    if child.returncode != 0:
        raise InvalidModelError(f"the model crashed its engine ({_cause(child.returncode)})")
    _raise_again(child.stdout)


def main() -> None:
    """The child: reads the request, writes ``{}`` or the error as JSON."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = sys.stdin.buffer.read()
    # What an engine prints must not come between.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(_attempt(request), answer)
    answer.close()


def _attempt(request: bytes) -> dict[str, str]:
    spec, weights_format, files, options, engines = pickle.loads(request)
    RUNTIMES.update(engines)
    pixels = np.full((spec.preprocess.height, spec.preprocess.width, 3), MID_GREY, np.uint8)
    try:
        session = open_session(spec, Weights(weights_format, files), options)
        batch = preprocess(pixels, spec.preprocess)
        session.run({spec.input_name: batch}, [spec.output_name])
    except PictellError as error:
        return {"code": error.code, "message": str(error)}
    return {}


def _environment(folder: str) -> dict[str, str]:
    """This process's, with its search path for modules, and temporary files in ``folder``."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": folder, "TEMP": folder, "TMP": folder}


def _cause(returncode: int) -> str:
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"exit status {returncode}"


def _raise_again(answer: bytes) -> None:
    # JSON, where a pickle could do harm: whoever took over the child must not get further.
    try:
        found: dict[str, Any] = json.loads(answer)
        failed = (_errors()[found["code"]], str(found["message"])) if found else None
    except (ValueError, KeyError, TypeError):
        raise InvalidModelError("the model kept its engine from answering") from None
    if failed:
        raise failed[0](failed[1])


def _errors() -> dict[str, type[PictellError]]:
    found, waiting = {}, [PictellError]
    while waiting:
        error = waiting.pop()
        found[error.code] = error
        waiting.extend(error.__subclasses__())
    return found


if __name__ == "__main__":
    main()
