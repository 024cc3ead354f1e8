"""uvicorn's server, which loses no connection when it stops."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn


class Server(uvicorn.Server):
    """A server that ends well by SIGTERM, also by one that comes before it runs.

    ``on_ready`` is called once it takes connections.
    """

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until SIGINT or SIGTERM."""
        # uvicorn ends by the signal that stopped it, but a service that is told to stop has not
        # failed.
        signal.signal(signal.SIGTERM, self._on_sigterm)
        super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does, but answer the clients that the system has already connected."""
        connected = [one for listener in sockets or [] for one in _accept_waiting(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        loop = asyncio.get_running_loop()
        for one in connected:
            await loop.connect_accepted_socket(self._make_protocol, one)
        await super().shutdown(sockets)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True

    def _make_protocol(self) -> asyncio.Protocol:
        make = self.config.http_protocol_class
        return make(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _accept_waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that no call has accepted yet."""
    try:
        while True:
            yield listener.accept()[0]
    except OSError:  # there is none, or too many files are open
        return
