"""Processes for work that may crash, hang or take too much memory."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any, NamedTuple, TypeVar, cast

from pictell.errors import PictellError, error_classes
from pictell.pipeline.child import OUT_OF_MEMORY_STATUS
from pictell.pipeline.deadline import Deadlines
from pictell.pipeline.executor import Threads
from pictell.processors import available_cores

T = TypeVar("T")
R = TypeVar("R")

# On a busy machine a process takes seconds to start.
START_TIMEOUT_S = 120.0
# What Linux allows every user.
PIPE_BYTES = 1024 * 1024
# -P: import no modules from the current folder, which may hold untrusted files.
_COMMAND = ("-P", "-c", "from pictell.pipeline.child import main; main()")


class CrashError(Exception):
    """The process of a task ended before the task did. The message says how: ``SIGSEGV``."""


class TaskError(Exception):
    """A task raised another error than a ``PictellError``, or its result is not plain data."""


class Processes:
    """Runs functions in processes, at most ``workers``, by default one for each processor.

    A process that crashes, or does not finish within ``deadline_s`` seconds, costs its own task
    alone, and another one takes its place. On Linux a process may allocate ``max_memory`` bytes;
    other systems have no such limit. Processes start when they are needed, import ``modules``, and
    end with this one. They do not run the main module of the program, and get no Ctrl-C.

    A function and its arguments are pickled. Its result is plain data: ``None``, numbers, texts,
    bytes, and tuples, lists, dicts and sets of them. Pickles of other objects are refused, because
    in a process that a hostile file controls they could be made to run code in this one.

    Safe to use from several threads.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        deadline_s: float,
        max_memory: int | None = None,
        modules: Sequence[str] = (),
    ) -> None:
        self.workers = workers or available_cores()
        self.deadline_s = deadline_s
        self._settings = (tuple(modules), max_memory)
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        self._owner = os.getpid()
        self._deadlines = Deadlines()
        self._slots = threading.Semaphore(self.workers)
        self._threads = ThreadPoolExecutor(self.workers, "pictell-processes")
        self._idle = deque[_Child]()
        # For a pool that nobody closes.
        weakref.finalize(self, _stop_all, self._idle)

    def call(
        self, function: Callable[..., R], *arguments: Any, deadline_s: float | None = None
    ) -> R:
        """The result of one call in a process, which this thread waits for.

        Time counts from when the process gets the task. Raises the ``PictellError`` that the
        function raises, ``TaskError`` for any other, ``CrashError``, ``TimeoutError``,
        ``MemoryError``, or ``OSError`` if no process can be started.
        """
        if self._owner != os.getpid():
            # After a fork both programs would write to the same pipes.
            self._reset()
        with self._slots:
            answer = self._run((function, arguments), deadline_s or self.deadline_s)
        try:
            if answer.error is not None:
                raise answer.error
            return cast("R", answer.result)
        finally:
            # An error that refers to itself through this frame would keep all arguments.
            del answer

    def submit(
        self, function: Callable[..., R], *arguments: Any, deadline_s: float | None = None
    ) -> Future[R]:
        """``call`` without waiting."""
        return self._threads.submit(self.call, function, *arguments, deadline_s=deadline_s)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R | Exception]:
        """For each item the result of ``call``, or its error: lazy, in order, bounded."""

        def run(item: T) -> R | Exception:
            try:
                return self.call(function, item)
            except (PictellError, TaskError, CrashError, TimeoutError, MemoryError) as error:
                return error

        return Threads(self.workers).map(run, items)

    def close(self) -> None:
        """End the processes, each once its task has ended. A later call starts one for itself."""
        self._closed = True
        self._threads.shutdown(wait=False)
        _stop_all(self._idle)

    def _run(self, request: object, deadline_s: float) -> _Answer:
        """The answer of a process, which is kept for the next request."""
        child = self._take()
        stays = False
        try:
            with self._deadlines.limit(deadline_s, child.kill) as deadline:
                answer = child.ask(request)
            stays = not answer.is_last and not deadline.passed
            return answer
        except (OSError, EOFError) as problem:
            if deadline.passed:
                raise TimeoutError(f"not finished within {deadline_s:g} s") from None
            raise child.find_crash(problem) from None
        finally:
            # Also after an interrupt of this thread: the answer would be taken for the next one.
            if stays:
                self._idle.append(child)
            else:
                child.stop()
            if self._closed:
                _stop_all(self._idle)

    def _take(self) -> _Child:
        """A process that waits for work."""
        with suppress(IndexError):
            while True:
                child = self._idle.pop()
                if child.is_alive():
                    return child
                child.stop()
        return self._start()

    def _start(self) -> _Child:
        child = _Child()
        try:
            with self._deadlines.limit(START_TIMEOUT_S, child.kill):
                child.ask(self._settings)
        except (OSError, EOFError):
            raise ChildProcessError(f"a process does not start: {child.last_words()}") from None
        return child


class _Child:
    """One process and the pipes to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The process writes here until it is ready; later this only tells it that we are alive.
            stderr=subprocess.PIPE,
            env=_environment(),
            # The keys of a terminal interrupt the processes of its foreground group.
            process_group=0,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._requests, self._answers, self._errors = (
            cast("IO[bytes]", stream)
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        _widen(self._requests)
        _widen(self._answers)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(self, request: object) -> _Answer:
        """Send a request and wait for its answer.

        Raises ``OSError`` or ``EOFError`` where there is none, and what pickling raises.
        """
        pickle.dump(request, self._requests)
        self._requests.flush()
        try:
            return _to_answer(*_PlainUnpickler(self._answers).load())
        except Exception as problem:  # a hostile process may answer anything
            raise EOFError(problem) from None

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def find_crash(self, problem: Exception) -> Exception:
        """The error for a process that gave no answer that can be read."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.poll()
        if status is None:
            return TaskError(f"no valid answer: {problem}")
        if status == OUT_OF_MEMORY_STATUS:
            return MemoryError()
        try:
            return CrashError(signal.Signals(-status).name)
        except ValueError:
            return CrashError(f"exit status {status}")

    def last_words(self) -> str:
        """Why a process did not start: the last line of its stderr. Ends the process."""
        self._process.kill()
        lines = self._errors.read().decode(errors="replace").splitlines()
        self.stop()
        return lines[-1] if lines else f"exit status {self._process.returncode}"

    def stop(self) -> None:
        """End the process and close the pipes."""
        self._process.kill()
        self._process.wait()
        for stream in (self._requests, self._answers, self._errors):
            with suppress(OSError):  # what could not be sent is still in a buffer
                stream.close()


class _PlainUnpickler(pickle.Unpickler):
    """Reads pickles without any class or function."""

    def find_class(self, module: str, name: str) -> Any:
        """Raises ``UnpicklingError``."""
        raise pickle.UnpicklingError(f"a result must be plain data, not {module}.{name}")


class _Answer(NamedTuple):
    result: Any
    error: Exception | None
    is_last: bool


def _to_answer(kind: str, value: Any, is_last: bool) -> _Answer:
    error: Exception | None = None
    if kind == "error":
        code, message, data = value
        error = error_classes()[code](message, **data)
    elif kind == "memory":
        error = MemoryError()
    elif kind == "failed":
        error = TaskError(str(value))
    return _Answer(value, error, is_last)


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold a whole request, so that writer and reader take turns once."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # the pipes of a user have a limit together
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _environment() -> dict[str, str]:
    """This process's environment, with its module path; libraries start no threads."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **one_thread, "PYTHONPATH": path}


def _stop_all(children: deque[_Child]) -> None:
    with suppress(IndexError):
        while True:
            children.pop().stop()
