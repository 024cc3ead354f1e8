"""The photos of a survey as candidates for copies: their files, fingerprints and embeddings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictell.collection.survey import Photo, Survey
from pictell.errors import PictellError, SourceUnreadableError
from pictell.image_model import named
from pictell.images.fingerprint import FINGERPRINT_KEY, FINGERPRINT_LENGTH, fingerprint
from pictell.images.read import read_file
from pictell.images.unreadable import unreadable
from pictell.index.hashes import Vectors
from pictell.options import Limits
from pictell.pipeline.executor import Threads
from pictell.results import Result
from pictell.types import PictureWarning

Fingerprint = NDArray[np.float32]
# How many new fingerprints go to the index at once.
KEPT_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo and its file.

    ``width`` and ``height`` are those of the upright picture in pixels, ``changed_s`` is when the
    file was last changed, in seconds since 1970, and ``warnings`` say what is wrong with it.
    """

    photo: Photo
    width: int
    height: int
    n_bytes: int
    changed_s: float = 0
    warnings: tuple[PictureWarning, ...] = ()

    @property
    def pixels(self) -> int:
        """Width x height."""
        return self.width * self.height


@dataclass(frozen=True)
class Candidates:
    """N files, no two of which are one file under two names.

    ``fingerprints`` (N, 800) uint8 are those of ``pictell.images.fingerprint``, ``embeddings``
    (N, D) float32 have an L2 norm of 1. ``failed`` are the results of photos whose files changed
    after the survey, each with its ``error``.
    """

    files: tuple[PhotoFile, ...]
    fingerprints: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    failed: tuple[Result, ...] = ()


def candidates(survey: Survey, index: Vectors, limits: Limits) -> Candidates:
    """The photos of a survey. A file is read again only if the index has no fingerprint of it."""
    prints = _fingerprints(survey.photos, index, limits)
    files, numbers, failed = dict[tuple[int, int], PhotoFile](), dict[tuple[int, int], int](), []
    for number, (photo, result) in enumerate(zip(survey.photos, survey.results(), strict=True)):
        found = prints[photo.digest]
        try:
            if isinstance(found, PictellError):
                raise found
            status = photo.path.stat()
        except (PictellError, OSError) as error:
            reason = error if isinstance(error, PictellError) else unreadable(error)
            failed.append(Result(result.source, result.model, error=named(reason, result.source)))
            continue
        # Of the names of one file, one that is no symbolic link.
        key = (status.st_dev, status.st_ino)
        if key not in files or files[key].photo.path.is_symlink():
            size = (result.width or 0, result.height or 0, status.st_size)
            files[key] = PhotoFile(photo, *size, status.st_mtime, result.warnings)
            numbers[key] = number
    chosen = tuple(files.values())
    rows = [prints[one.photo.digest] for one in chosen]
    return Candidates(
        chosen,
        np.array(rows, np.uint8).reshape(-1, FINGERPRINT_LENGTH),
        survey.embeddings()[list(numbers.values())],
        tuple(failed),
    )


def _fingerprints(
    photos: Iterable[Photo], index: Vectors, limits: Limits
) -> Mapping[str, Fingerprint | PictellError]:
    """The fingerprints of photos, or why there is none, by their digests."""
    paths = dict[str, list[Path]]()
    for photo in photos:
        paths.setdefault(photo.digest, []).append(photo.path)
    found: dict[str, Fingerprint | PictellError] = {**index.get(FINGERPRINT_KEY, paths)}
    unknown = {digest: names for digest, names in paths.items() if digest not in found}
    made = Threads().map(lambda item: _compute(*item, limits), unknown.items())
    new = dict[str, Fingerprint]()
    for digest, one in zip(unknown, made, strict=True):
        found[digest] = one
        if not isinstance(one, PictellError):
            new[digest] = one
        if len(new) == KEPT_AT_ONCE:
            index.put(FINGERPRINT_KEY, new)
            new = {}
    index.put(FINGERPRINT_KEY, new)
    return found


def _compute(digest: str, paths: list[Path], limits: Limits) -> Fingerprint | PictellError:
    """The fingerprint of a content, from the first file that still has it."""
    error: PictellError = SourceUnreadableError("it changed while pictell ran: run pictell again")
    for path in paths:
        try:
            content = read_file(path, limits.max_bytes)
            if hashlib.sha256(content).hexdigest() == digest:
                return fingerprint(content, limits)
        except (PictellError, MemoryError) as caught:
            error = named(caught, os.fspath(path))
    return error
