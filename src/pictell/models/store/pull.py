"""Download a model of the catalogue, unpack and describe it, and put it into the store."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from posixpath import basename

from urllib3 import Retry

from pictell.errors import InvalidModelError, ModelUnavailableError, StoreError, UnsafeModelError
from pictell.files import new_folder
from pictell.models import bare
from pictell.models.folder import read_model_folder, read_weights, write_model_folder
from pictell.models.store.archive import read_members
from pictell.models.store.catalog import IMAGENET, Download, Row
from pictell.models.store.download import RETRIES, TIMEOUT_S, Report, obtain, origin
from pictell.models.store.local import cache_root, changing, folder_of
from pictell.options import ModelOptions

# No published archive holds more than twice its own size.
MAX_UNPACKED = 8
MEGABYTE = 1_000_000


def pull(
    row: Row,
    *,
    mirror: str | None = None,
    offline: bool = False,
    report: Report = lambda have, total: None,
    retries: Retry = RETRIES,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Bring a model of the catalogue into the store; its folder there.

    A model that is installed and undamaged is left alone; a damaged one is replaced. For
    ``mirror`` and ``offline`` see ``download.origin``, for ``retries`` and ``timeout_s``
    ``download.obtain``. Raises ``ModelUnavailableError``, ``StoreError``, or
    ``InvalidModelError`` for a file that is not what the catalogue says.
    """
    if folder := _undamaged(row):
        return folder
    sources = _sources(row, mirror, offline)
    folder = folder_of(row.name) or cache_root() / row.name
    with changing(folder.parent, row.name) as work:
        # Another process may have pulled it meanwhile.
        if installed := _undamaged(row):
            return installed
        parts = {download: work / f"{download.checksum}.part" for download in sources}
        _check_space(row.name, parts, work)
        for download, part in parts.items():
            obtain(download, sources[download], part, report, retries, timeout_s)
        with new_folder(folder, drafts=work) as draft:
            _build(row, parts, draft)
            if folder.exists():
                folder.rename(work / "damaged")
    return folder


def _undamaged(row: Row) -> Path | None:
    """The model's folder, if it is installed and undamaged."""
    folder = folder_of(row.name)
    if folder is not None:
        with suppress(InvalidModelError, UnsafeModelError):
            read_weights(read_model_folder(folder))
            return folder
    return None


def _sources(row: Row, mirror: str | None, offline: bool) -> dict[Download, str | Path]:
    if row.download is None:
        raise ModelUnavailableError(
            f"{row.name} cannot be downloaded: get its file elsewhere, then run pictell models "
            f"import {row.name} FILE"
        )
    downloads = [row.download, *filter(None, [row.labels_download])]
    return {each: origin(each, row.name, mirror, offline) for each in downloads}


def _check_space(name: str, parts: Mapping[Download, Path], work: Path) -> None:
    """Refuse early what does not fit: the rest of the downloads and the files made from them."""
    needed = sum(
        2 * download.bytes - (part.stat().st_size if part.exists() else 0)
        for download, part in parts.items()
    )
    free = shutil.disk_usage(work).free
    if free < needed:
        raise StoreError(
            f"{name} needs {needed / MEGABYTE:.0f} MB in {work.parents[1]}, where "
            f"{free / MEGABYTE:.0f} MB are free"
        )


def _build(row: Row, parts: Mapping[Download, Path], draft: Path) -> None:
    """Make the model folder in ``draft`` from the downloads."""
    weights, labels = draft / basename(row.weights), draft / "labels.txt"
    download, *others = parts
    if row.is_archive:
        names = [row.weights] if row.labels == IMAGENET or others else [row.weights, row.labels]
        members = read_members(parts[download], names, MAX_UNPACKED * download.bytes)
        for path, name in zip((weights, labels), names, strict=False):
            path.write_bytes(members[name])
    else:
        parts[download].rename(weights)
    for other in others:
        parts[other].rename(labels)
    options = ModelOptions(labels=labels) if labels.exists() else ModelOptions()
    spec = bare.describe(weights, options, row)
    if row.weights_sha256 and spec.sha256 not in row.weights_sha256:
        raise InvalidModelError(f"the archive's {row.weights} is not the file in the catalogue")
    write_model_folder(draft, replace(spec, name=row.name), read_weights(spec))
    labels.unlink(missing_ok=True)
