"""A model of the catalogue is downloaded, unpacked, described and put into the store."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from posixpath import basename

from pictell.errors import InvalidModelError, ModelUnavailableError, StoreError, UnsafeModelError
from pictell.models import bare
from pictell.models.folder import read_model_folder, read_weights, write_model_folder
from pictell.models.store.archive import extract
from pictell.models.store.catalog import IMAGENET, Download, Row
from pictell.models.store.download import obtain, origin
from pictell.models.store.local import folder_of, root, store_errors
from pictell.models.store.staging import BUILT, incoming, install, part_of, sweep_parts
from pictell.models.store.transfer import Report, RetryPolicy
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
    retry: RetryPolicy = RetryPolicy(),
) -> Path:
    """Bring a model of the catalogue into the store; its folder there.

    One that is here and whole is left alone, one that is damaged is replaced. ``mirror`` and
    ``offline`` are those of ``download.origin``. Raises ``ModelUnavailableError``, ``StoreError``,
    or, for a file that is not what the catalogue says, ``InvalidModelError``.
    """
    if folder := _whole(row):
        return folder
    sources = _sources(row, mirror, offline)
    with store_errors(), incoming(root(), row.name) as draft:
        # Perhaps another process has brought it meanwhile.
        if folder := _whole(row):
            return folder
        sweep_parts(root(), keep={download.checksum for download in sources})
        parts = {download: part_of(root(), download.checksum) for download in sources}
        _check_space(row.name, parts)
        for download, part in parts.items():
            obtain(download, sources[download], part, report, retry)
        _build(row, parts, draft)
        install(draft, root() / row.name)
    return root() / row.name


def _whole(row: Row) -> Path | None:
    """The model's folder, if it is here and undamaged."""
    folder = folder_of(row.name)
    if folder is not None:
        with suppress(InvalidModelError, UnsafeModelError):
            read_weights(read_model_folder(folder))
            return folder
    return None


def _sources(row: Row, mirror: str | None, offline: bool) -> dict[Download, str | Path]:
    if row.download is None:
        raise ModelUnavailableError(
            f"nobody offers {row.name} for download: get it elsewhere, then pictell models import "
            f"{row.name} FILE"
        )
    downloads = [row.download, *filter(None, [row.labels_download])]
    return {each: origin(each, row.name, mirror, offline) for each in downloads}


def _check_space(name: str, parts: Mapping[Download, Path]) -> None:
    """Refuse at once what cannot fit: the rest of the downloads, then the files made of them."""
    needed = sum(
        2 * download.bytes - (part.stat().st_size if part.exists() else 0)
        for download, part in parts.items()
    )
    free = shutil.disk_usage(root()).free
    if free < needed:
        raise StoreError(
            f"{name} needs {needed / MEGABYTE:.0f} MB in {root()}, where {free / MEGABYTE:.0f} MB "
            "are free"
        )


def _build(row: Row, parts: Mapping[Download, Path], draft: Path) -> None:
    """Make the model folder in ``draft`` of the downloads, which are used up."""
    weights, labels = draft / basename(row.weights), draft / "labels.txt"
    download, *others = parts
    if row.is_archive:
        members = {row.weights: weights}
        if row.labels != IMAGENET and not others:
            members[row.labels] = labels
        extract(parts[download], members, MAX_UNPACKED * download.bytes)
        parts[download].unlink()
    else:
        parts[download].rename(weights)
    for other in others:
        parts[other].rename(labels)
    stated = ModelOptions(labels=labels) if labels.exists() else ModelOptions()
    spec = bare.describe(weights, stated, row)
    if row.weights_sha256 and spec.sha256 not in row.weights_sha256:
        raise InvalidModelError(f"the archive's {row.weights} is not the one the catalogue means")
    write_model_folder(draft / BUILT, replace(spec, name=row.name), read_weights(spec))
