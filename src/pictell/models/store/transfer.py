"""A file of known length on its way from a server: asked for, continued, asked for again."""

from __future__ import annotations

import errno
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout, make_headers
from urllib3.exceptions import HTTPError, NameResolutionError, SSLError

from pictell.errors import AddressRefusedError, ModelUnavailableError, StoreError
from pictell.images.addresses import Hop, follow, parse_url
from pictell.models.store.catalog import Download
from pictell.version import __version__

Report: TypeAlias = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes in all, as they grow."""

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)  # RFC 9110 §15.4
PASSING = (408, 429, 500, 502, 503, 504)  # statuses that may be gone a little later
RANGE_NOT_SATISFIABLE = 416
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")  # RFC 9110 §14.4
# As in ``HTTPConnection(…): Failed to establish a new connection: [Errno 111] Connection refused``.
URLLIB3_PREFIX = re.compile(r"^.*(>|\)): (Failed to establish a new connection: \[Errno \d+\] )?")
DIGITS = re.compile(r"\d{1,18}")
CHUNK_BYTES = 64 * 1024
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
HEADERS = {"User-Agent": f"pictell/{__version__}", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait: for each answer and each piece, and before each further attempt (seconds).

    An attempt that got further than all before starts the delays anew.
    """

    timeout_s: float = 30.0
    delays_s: tuple[float, ...] = (1.0, 2.0, 4.0)


class _BrokenOffError(Exception):
    """An attempt failed; another may not."""


class Transfer:
    """One file on its way from ``url`` to ``part``."""

    def __init__(
        self, download: Download, url: str, part: Path, report: Report, retry: RetryPolicy
    ) -> None:
        self._download = download
        self._url = url
        self._part = part
        self._report = report
        self._retry = retry
        self._etag: str | None = None

    def finish(self) -> None:
        """Ask for what is missing, again and again, until the part is as long as the file.

        Raises ``ModelUnavailableError`` or ``StoreError``; the part is kept for another time.
        """
        delays, furthest = iter(self._retry.delays_s), self._size()
        while self._size() != self._download.bytes:
            try:
                self._attempt()
            except _BrokenOffError as error:
                if self._size() > furthest:
                    delays, furthest = iter(self._retry.delays_s), self._size()
                delay_s = next(delays, None)
                if delay_s is None:
                    raise self._unavailable(str(error)) from error
                time.sleep(delay_s)

    def _size(self) -> int:
        with writing(self._part):
            return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self) -> None:
        have = self._size()
        headers = HEADERS.copy()
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._etag is not None:
                headers["If-Range"] = self._etag
        with self._ask(headers) as answer:
            have = self._accept(answer, have)
            etag = answer.headers.get("etag", "W/")
            self._etag = None if etag.startswith("W/") else etag
            self._append(answer, have)

    def _append(self, answer: BaseHTTPResponse, have: int) -> None:
        with writing(self._part), self._part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            self._report(have, self._download.bytes)
            for chunk in _chunks(answer):
                file.write(chunk)
                have += len(chunk)
                self._report(have, self._download.bytes)

    @contextmanager
    def _ask(self, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
        """The answer at the end of all redirects, its body still to be read."""
        hop = self._checked(parse_url, self._url)
        for _ in range(1 + MAX_REDIRECTS):
            with (
                _pool(hop, self._retry.timeout_s) as pool,
                closing(self._get(pool, hop, headers)) as answer,
            ):
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                hop = self._checked(follow, hop, answer.headers.get("location", ""))
        raise self._unavailable(f"it redirects more than {MAX_REDIRECTS} times")

    def _get(self, pool: PoolManager, hop: Hop, headers: dict[str, str]) -> BaseHTTPResponse:
        url = f"{hop.scheme}://{hop.authority}{hop.target}"
        try:
            return pool.request(
                "GET", url, headers=headers, preload_content=False, redirect=False, retries=False
            )
        except (NameResolutionError, SSLError) as error:
            raise self._unavailable(_reason(error)) from error
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise _BrokenOffError(_reason(error)) from error

    def _checked(self, parse: Callable[..., Hop], *words: str | Hop) -> Hop:
        try:
            return parse(*words)
        except AddressRefusedError as error:
            raise self._unavailable(str(error)) from error

    def _accept(self, answer: BaseHTTPResponse, have: int) -> int:
        """From which byte on the answer holds the file, and that it is no other file."""
        if answer.status in PASSING:
            raise _BrokenOffError(f"the server answered {answer.status}")
        if answer.status == RANGE_NOT_SATISFIABLE and have:
            raise self._start_again("the server has no more of it than is here")
        if answer.status not in {200, 206}:
            raise self._unavailable(f"the server answered {answer.status}")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise self._unavailable("the server sent an encoded body, which was not asked for")
        first, total = (0, _length(answer)) if answer.status == 200 else _range(answer)
        if total is None:
            raise self._unavailable("the server does not say how long the file is")
        if total != self._download.bytes:
            raise self._unavailable(
                f"the file there has {total} bytes, the catalogue's {self._download.bytes}"
            )
        if first not in {0, have}:
            raise self._start_again("the server answered with another part than was asked for")
        return first

    def _start_again(self, reason: str) -> _BrokenOffError:
        with writing(self._part):
            self._part.unlink(missing_ok=True)
        return _BrokenOffError(reason)

    def _unavailable(self, reason: str) -> ModelUnavailableError:
        host = urlsplit(self._url).hostname
        return ModelUnavailableError(
            f"{self._download.file_name} cannot be downloaded from {host}: {reason}"
        )


def _pool(hop: Hop, timeout_s: float) -> PoolManager:
    """Connections to the hop's host, through the environment's proxy if it names one."""
    timeout = Timeout(connect=timeout_s, read=timeout_s)
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxies = getproxies()
    proxy = proxies.get(hop.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(hop.host):
        return PoolManager(timeout=timeout, ssl_context=context)
    parts = urlsplit(proxy)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    headers = make_headers(proxy_basic_auth=user)
    return ProxyManager(proxy, proxy_headers=headers, timeout=timeout, ssl_context=context)


def _length(answer: BaseHTTPResponse) -> int | None:
    """The body's length; ``None`` where it comes in chunks, which may be of any size."""
    text = answer.headers.get("content-length", "")
    stated = DIGITS.fullmatch(text) and "transfer-encoding" not in answer.headers
    return int(text) if stated else None


def _range(answer: BaseHTTPResponse) -> tuple[int, int | None]:
    """The first byte and the whole file's length, of a range that goes to its end."""
    match = CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    length = _length(answer)
    if match is None or length is None:
        return 0, None
    first, last, total = map(int, match.groups())
    return first, total if last + 1 == total == first + length else None


def _chunks(answer: BaseHTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(CHUNK_BYTES, decode_content=False):
            yield chunk
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise _BrokenOffError(f"the download broke off: {_reason(error)}") from error


@contextmanager
def writing(part: Path) -> Iterator[None]:
    """Make errors of the disk that holds ``part`` ours; where it is full, make room again."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            part.unlink(missing_ok=True)
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError(f"{part.parent} cannot be written: {reason}") from error


def _reason(error: Exception) -> str:
    """A few words of what went wrong, without urllib3's names of its own objects."""
    if isinstance(error, NameResolutionError):
        return "its name does not resolve; is this machine offline?"
    return URLLIB3_PREFIX.sub("", str(error)) or type(error).__name__
