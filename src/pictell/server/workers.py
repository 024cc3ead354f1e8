"""Several processes that do the same; one that dies is replaced.

uvicorn has such a supervisor, but it asks its workers whether they live and waits for an answer for
a minute, also from one that has just died; until then it looks at no signal.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

LOG = logging.getLogger("pictell.server")
# The exit status of a worker that would fail again.
CANNOT_START = 3
RESTART_PAUSE_S = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Workers:
    """Processes that run ``function(*arguments)`` until they get SIGTERM.

    ``on_stop`` is called before they get it. ``signal`` is the last signal that this process got
    while they ran, if any.
    """

    def __init__(
        self,
        count: int,
        on_stop: Callable[[], None],
        function: Callable[..., None],
        *arguments: Any,
    ) -> None:
        self.signal: int | None = None
        self._on_stop = on_stop
        self._target = (function, *arguments)
        self._count = count
        self._processes = list[SpawnProcess]()
        self._wakes, self._wake = multiprocessing.Pipe(duplex=False)

    def run(self) -> bool:
        """Run until a signal comes; return whether the workers could start."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            self._processes = [self._start() for _ in range(self._count)]
            while self.signal is None and self._all_can_start():
                self._replace_dead()
                wait([self._wakes, *(one.sentinel for one in self._processes)])
            can_start = self._all_can_start()
            self._on_stop()
            for one in self._processes:
                one.terminate()
            for one in self._processes:
                one.join()
            return can_start
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.signal == number == signal.SIGINT:
            for one in self._processes:
                one.kill()
        self.signal = number
        self._wake.send_bytes(b"signal")

    def _all_can_start(self) -> bool:
        return all(one.exitcode != CANNOT_START for one in self._processes)

    def _replace_dead(self) -> None:
        for place, one in enumerate(self._processes):
            if one.exitcode not in {None, CANNOT_START}:
                LOG.warning(
                    "pictell: a worker has died (exit status %s): it is replaced", one.exitcode
                )
                # One that dies at its start would otherwise die again and again without a pause.
                wait([self._wakes], RESTART_PAUSE_S)
                self._processes[place] = self._start()

    def _start(self) -> SpawnProcess:
        process = multiprocessing.get_context("spawn").Process(target=_work, args=self._target)
        with _ctrl_c_later():
            process.start()
        return process


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Hold SIGINT back until the end of ``with``; a process that starts holds it back as well."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(function: Callable[..., None], *arguments: Any) -> None:
    """What a worker runs. Until the function cares for it, Ctrl-C ends it without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function(*arguments)


def is_parent_alive() -> bool:
    """Whether the process that started this worker still runs."""
    parent = multiprocessing.parent_process()
    return parent is not None and parent.is_alive()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
