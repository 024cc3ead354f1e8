"""The models of a server, and what it works on at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.requests import Request

from pictell.errors import DeadlineError, UnknownModelError
from pictell.image_model import Prepared
from pictell.results import Result
from pictell.server.admission import Admission, overloaded
from pictell.server.engine import Engine, Wanted
from pictell.server.metrics import Metrics
from pictell.server.problems import ProblemError, to_problem
from pictell.server.requests import read_body
from pictell.server.settings import Settings
from pictell.types import Source

T = TypeVar("T")

# Clients that come again at once would keep the event loop busy with refusals, and those that are
# not refused waiting.
REFUSAL_PAUSE_S = 0.2


class Service:
    """What all routes share. For the thread of the event loop.

    ``ready`` says whether new requests should come: not once the server is told to stop.
    """

    def __init__(self, engines: Mapping[str, Engine], settings: Settings, metrics: Metrics) -> None:
        self.engines, self.settings, self.metrics = engines, settings, metrics
        self.ready = False
        self._pictures = Admission(settings.max_queue)
        self._body_bytes = Admission(_max_buffered_bytes(engines, settings))

    def engine(self, name: str | None) -> Engine:
        """The model that a request names, or the first one. Raises ``ProblemError``."""
        if name is None:
            return next(iter(self.engines.values()))
        if name not in self.engines:
            names = ", ".join(self.engines)
            raise ProblemError(
                404, UnknownModelError.code, f"no such model: this server has {names}"
            )
        return self.engines[name]

    async def classify(
        self,
        request: Request,
        engine: Engine,
        pictures: Sequence[Source] | Sequence[Prepared],
        wanted: Wanted,
    ) -> list[Result]:
        """The result of each picture, which may be an error. Raises as ``run`` does."""
        work = (engine.classify(picture, wanted) for picture in pictures)
        results = await self.run(request, len(pictures), asyncio.gather(*work))
        for one in results:
            self.metrics.saw_picture(engine.name, one)
        return results

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, which counts as held until the end of ``with``.

        Raises ``ProblemError`` as ``read_body`` does, and for too many pictures or bytes in all
        requests.
        """
        if self._pictures.is_full:
            await asyncio.sleep(REFUSAL_PAUSE_S)
            raise overloaded()
        with self._body_bytes.hold(0) as held:
            yield await read_body(request, self.settings, held)

    async def run(self, request: Request, pictures: int, work: asyncio.Future[T]) -> T:
        """The result of work on some pictures, after the body of the request.

        Raises ``ProblemError`` for too many pictures in all requests, after the limit of time, and
        for a client that is gone; the work is then cancelled.
        """
        gone = asyncio.ensure_future(_until_gone(request))
        try:
            with self._pictures.hold(pictures):
                self.metrics.queue.set(self._pictures.held)
                both = set[asyncio.Future[Any]]({work, gone})
                await asyncio.wait(
                    both,
                    timeout=self.settings.request_timeout_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            self.metrics.queue.set(self._pictures.held)
            gone.cancel()
            if not work.done():
                # asyncio logs an error that nobody asks for, and a gathered one ends with an error.
                work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
                work.cancel()
        if work.done() and not work.cancelled():
            return work.result()
        if gone.done() and not gone.cancelled():
            raise ProblemError(499, "client_closed_request", "the client closed the connection")
        timeout_s = self.settings.request_timeout_s
        raise to_problem(DeadlineError(f"not finished within {timeout_s:g} s", timeout_s=timeout_s))


def _max_buffered_bytes(engines: Mapping[str, Engine], settings: Settings) -> int:
    """The bytes of all bodies: half of the memory budget if that is less, but room for one body."""
    budget = min(engine.model.budget.max_bytes for engine in engines.values())
    return min(settings.max_buffered_bytes, max(settings.max_body_bytes, budget // 2))


async def _until_gone(request: Request) -> None:
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
