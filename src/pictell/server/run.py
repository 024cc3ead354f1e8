"""A server on a port: one process, or several workers that share the port."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from pictell.errors import PictellError, UsageError
from pictell.files import os_reason
from pictell.server.app import create_app
from pictell.server.metrics import FOLDER
from pictell.server.protocol import BoundedProtocol
from pictell.server.settings import Settings

LOG = logging.getLogger("pictell.server")
KEEP_ALIVE_S = 30
# A worker that does not answer for so long is replaced.
WORKER_TIMEOUT_S = 60
BACKLOG = 1024


def serve(settings: Settings) -> bool:
    """Serve until SIGINT or SIGTERM; return whether the server could start.

    Raises a ``PictellError`` for a model that does not open or an address that cannot be used.
    """
    listener = _bind(settings.host, settings.port)
    # uvicorn ends by the signal that stopped it, but a service that is told to stop has not failed.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _log_to_stderr()
    if settings.workers > 1:
        return _serve_with_workers(settings, listener, address)
    config = _config(create_app(settings), settings)
    LOG.info("pictell: ready on %s", address)
    server = uvicorn.Server(config)
    server.run([listener])
    return server.started


def _serve_with_workers(settings: Settings, listener: socket.socket, address: str) -> bool:
    """Start workers, and others for those that die, until a signal comes."""
    with tempfile.TemporaryDirectory(prefix="pictell-metrics-") as folder:
        os.environ[FOLDER] = folder
        config = _config(partial(_create_worker_app, settings), settings)
        LOG.info("pictell: %d workers on %s", settings.workers, address)
        workers = Multiprocess(config, [listener])
        workers.run()
    return all(one.exitcode != STARTUP_FAILURE for one in workers.processes)


def _create_worker_app(settings: Settings) -> ASGIApp:
    """``create_app`` in a worker, which cannot raise an error in the process that started it."""
    _log_to_stderr()
    try:
        return create_app(settings)
    except PictellError as error:
        LOG.error("pictell: %s", error)
        sys.exit(STARTUP_FAILURE)


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=settings.workers > 1,
        workers=settings.workers,
        http=cast("Any", partial(BoundedProtocol, settings.head_timeout, settings.max_connections)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(settings.request_timeout + settings.body_timeout),
        timeout_worker_healthcheck=WORKER_TIMEOUT_S,
    )


def _bind(host: str, port: int) -> socket.socket:
    """A socket with the address. Raises ``UsageError``."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        # The port of a server that has just ended can be used again.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else str(error)
        message = f"cannot listen on {host} port {port}: {reason}: give another --host or --port"
        raise UsageError(message) from error
    return listener


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name, level in (("pictell", logging.INFO), ("uvicorn", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
