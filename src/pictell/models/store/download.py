"""Files of known size and checksum, downloaded from a URL or copied from a mirror.

The checksum decides what is right, so plain http and mirrors on private hosts are allowed. A
download grows in a ``.part`` file, which a later attempt, also by another process, continues.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass, url2pathname

import truststore
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Retry, make_headers, util
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    ProtocolError,
    ProxyError,
    ResponseError,
    SSLError,
)

from pictell.errors import AddressRefusedError, ModelUnavailableError, UsageError
from pictell.files import os_reason
from pictell.images.addresses import Hop, follow, parse_url
from pictell.models.store.catalog import Download
from pictell.places import hide_credentials, hide_in_text
from pictell.version import __version__

Report: TypeAlias = Callable[[int, int], None]
"""Called with the bytes received so far and the size of the file in bytes."""

ALGORITHMS = {64: "sha256", 96: "sha384"}  # by their number of hexadecimal digits
CHUNK_BYTES = 64 * 1024
HEADERS = {"User-Agent": f"pictell/{__version__}", "Accept-Encoding": "identity"}
MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}  # RFC 9110 §15.4
RANGE_NOT_SATISFIABLE = 416
PASSING = {408, 429, 500, 502, 503, 504}  # statuses that may be gone a little later
# Errors that another attempt does not change.
FINAL = (AddressRefusedError, NameResolutionError, ResponseError, SSLError)
RETRIES = Retry(3, backoff_factor=1)  # waits 0, 2 and 4 s before the further attempts
# For each connection, and for each CHUNK_BYTES of a body.
TIMEOUT_S = 30.0
# urllib3 puts its own objects first: "HTTPConnection(…): Failed to … connection: [Errno 111] …".
URLLIB3_PREFIX = re.compile(r"^.*(>|\)): (Failed to establish a new connection: \[Errno \d+\] )?")


def origin(download: Download, model: str, mirror: str | None, offline: bool) -> str | Path:
    """Where to get the file: a URL, or a path below a mirror that is a folder.

    A mirror is an http(s) address, a ``file://`` address or a folder. It replaces the catalogue's
    address and has the file as ``<mirror>/<model>/<last part of the file's address>``. Raises
    ``UsageError`` for another address, ``ModelUnavailableError`` if the file is only on the
    network and ``offline`` is set.
    """
    scheme = urlsplit(mirror or download.url).scheme
    if mirror and "://" in mirror and scheme not in {"http", "https", "file"}:
        shown = hide_credentials(mirror)
        raise UsageError(f"a mirror is an http(s) address or a folder, not {shown!r}")
    if mirror and scheme not in {"http", "https"}:
        folder = url2pathname(urlsplit(mirror).path) if scheme == "file" else mirror
        return Path(folder) / model / download.file_name
    if offline:
        raise ModelUnavailableError(
            f"{model} is not in the store, and offline pictell downloads nothing: save "
            f"{download.url} as {model}/{download.file_name} in a folder and give it as the mirror"
        )
    if mirror:
        return f"{mirror.rstrip('/')}/{quote(model)}/{download.file_name}"
    return download.url


def obtain(
    download: Download,
    source: str | Path,
    part: Path,
    report: Report,
    retries: Retry = RETRIES,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Bring the file from ``source`` to ``part`` and verify its checksum.

    What ``part`` already holds is not downloaded again. Raises ``ModelUnavailableError`` if the
    file is not available or not the right one, ``OSError`` if ``part`` cannot be written.
    """
    # A part may be of another file: if the checksum differs, download all of it once more.
    for _ in range(1 if isinstance(source, Path) else 2):
        if isinstance(source, Path):
            _copy(download, source, part, report)
        else:
            _download(download, source, part, report, retries, timeout_s)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, ALGORITHMS[len(download.checksum)])
        if found.hexdigest() == download.checksum:
            return
        part.unlink()
    raise ModelUnavailableError(
        f"{source} is not the file in the catalogue: its checksum differs; it was deleted"
    )


def _copy(download: Download, source: Path, part: Path, report: Report) -> None:
    """Copy a file of a mirror, which must be a regular one of the right size."""
    try:
        found = source.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != download.bytes:
            raise ModelUnavailableError(
                f"{source} is not the file in the catalogue, which has {download.bytes} bytes"
            )
        content = source.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{source} cannot be read: {os_reason(error)}") from error
    part.write_bytes(content)
    report(len(content), download.bytes)


