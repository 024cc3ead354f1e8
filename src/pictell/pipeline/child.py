"""What each process of ``Processes`` runs. It imports little, so that it starts quickly.

The process reads requests from stdin and writes answers to stdout, both as pickles. It ends when
its parent does: then stdin ends, which one thread waits for. A library that holds the interpreter's
lock stops that thread, so on Linux the kernel ends the process too.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeAlias

from pictell.errors import PictellError

Request: TypeAlias = tuple[Callable[..., object], tuple[object, ...]]

# The first answer.
READY = [pickle.dumps(("result", None, False))]
OUT_OF_MEMORY_STATUS = 86
# A process is replaced if it is this much larger than at its start, after some number of tasks.
GROWTH_BYTES = 128 * 1024 * 1024
TASKS_BETWEEN_LOOKS = 100
_OWN_MEMORY = Path("/proc/self/statm")


def main() -> None:
    """Answer requests until the parent ends. The first one has the settings of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a task prints goes nowhere. What is wrong at the start still goes to stderr, for the
    # parent.
    requests, answers = os.fdopen(_take(0), "rb"), os.fdopen(_take(1), "wb")
    modules, max_memory = pickle.load(requests)
    for name in modules:
        import_module(name)
    _limit(max_memory)
    _end_with_reader(_take(2))
    waiting = SimpleQueue[Request | Exception]()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    size_at_start = _data_bytes()
    answer = READY
    for number in count(1):
        answers.writelines(answer)
        answers.flush()
        look = number % TASKS_BETWEEN_LOOKS == 0
        has_grown = look and _data_bytes() > size_at_start + GROWTH_BYTES
        # Nothing else refers to the request, so that its memory is free once it is answered.
        answer = _answer(waiting.get(), has_grown)


def _take(descriptor: int) -> int:
    """A copy of a standard stream, which is then connected to nothing."""
    copy, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return copy


def _end_with_reader(lifeline: int) -> None:
    """Make the kernel end this process once nobody can read the pipe, which is never written to."""
    if sys.platform == "linux":
        import fcntl

        # fcntl(2): SIGIO goes to this process; what it does by default is to end the process.
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_WRONLY | os.O_ASYNC)


def _limit(max_memory: int | None) -> None:
    """Let the process allocate ``max_memory`` bytes more than now; write no core files."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if max_memory is not None and sys.platform == "linux":
        _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
        limits = [_data_bytes() + max_memory, sys.maxsize, allowed]
        limit = min(one for one in limits if one != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _data_bytes() -> int:
    """How much memory this process has for data, 0 where the system does not tell.

    proc(5): the sixth number of ``statm``, in pages, is what ``RLIMIT_DATA`` limits.
    """
    if sys.platform != "linux":
        return 0
    return int(_OWN_MEMORY.read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")


def _read(requests: IO[bytes], waiting: SimpleQueue[Request | Exception]) -> None:
    """Hand over each request; end the process at the end of the stream, whatever it does."""
    try:
        while True:
            waiting.put(pickle.load(requests))
    except EOFError:
        os._exit(0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY_STATUS)
    except Exception as error:
        waiting.put(error)


def _answer(request: Request | Exception, is_last: bool) -> list[bytes]:
    """Run a task. The answer is a word, what belongs to it, and whether it is the last one.

    It is whole before it is written: a pickle that fails would leave a part in the stream.
    """
    try:
        if isinstance(request, Exception):
            # The rest of the stream has no meaning.
            is_last = True
            raise request
        function, arguments = request
        return _pickled(("result", function(*arguments), is_last))
    except PictellError as error:
        data = {name: value for name, value in vars(error).items() if name != "message"}
        return _pickled(("error", (error.code, error.message, data), is_last))
    except MemoryError:
        return _pickled(("memory", None, is_last))
    except BaseException:
        return _pickled(("failed", traceback.format_exc(), is_last))


def _pickled(answer: object) -> list[bytes]:
    """A pickle in parts, so that large ones are not copied."""
    parts = _Parts()
    pickle.dump(answer, parts)
    return parts


class _Parts(list[bytes]):
    def write(self, part: bytes) -> None:
        self.append(part)
