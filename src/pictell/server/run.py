"""A server on a port: one process, or several workers that share the port."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn

from pictell.errors import ModelWarning, PictellError, UsageError
from pictell.files import os_reason
from pictell.server.app import create_app
from pictell.server.metrics import FOLDER
from pictell.server.protocol import BoundedProtocol, Connections
from pictell.server.settings import Settings
from pictell.server.stopping import Server
from pictell.server.workers import CANNOT_START, Workers, is_parent_alive

LOG = logging.getLogger("pictell.server")
# Longer than proxies keep an idle connection: they could send a request into one that is closing.
KEEP_ALIVE_S = 130
BACKLOG = 1024
# What the models, the decoders and downloads have open.
OTHER_FILES = 128


def serve(settings: Settings) -> bool:
    """Serve until SIGINT or SIGTERM; return whether the server could start.

    Raises a ``PictellError`` for a model that does not open or an address that cannot be used.
    """
    listener = _bind(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _log_to_stderr()
    if settings.workers > 1:
        return _serve_with_workers(settings, listener, address)
    on_ready = partial(LOG.info, "pictell: ready on %s", address)
    server = Server(_config(create_app(settings), settings), on_ready)
    server.run([listener])
    return server.started


def _serve_with_workers(settings: Settings, listener: socket.socket, address: str) -> bool:
    """Start workers, and others for those that die, until a signal comes."""
    with tempfile.TemporaryDirectory(prefix="pictell-metrics-") as folder:
        os.environ[FOLDER] = folder
        LOG.info("pictell: starting %d workers on %s", settings.workers, address)
        # Connections that no worker takes any more must be refused, not wait.
        workers = Workers(settings.workers, listener.close, _work, settings, listener)
        could_start = workers.run()
    if workers.signal == signal.SIGINT:
        signal.raise_signal(signal.SIGINT)
    return could_start


def _work(settings: Settings, listener: socket.socket) -> None:
    """What a worker runs, which cannot raise an error in the process that started it."""
    _log_to_stderr()
    folder = Path(os.environ[FOLDER])
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ModelWarning)
            app = create_app(settings)
    except PictellError as error:
        _log_once(folder / "failed", logging.ERROR, error)
        sys.exit(CANNOT_START)
    for number, warning in enumerate(caught):
        _log_once(folder / f"warned-{number}", logging.WARNING, warning.message)
    try:
        Server(_config(app, settings)).run([listener])
    finally:
        # The process that made the folder may have been killed.
        if not is_parent_alive():
            shutil.rmtree(folder, ignore_errors=True)


def _log_once(mark: Path, level: int, message: object) -> None:
    """Log what all workers have to say once. ``mark`` is a file that the first of them makes."""
    with suppress(FileExistsError):
        mark.touch(exist_ok=False)
        LOG.log(level, "pictell: %s", message)


def _config(app: Any, settings: Settings) -> uvicorn.Config:
    most = min(settings.max_connections, _raise_file_limit(settings.max_connections))
    connections = Connections(settings.head_timeout_s, most)
    return uvicorn.Config(
        app,
        http=cast("Any", partial(BoundedProtocol, connections)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(settings.request_timeout_s + settings.body_timeout_s),
    )


def _raise_file_limit(connections: int) -> int:
    """Allow this process the files that connections need; return how many connections may be open.

    As many again may come at once, before those that make room for them are closed.
    """
    if sys.platform == "win32":
        return connections
    import resource

    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + OTHER_FILES
    if limit < wanted:
        limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
    return max(1, (limit - OTHER_FILES) // 2)


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
    levels = {"pictell": logging.INFO, "uvicorn": logging.ERROR, "asyncio": logging.ERROR}
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
