"""Files whose size and checksum are known beforehand, from their address or from a mirror.

What arrives is trusted for its checksum alone: plain http does, and so does a mirror on a private
host. It grows in a ``.part`` file, which a later attempt, also of another process, continues.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from pictell.errors import ModelUnavailableError, UsageError
from pictell.models.store.catalog import Download
from pictell.models.store.transfer import CHUNK_BYTES, Report, RetryPolicy, Transfer, writing

ALGORITHMS = {64: "sha256", 96: "sha384"}  # by their number of hexadecimal digits


def origin(download: Download, model: str, mirror: str | None, offline: bool) -> str | Path:
    """Where the file is to be had: a URL, or a path below a mirror that is a folder.

    A mirror is the address of a server, a ``file://`` address or a folder, and has the file as
    ``<mirror>/<model>/<last part of the file's address>``. It replaces the catalogue's address.
    Raises ``UsageError`` for another address, ``ModelUnavailableError`` where that needs the
    network and ``offline`` forbids it.
    """
    scheme = urlsplit(mirror or download.url).scheme
    if mirror and "://" in mirror and scheme not in {"http", "https", "file"}:
        raise UsageError(f"a mirror is an http(s) address or a folder, not {mirror!r}")
    if mirror and scheme not in {"http", "https"}:
        folder = url2pathname(urlsplit(mirror).path) if scheme == "file" else mirror
        return Path(folder) / model / download.file_name
    if offline:
        raise ModelUnavailableError(
            f"{model} is not here and nothing is downloaded offline: bring {download.url} as "
            f"{model}/{download.file_name} in a folder, and name that as the mirror"
        )
    if mirror:
        return f"{mirror.rstrip('/')}/{quote(model)}/{download.file_name}"
    return download.url


def obtain(
    download: Download,
    source: str | Path,
    part: Path,
    report: Report,
    retry: RetryPolicy = RetryPolicy(),
) -> None:
    """Bring the file from ``source`` to ``part``, where it then lies whole and verified.

    What ``part`` holds of it already is not asked for again. Raises ``ModelUnavailableError`` for
    what cannot be had, or is not the file; ``StoreError`` where it cannot be written.
    """
    with writing(part):
        resumed = part.exists()
        if resumed and part.stat().st_size > download.bytes:
            part.unlink()
    if isinstance(source, Path):
        _copy(download, source, part, report)
    else:
        Transfer(download, source, part, report, retry).finish()
        if resumed and not _is_right(part, download):
            # What an earlier run had left may have been of another file.
            Transfer(download, source, part, report, retry).finish()
    if not _is_right(part, download):
        raise ModelUnavailableError(
            f"{source} is not the file the catalogue means: its checksum differs; nothing of it "
            "is kept"
        )


def _is_right(part: Path, download: Download) -> bool:
    """Whether the file has the right checksum; else it is removed."""
    with writing(part):
        if part.exists():
            with part.open("rb") as file:
                found = hashlib.file_digest(file, ALGORITHMS[len(download.checksum)])
            if found.hexdigest() == download.checksum:
                return True
            part.unlink()
    return False


def _copy(download: Download, source: Path, part: Path, report: Report) -> None:
    chunks = _file_chunks(source, download.bytes)
    have = len(first := next(chunks, b""))  # before the part is touched: there may be no such file
    with writing(part), part.open("wb") as file:
        file.write(first)
        for chunk in chunks:
            file.write(chunk)
            have += len(chunk)
            report(have, download.bytes)


def _file_chunks(source: Path, size: int) -> Iterator[bytes]:
    """The file of a mirror, which must be a plain one of the right size."""
    try:
        found = source.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            raise ModelUnavailableError(
                f"{source} is not the file the catalogue means: that has {size} bytes"
            )
        with source.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise ModelUnavailableError(f"{source} cannot be read: {reason}") from error