def _download(
    download: Download, url: str, part: Path, report: Report, retries: Retry, timeout_s: float
) -> None:
    """Request what is missing until the part is as long as the file.

    An attempt that brings ``CHUNK_BYTES`` or more resets the number of retries.
    """
    left = retries
    while (have := _size(part)) < download.bytes:
        try:
            with _open(url, have, timeout_s) as response:
                _append(response, part, have, download.bytes, report, timeout_s)
        except (AddressRefusedError, HTTPError) as error:
            if _size(part) - have >= CHUNK_BYTES:
                left = retries
            if isinstance(error, FINAL) or not left.total:
                raise ModelUnavailableError(
                    f"{download.file_name} cannot be downloaded from {urlsplit(url).hostname}: "
                    f"{_reason(error)}"
                ) from error
            left = left.increment("GET", error=error)
            left.sleep()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


@contextmanager
def _open(url: str, have: int, timeout_s: float) -> Iterator[BaseHTTPResponse]:
    """The response at the end of all redirects, from byte ``have`` on if the server can do that."""
    headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
    hop = parse_url(url)
    for _ in range(1 + MAX_REDIRECTS):
        address = f"{hop.scheme}://{hop.authority}{hop.target}"
        with _pool(hop, timeout_s) as pool:
            response = pool.request(
                "GET", address, headers=headers, redirect=False, preload_content=False
            )
            with closing(response):
                if response.status not in REDIRECTS:
                    yield response
                    return
                hop = follow(hop, response.headers.get("location", ""))
    raise ResponseError(f"the server redirects more than {MAX_REDIRECTS} times")


def _pool(hop: Hop, timeout_s: float) -> PoolManager:
    """Connections to the hop's host, through the environment's proxy if it names one."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxies = getproxies()
    proxy = proxies.get(hop.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(hop.host):
        return PoolManager(timeout=timeout_s, ssl_context=context, retries=False)
    name, _, password = (util.parse_url(proxy).auth or "").partition(":")
    user = f"{unquote(name)}:{unquote(password)}" if name else None
    return ProxyManager(
        proxy,
        proxy_headers=make_headers(proxy_basic_auth=user),
        timeout=timeout_s,
        ssl_context=context,
        retries=False,
    )


def _append(
    response: BaseHTTPResponse, part: Path, have: int, total: int, report: Report, timeout_s: float
) -> None:
    """Write the body to the part, behind the ``have`` bytes there if the response continues them.

    Raises ``ProtocolError`` for what may succeed next time, ``ResponseError`` for what will not.
    """
    content_range = response.headers.get("content-range", "")
    continues = response.status == 206 and content_range.startswith(f"bytes {have}-")
    if response.status in PASSING:
        raise ProtocolError(f"the server answered {response.status}")
    if response.status in {206, RANGE_NOT_SATISFIABLE} and not continues:
        part.unlink(missing_ok=True)
        raise ProtocolError("the server does not continue where the download broke off")
    if response.status not in {200, 206}:
        raise ResponseError(f"the server answered {response.status}")
    start = have if continues else 0
    length = response.length_remaining
    if length is not None and start + length != total:
        raise ResponseError(f"the file there has {start + length} bytes instead of {total}")
    with part.open("ab" if start else "wb") as file:
        report(start, total)
        for chunk in _chunks(response, timeout_s):
            file.write(chunk)
            report(file.tell(), total)
            if file.tell() > total:
                break


def _chunks(response: BaseHTTPResponse, timeout_s: float) -> Iterator[bytes]:
    """The body. Raises ``ProtocolError`` if ``CHUNK_BYTES`` take longer than ``timeout_s``."""
    received, start_s = 0, time.monotonic()
    while chunk := response.read1(CHUNK_BYTES, decode_content=False):
        yield chunk
        received += len(chunk)
        if received >= CHUNK_BYTES:
            received, start_s = 0, time.monotonic()
        elif time.monotonic() - start_s > timeout_s:
            raise ProtocolError(f"the server sent only {received} bytes in {timeout_s:g} s")


def _reason(error: Exception) -> str:
    """The reason only, without the objects that urllib3 puts before it."""
    if isinstance(error, NameResolutionError):
        return "the host does not resolve; is this machine offline?"
    if isinstance(error, ProxyError):
        return f"the proxy cannot be used: {_reason(error.original_error)}"
    message = str(error.args[0]) if isinstance(error, ProtocolError) else str(error)
    # The URL of a proxy may have a password.
    return URLLIB3_PREFIX.sub("", hide_in_text(message)) or type(error).__name__
