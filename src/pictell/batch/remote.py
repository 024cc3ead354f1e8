"""Storages that fsspec reaches, such as S3: pictures are listed and read, parts are put."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import Any, BinaryIO
from urllib.parse import quote

from pictell.batch.entries import Entry, Stored
from pictell.batch.storage import PART, written_by_another_run
from pictell.errors import (
    OutOfMemoryError,
    OutputError,
    PictellError,
    SourceNotFoundError,
    SourceUnreadableError,
    UsageError,
)
from pictell.images.formats import SUFFIXES
from pictell.images.sources import natural_key
from pictell.images.unreadable import too_large
from pictell.places import hide_credentials, hide_in_text

# What storages call that which changes with a file, the most exact first.
VERSIONS = (
    "ETag",
    "etag",
    "md5Hash",
    "LastModified",
    "last_modified",
    "updated",
    "mtime",
    "created",
)


def open_storage(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises ``UsageError`` if a package is missing, ``SourceUnreadableError`` for a wrong URL.
    """
    scheme = check_url(url)
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        package = "pip install 'pictell[s3]'" if scheme == "s3" else "install it"
        raise UsageError(f"{scheme}:// needs another package: {error}: {package}") from error
    except Exception as error:  # each storage has exceptions of its own
        raise SourceUnreadableError(f"cannot be used: {_reason(error)}") from error
    return system, path.rstrip("/")


def check_url(url: str) -> str:
    """The scheme of a URL. Raises ``SourceUnreadableError`` for one that no storage can have."""
    scheme, _, rest = url.partition("://")
    if scheme in {"file", "local"}:
        raise SourceUnreadableError(f"give the path of a local file without {scheme}://")
    if hide_credentials(url) != url:
        # Not every storage keeps them out of its messages and names.
        raise SourceUnreadableError(
            "URLs with a user name or password are refused; give them in the environment"
        )
    if "::" in rest:
        # It would name other URLs, whose hosts nobody checks.
        raise SourceUnreadableError("a chain of URLs is refused: give one URL")
    try:
        from fsspec import available_protocols
    except ImportError:  # ``open_storage`` says what to install
        return scheme
    if scheme not in available_protocols():
        raise SourceUnreadableError(f"no storage is known for {scheme}://")
    return scheme


def list_stored(url: str) -> Iterator[Entry]:
    """The entry of a file, or of each picture below a prefix, in natural order.

    The suffix of a picture makes a file; its size and version are not asked for, because a list may
    have a million of them. Hidden files are left out. Raises ``UsageError``, and ``SourceError``
    where the storage fails.
    """
    system, path = open_storage(url)
    if not url.endswith("/") and PurePosixPath(path).suffix.lower() in SUFFIXES:
        yield _entry(system, {"name": path})
        return
    found = False
    try:
        for _, _, files in system.walk(path, detail=True):
            for name in sorted(files, key=natural_key):
                if not name.startswith(".") and PurePosixPath(name).suffix.lower() in SUFFIXES:
                    found = True
                    yield _entry(system, files[name])
    except PictellError:
        raise
    except Exception as error:  # each storage has exceptions of its own
        raise SourceUnreadableError(f"cannot be listed: {_reason(error)}") from error
    if not found:
        raise SourceNotFoundError("no picture has this name or prefix")


def read_stored(
    stored: Stored, size: int | None, max_bytes: int, reserve: Callable[[int], None]
) -> bytes | PictellError:
    """The bytes of a file, or its error. ``reserve`` gets their number, first if it is known."""
    if size is not None and size > max_bytes:
        return too_large(max_bytes)
    try:
        system, path = open_storage(stored.url)
        if size is not None:
            reserve(size)
            content: bytes = system.cat_file(path)
        else:
            content = system.cat_file(path, end=max_bytes + 1)
            reserve(len(content))
    except FileNotFoundError:
        return SourceNotFoundError("no such file")
    except MemoryError:
        return OutOfMemoryError("not enough memory to read it")
    except PictellError as error:
        return error
    except Exception as error:  # each storage has exceptions of its own
        return SourceUnreadableError(f"cannot be read: {_reason(error)}")
    return too_large(max_bytes) if len(content) > max_bytes else content


class RemoteFolder:
    """A ``Folder`` in a storage. A file is put at once: readers see all of it or nothing."""

    def __init__(self, url: str) -> None:
        """Raises ``UsageError``."""
        self.name = url.rstrip("/")
        try:
            self._system, self._path = open_storage(url)
        except SourceUnreadableError as error:
            raise UsageError(f"{hide_credentials(url)}: {error.message}") from error

    def stamps(self) -> dict[str, str]:
        """See ``Folder``."""
        with self._errors():
            self._system.invalidate_cache()
            try:
                infos = self._system.ls(self._path, detail=True)
            except FileNotFoundError:
                return {}
        found = {info["name"].rpartition("/")[2]: info for info in infos}
        return {name: _version(info) or "" for name, info in found.items() if PART.fullmatch(name)}

    def read(self, name: str) -> bytes | None:
        """See ``Folder``."""
        with self._errors():
            try:
                content: bytes = self._system.cat_file(f"{self._path}/{name}")
            except FileNotFoundError:
                return None
            return content

    def write(self, name: str, content: bytes, known: str | None) -> str:
        """See ``Folder``. S3 itself sees that a new file replaces none."""
        with self._errors():
            path = f"{self._path}/{name}"
            if known is not None and self._stamp(path) != known:
                raise written_by_another_run(self, name)
            try:
                mode = "create" if known is None else "overwrite"
                self._system.pipe_file(path, content, mode=mode)
            except FileExistsError as error:
                # The answer to an earlier attempt may have been lost.
                if self._system.cat_file(path) != content:
                    raise written_by_another_run(self, name) from error
            return self._stamp(path)

    def remove(self, name: str) -> None:
        """See ``Folder``."""
        with self._errors():
            self._system.rm_file(f"{self._path}/{name}")

    def write_beside(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        """See ``Folder``."""
        with self._errors(), TemporaryFile() as file:
            write(file)
            file.seek(0)
            parent = self._path.rpartition("/")[0]
            with self._system.open(f"{parent}/{name}", "wb") as target:
                while chunk := file.read(1 << 24):
                    target.write(chunk)

    def exists_beside(self, name: str) -> bool:
        """See ``Folder``."""
        with self._errors():
            return bool(self._system.exists(f"{self._path.rpartition('/')[0]}/{name}"))

    def _stamp(self, path: str) -> str:
        self._system.invalidate_cache()
        return _version(self._system.info(path)) or ""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except PictellError:
            raise
        except Exception as error:  # each storage has exceptions of its own
            raise OutputError(
                f"{self.name} cannot be used: {_reason(error)}: run the same command again to go on"
            ) from error


def _entry(system: Any, info: Mapping[str, Any]) -> Entry:
    url = system.unstrip_protocol(info["name"])
    uri = quote(url, safe="/:", errors="surrogateescape")
    return Entry(uri, url, Stored(url), info.get("size"), _version(info))


def _version(info: Mapping[str, Any]) -> str | None:
    found = (info[key] for key in VERSIONS if info.get(key))
    return next((str(one).strip('"') for one in found), None)


def _reason(error: Exception) -> str:
    return hide_in_text(" ".join(str(error).split())) or type(error).__name__
