"""What the operator of a server chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pictell.errors import UsageError

if TYPE_CHECKING:
    from pictell.classifier import Classifier

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; ``docs/serve.md`` describes them.

    ``models`` opens each model that is served, by the name that requests give; the first one is
    the default. ``max_pictures`` bounds the pictures of one request, ``max_queue`` those of all
    requests at a time; ``max_body_bytes`` and ``max_buffered_bytes`` do the same for bodies. These
    and ``max_connections`` are for each of ``workers`` processes.

    The head of a request has ``head_timeout_s`` seconds, its body ``body_timeout_s``, and the rest
    ``request_timeout_s``. On SIGTERM, the server still takes requests for ``drain_s``.

    ``fetch`` allows URLs in requests, of ``fetch_hosts`` alone if there are any. ``tokens`` are
    those that requests must have one of, if there are any; ``rate_limit`` is such as
    ``100/minute``, for each token or, without tokens, for each client's address. ``cors_origins``
    may use the server from their pages. ``allowed_hosts`` are the names that requests may give the
    server: on a loopback address beside its own names; on another one, without any, every name is
    allowed.
    ``trusted_proxies`` are addresses and networks whose ``X-Forwarded-For`` names the client.
    """

    models: Mapping[str, _Open]
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    max_queue: int = 128
    max_pictures: int = 32
    max_body_bytes: int = 32 * MIB
    max_buffered_bytes: int = 512 * MIB
    max_connections: int = 1000
    request_timeout_s: float = 30.0
    body_timeout_s: float = 60.0
    head_timeout_s: float = 10.0
    drain_s: float = 1.0
    fetch: bool = False
    fetch_hosts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = field(default=(), repr=False)
    rate_limit: str | None = None
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for settings that contradict each other."""
        if not self.models:
            raise UsageError("a server needs a model")
        if self.fetch_hosts and not self.fetch:
            raise UsageError("--fetch-host has no effect without --fetch: give both, or neither")
        if self.max_body_bytes > self.max_buffered_bytes:
            raise UsageError(
                f"--max-body ({self.max_body_bytes}) is more than --max-buffered "
                f"({self.max_buffered_bytes}): such a body would never be taken"
            )

    @property
    def most_pictures(self) -> int:
        """The pictures that one request may have: the queue would never take more."""
        return min(self.max_pictures, self.max_queue)

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach the server."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def host_names(self) -> frozenset[str]:
        """The names that requests may give the server, in lower case; empty for every name."""
        own = [*LOCAL_NAMES, self.host] if self.is_local else []
        return frozenset([*own, *(name.lower() for name in self.allowed_hosts)])


if TYPE_CHECKING:
    from collections.abc import Callable

    _Open = Callable[[], Classifier]
