"""How a model comes into the store: built aside under a lock, then renamed; all or nothing.

<root>/<name>/                        models that are here
<root>/.locks/<name>.lock             held by whoever changes that model
<root>/.incoming-<name>-<random>/     a model being built, of the lock's holder
<root>/.downloads/<checksum>.part     downloads under way, or broken off
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.models.store import catalog

if TYPE_CHECKING:
    from filelock import BaseFileLock

INCOMING = ".incoming-"
BUILT = "built"
PREVIOUS = "previous"
# How long a download that broke off may wait to be continued.
KNOWN_PART_S = 7 * 24 * 3600.0
# The file of another version's catalogue, perhaps: a download under way grows at least so often.
UNKNOWN_PART_S = 3600.0


@contextmanager
def incoming(root: Path, name: str) -> Iterator[Path]:
    """A folder in which the model may be built, while nobody else changes it; then removed.

    What others left when they were killed is swept first. Raises ``OSError``.
    """
    with _lock(root, name):
        _sweep(root, name)
        draft = Path(tempfile.mkdtemp(prefix=f"{INCOMING}{name}-", dir=root))
        try:
            (draft / BUILT).mkdir()
            yield draft
        finally:
            _clear(draft, root / name)


def install(draft: Path, target: Path) -> None:
    """Make what was built in ``draft`` the model at ``target``, instead of one there may be."""
    built = draft / BUILT
    for path in [*built.rglob("*"), built]:
        _sync(path)
    if target.exists():
        target.rename(draft / PREVIOUS)
    built.rename(target)
    _sync(target.parent)


def part_of(root: Path, checksum: str) -> Path:
    """Where the download with this checksum grows."""
    folder = root / ".downloads"
    folder.mkdir(exist_ok=True)
    return folder / f"{checksum}.part"


def sweep_parts(root: Path, keep: Collection[str] = ()) -> None:
    """Remove downloads that broke off too long ago, but not those of the checksums ``keep``."""
    downloads = [
        download
        for row in catalog.load().values()
        for download in (row.download, row.labels_download)
        if download
    ]
    known = {download.checksum for download in downloads}
    for part in (root / ".downloads").glob("*"):
        age_s = time.time() - part.stat().st_mtime
        limit_s = KNOWN_PART_S if part.stem in known else UNKNOWN_PART_S
        if part.stem not in keep and age_s > limit_s:
            part.unlink(missing_ok=True)


def _lock(root: Path, name: str) -> BaseFileLock:
    # Loaded for the few who change the store: it takes longer than naming a picture's label.
    from filelock import FileLock

    folder = root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def _sweep(root: Path, name: str) -> None:
    """Remove drafts nobody works on any more: those of ``name``, and of models not locked."""
    for draft in root.glob(f"{INCOMING}*"):
        owner = draft.name.removeprefix(INCOMING).rpartition("-")[0]
        if owner == name:
            _clear(draft, root / owner)
            continue
        lock = _lock(root, owner)
        # A Timeout: somebody builds it right now.
        with suppress(TimeoutError), lock.acquire(timeout=0):
            _clear(draft, root / owner)


def _clear(draft: Path, target: Path) -> None:
    """Remove a draft; the model that was about to be replaced stays where nothing replaced it."""
    previous = draft / PREVIOUS
    if previous.exists() and not target.exists():
        previous.rename(target)
    shutil.rmtree(draft, ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until the disk has it: a rename may reach the disk before what was renamed."""
    if path.is_dir() and os.name == "nt":
        return  # there a folder cannot be opened
    # Some systems sync only what could be written to; a folder never can be.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
