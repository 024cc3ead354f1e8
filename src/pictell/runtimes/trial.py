"""A trial run of a model in a process of its own, in case the model crashes its runtime.

Runtimes are large C++ programs: a malicious file can crash one, make it loop or fill the memory.
``try_in_child`` shows that before this process opens the file.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from PIL import Image

from pictell.errors import InvalidModelError, ModelWarning, OutOfMemoryError
from pictell.files import os_reason
from pictell.graphs import Weights
from pictell.images.preprocess import preprocess
from pictell.memory import available_memory
from pictell.options import EngineOptions
from pictell.pipeline.processes import CrashError, Processes, TaskError
from pictell.runtimes import RUNTIMES, Runtime, open_session
from pictell.runtimes.files import temporary_folder
from pictell.types import DecodedImage, ModelSpec

# On a slow machine the largest runtime takes ten seconds to load, and a large model more.
DEADLINE_S = 120.0
# A process may allocate so many bytes, and so many more for each byte of the model: the process
# has the file, its parsed graph, and the weights as the runtime orders them.
MEMORY, MEMORY_PER_BYTE = 4 * 1024**3, 6
MID_GREY = 128


def try_in_child(
    spec: ModelSpec,
    weights: Weights,
    options: EngineOptions = EngineOptions(),
    *,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Open the model and run it on one mid-grey image, in a process of its own.

    Raises what opening and running raise, and ``InvalidModelError`` if the runtime crashes, does
    not finish within ``deadline_s`` seconds, or on Linux needs more than 4 GiB and 6 times the
    model's size. The process ends with this one.
    """
    plain = Weights(weights.format, dict(weights.files))
    max_memory = MEMORY + MEMORY_PER_BYTE * sum(map(len, plain.files.values()))
    max_memory = min(max_memory, available_memory())
    processes = Processes(1, deadline_s=deadline_s, max_memory=max_memory, modules=[__name__])
    with temporary_folder() as folder, closing(processes), _model_errors(deadline_s, max_memory):
        # With the table of runtimes, to which this program may have added one.
        processes.call(_attempt, spec, plain, options, RUNTIMES, str(folder))


@contextmanager
def _model_errors(deadline_s: float, max_memory: int) -> Iterator[None]:
    """Raise what ends a task in another way as ``InvalidModelError``."""
    try:
        yield
        return
    except TimeoutError:
        reason = f"the model's trial run did not finish within {deadline_s:g} s"
    except (MemoryError, OutOfMemoryError):
        reason = f"the model's trial run needs more than {max_memory / 1e9:.1f} GB of memory"
    except CrashError as error:
        reason = f"the model crashed its runtime ({error})"
    except TaskError as error:
        reason = f"the model's trial run failed: {str(error).splitlines()[-1]}"
    except OSError as error:
        reason = f"the model's trial run cannot start: {os_reason(error)}"
    raise InvalidModelError(reason)


def _attempt(
    spec: ModelSpec,
    weights: Weights,
    options: EngineOptions,
    engines: Mapping[str, Runtime],
    folder: str,
) -> None:
    """The task of the process. The temporary files of its runtime are in ``folder``."""
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder))
    tempfile.tempdir = folder
    RUNTIMES.update(engines)
    # The process that opens the model after this one warns.
    warnings.simplefilter("ignore", ModelWarning)
    grey = Image.new("RGB", (spec.preprocess.width, spec.preprocess.height), (MID_GREY,) * 3)
    session = open_session(spec, weights, options)
    batch = preprocess(DecodedImage(grey, *grey.size), spec.preprocess)
    session.run({spec.input_name: batch}, [spec.output_name])
