"""The catalogue: published models by name, and by the checksum of their weights.

``catalog.toml`` is its only content; it says how a row is written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from posixpath import basename
from typing import Any, get_args
from urllib.parse import urlsplit

from pictell.errors import InvalidModelError, UnknownModelError
from pictell.models.presets import PRESETS, merge_options
from pictell.options import ModelOptions
from pictell.types import WeightsFormat

CATALOG = Path(__file__).with_name("catalog.toml")
# The value of ``labels`` that means pictell's own thousand names.
IMAGENET = "imagenet"

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")
SHA384 = re.compile(r"[0-9a-f]{96}")
FILE_URL = re.compile(r"https?://[^/]+/(.*/)?[^/?#]+")
TUPLES = ("size", "mean", "std")
NUMBERS: dict[str, type] = {"bytes": int, "labels_bytes": int, "top1_accuracy": float}
LISTS = ("weights_sha256",)


@dataclass(frozen=True, slots=True)
class Download:
    """A file at an http or https address: its size in bytes and its checksum in hexadecimal.

    ``checksum`` is a SHA-256 or a SHA-384, which its length tells (64 or 96 digits).
    """

    url: str
    bytes: int
    checksum: str

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return basename(urlsplit(self.url).path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One published model.

    ``url`` is where it comes from; ``None`` for one that is only recognised by its checksum. The
    download has ``bytes`` bytes and either ``sha256`` or ``sha384``. ``weights`` names the file,
    or, where the download is an archive, the member; ``labels`` likewise, or it is ``IMAGENET``,
    and ``options.labels`` then says the same. ``weights_sha256`` are checksums of bare weights.
    ``top1_accuracy`` is the published one on ImageNet, 0..1.
    """

    name: str
    source: str
    licence: str
    format: WeightsFormat
    weights: str
    labels: str
    options: ModelOptions
    url: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    sha384: str | None = None
    labels_url: str | None = None
    labels_bytes: int | None = None
    labels_sha256: str | None = None
    weights_sha256: tuple[str, ...] = ()
    top1_accuracy: float | None = None

    @property
    def download(self) -> Download | None:
        """The file with the weights, or the archive that holds them."""
        return _download(self.url, self.bytes, self.sha256 or self.sha384)

    @property
    def labels_download(self) -> Download | None:
        """The labels, where they are a file of their own."""
        return _download(self.labels_url, self.labels_bytes, self.labels_sha256)

    @property
    def is_archive(self) -> bool:
        """Whether the download is not the weights themselves."""
        return self.download is not None and self.download.file_name != self.weights


@cache
def load(path: Path = CATALOG) -> Mapping[str, Row]:
    """All rows, by name. Raises ``InvalidModelError``, which says what is wrong with which."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidModelError(f"{path.name} cannot be read: {error}") from error
    return {name: _row(name, table, path.name) for name, table in document.items()}


def find(name: str) -> Row:
    """The row of that name. Raises ``UnknownModelError``, which lists those that can be pulled."""
    rows = load()
    if name not in rows:
        names = ", ".join(row.name for row in rows.values() if row.url)
        raise UnknownModelError(f"no model named {name!r} is in the catalogue: give one of {names}")
    return rows[name]


def by_checksum(sha256: str) -> Row | None:
    """The row whose weights have this SHA-256, if any."""
    return next((row for row in load().values() if sha256 in row.weights_sha256), None)


def _download(url: str | None, size: int | None, checksum: str | None) -> Download | None:
    return Download(url, size, checksum) if url and size and checksum else None


def _row(name: str, table: Any, file_name: str) -> Row:
    try:
        fields = dict(table)
        _expect("options" in fields, "it has no table of options")
        options = _options(fields.pop("options"), fields.get("labels"))
        _check_types(fields)
        fields |= {key: tuple(fields[key]) for key in LISTS if key in fields}
        row = Row(name=name, options=options, **fields)
        _check(row)
    except (TypeError, ValueError) as error:
        raise InvalidModelError(f"{file_name}: [{name}]: {error}") from error
    itself = (row.sha256,) if row.sha256 and not row.is_archive else ()
    return replace(row, weights_sha256=(*row.weights_sha256, *itself))


def _options(table: Mapping[str, Any], labels: object) -> ModelOptions:
    """The row's options with its preset resolved, and ``labels`` set where they are pictell's."""
    fields: dict[str, Any] = dict(table) | {"labels": IMAGENET if labels == IMAGENET else None}
    fields |= {key: tuple(fields[key]) for key in TUPLES if key in fields}
    options = ModelOptions(**fields)
    if options.preset is None:
        return options
    _expect(options.preset in PRESETS, f"unknown preset {options.preset!r}")
    return replace(merge_options(options, PRESETS[options.preset]), preset=None)


def _check_types(fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        kind = list if key in LISTS else NUMBERS.get(key, str)
        _expect(type(value) is kind, f"{key} must be of type {kind.__name__}, not {value!r}")


def _check(row: Row) -> None:
    """Raise ``ValueError`` for what does not fit together."""
    _expect(NAME.fullmatch(row.name), "a name is of letters, digits, and _ . + - after the first")
    _expect(row.format in get_args(WeightsFormat), f"unknown format {row.format!r}")
    for checksum in filter(None, (row.sha256, row.labels_sha256, *row.weights_sha256)):
        _expect(SHA256.fullmatch(checksum), f"{checksum} is no SHA-256")
    _expect(row.sha384 is None or SHA384.fullmatch(row.sha384), f"{row.sha384} is no SHA-384")
    _expect(not (row.sha256 and row.sha384), "sha256 or sha384, not both")
    pinned = row.sha256 or row.sha384
    _check_download(row.url, row.bytes, pinned, "url, bytes and sha256 or sha384")
    _check_download(
        row.labels_url,
        row.labels_bytes,
        row.labels_sha256,
        "labels_url, labels_bytes and labels_sha256",
    )
    _expect(row.url or row.weights_sha256, "neither url nor weights_sha256")
    has_labels = row.labels == IMAGENET or row.labels_url or row.is_archive
    _expect(has_labels, f"nothing says where {row.labels} comes from")
    accuracy = row.top1_accuracy
    _expect(accuracy is None or 0 < accuracy <= 1, f"top1_accuracy is {accuracy}, not in (0, 1]")


def _check_download(url: str | None, size: int | None, checksum: str | None, keys: str) -> None:
    given = (url is not None, size is not None, checksum is not None)
    _expect(all(given) or not any(given), f"{keys} belong together")
    _expect(url is None or FILE_URL.fullmatch(url), f"{url} is no address of a file")
    _expect(size is None or size > 0, f"a file of {size} bytes")


def _expect(truth: object, complaint: str) -> None:
    if not truth:
        raise ValueError(complaint)
