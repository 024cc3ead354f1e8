"""A trial run of a model in a child process, in case the model crashes its runtime.

Runtimes are large C++ programs: a malicious file can crash one or make it loop. ``try_in_child``
shows that before this process opens the file.
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

from PIL import Image

from pictell.errors import InvalidModelError, PictellError, error_classes
from pictell.images.preprocess import preprocess
from pictell.options import EngineOptions
from pictell.runtimes import RUNTIMES, open_session
from pictell.runtimes.files import PREFIX
from pictell.types import DecodedImage, ModelSpec, Weights

# On a slow machine the largest runtime takes ten seconds to load, and a large model more.
DEADLINE_S = 120.0
MID_GREY = 128


def try_in_child(
    spec: ModelSpec,
    weights: Weights,
    options: EngineOptions = EngineOptions(),
    *,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Open the model and run it on one mid-grey image, in a child process.

    Raises what opening and running raise, and ``InvalidModelError`` if the runtime crashes or does
    not finish within ``deadline_s`` seconds.
    """
    # With the table of runtimes, to which this program may have added one.
    request = pickle.dumps((spec, weights.format, dict(weights.files), options, RUNTIMES))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        try:
            child = subprocess.run(
                # -P: import no modules from the current folder, which may hold untrusted files.
                [sys.executable, "-P", "-m", "pictell.runtimes.trial"],
                input=request,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(folder),
                timeout=deadline_s,
            )
        except subprocess.TimeoutExpired:
            raise InvalidModelError(
                f"the model's trial run did not finish within {deadline_s:g} s"
            ) from None
    if child.returncode != 0:
        raise InvalidModelError(f"the model crashed its runtime ({_cause(child.returncode)})")
    _raise_again(child.stdout)


def main() -> None:
    """Run the child process: read the request, write ``{}`` or the error as JSON."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = sys.stdin.buffer.read()
    # The output of a runtime goes to stderr, so that stdout has only the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(_attempt(request), answer)
    answer.close()


def _attempt(request: bytes) -> dict[str, str]:
    spec, weights_format, files, options, engines = pickle.loads(request)
    RUNTIMES.update(engines)
    grey = Image.new("RGB", (spec.preprocess.width, spec.preprocess.height), (MID_GREY,) * 3)
    try:
        session = open_session(spec, Weights(weights_format, files), options)
        batch = preprocess(DecodedImage(grey, *grey.size), spec.preprocess)
        session.run({spec.input_name: batch}, [spec.output_name])
    except PictellError as error:
        return {"code": error.code, "message": error.message}
    return {}


def _environment(folder: str) -> dict[str, str]:
    """This process's environment, with its module path, and temporary files in ``folder``."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": folder, "TEMP": folder, "TMP": folder}


def _cause(returncode: int) -> str:
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"exit status {returncode}"


def _raise_again(answer: bytes) -> None:
    # JSON, because a pickle from a compromised child could run code here.
    try:
        found: dict[str, Any] = json.loads(answer)
        error = error_classes()[found["code"]](str(found["message"])) if found else None
    except (ValueError, KeyError, TypeError):
        raise InvalidModelError("the model's trial run ended without an answer") from None
    if error:
        raise error


if __name__ == "__main__":
    main()
