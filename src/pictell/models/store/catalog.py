"""The catalogue: published models by name and by the checksum of their weights.

``catalog.toml`` is its only content; its head says what a row holds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from posixpath import basename
from typing import Any
from urllib.parse import urlsplit

from pictell.errors import UnknownModelError
from pictell.models.presets import PRESETS, merge_options
from pictell.options import ModelOptions
from pictell.types import PreprocessSpec, WeightsFormat

CATALOG = Path(__file__).with_name("catalog.toml")
# The value of ``labels`` that means pictell's own thousand ImageNet labels.
IMAGENET = "imagenet"
DOWNLOADS = {"download", "labels_download"}
# The names that a model may have, in the catalogue and in the store.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Download:
    """A file at an http or https address: its size in bytes and its checksum in hexadecimal.

    ``checksum`` is a SHA-256 of 64 digits or a SHA-384 of 96.
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

    ``download`` is the file with the weights or an archive that holds them; ``None`` for a model
    that is only recognised by its checksum. ``weights`` names the file, or its member in the
    archive. ``labels`` is ``IMAGENET``, and then ``options.labels`` too; or it names a member of
    the archive or the file that ``labels_download`` brings. ``weights_sha256`` are the checksums
    of bare weights files. ``top1_accuracy`` is the published one on ImageNet, 0..1.
    """

    name: str
    source: str
    licence: str
    format: WeightsFormat
    weights: str
    labels: str
    options: ModelOptions
    download: Download | None = None
    labels_download: Download | None = None
    weights_sha256: tuple[str, ...] = ()
    top1_accuracy: float | None = None

    @property
    def is_archive(self) -> bool:
        """Whether the download is an archive that holds the weights."""
        return self.download is not None and self.download.file_name != self.weights

    def differences(self, used: PreprocessSpec) -> str | None:
        """What a preprocessing does to pixels that the publisher does not state, as a sentence."""
        differ = [
            name
            for name in ("mean", "std", "channels")
            if getattr(self.options, name) not in {None, getattr(used, name)}
        ]
        what = " and ".join(differ).replace("channels", "order of the colours")
        return (
            f"the model is {self.name}, which was published with another {what}" if what else None
        )


@cache
def load() -> Mapping[str, Row]:
    """All rows by name."""
    document = tomllib.loads(CATALOG.read_text(encoding="utf-8"))
    return {name: _row(name, table) for name, table in document.items()}


def find(name: str) -> Row:
    """The row of that name. Raises ``UnknownModelError``, which lists those that can be pulled."""
    rows = load()
    if name not in rows:
        names = ", ".join(row.name for row in rows.values() if row.download)
        raise UnknownModelError(f"no model named {name!r} is in the catalogue: give one of {names}")
    return rows[name]


def by_checksum(sha256: str) -> Row | None:
    """The row whose weights have this SHA-256, if any."""
    return next((row for row in load().values() if sha256 in row.weights_sha256), None)


def _row(name: str, table: dict[str, Any]) -> Row:
    for key in DOWNLOADS & table.keys():
        table[key] = Download(**table[key])
    options = _options(table.pop("options"), table["labels"])
    sha256 = tuple(table.pop("weights_sha256", ()))
    row = Row(name=name, options=options, weights_sha256=sha256, **table)
    if row.download is None or row.is_archive:
        return row
    return replace(row, weights_sha256=(*sha256, row.download.checksum))


def _options(table: dict[str, Any], labels: str) -> ModelOptions:
    """The row's options with its preset resolved, and ``labels`` set if they are pictell's own."""
    values = table | {"size": tuple(table["size"])}
    options = ModelOptions(**values, labels=IMAGENET if labels == IMAGENET else None)
    if options.preset is None:
        return options
    colours = ModelOptions(channels="RGB")
    return replace(merge_options(options, PRESETS[options.preset], colours), preset=None)
