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

    ``fingerprints`` (N, 801) uint8 are those of ``pictell.images.fingerprint``, ``embeddings``
    (N, D) float32 have an L2 norm of 1; each may be (N, 0) if nothing reads it. ``failed`` are the
    results of photos whose files changed after the survey, each with its ``error``.
    """

    files: tuple[PhotoFile, ...]
    fingerprints: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    failed: tuple[Result, ...] = ()


def candidates(
    survey: Survey,
    index: Vectors,
    limits: Limits,
    *,
    fingerprints: bool = True,
    embeddings: bool = True,
) -> Candidates:
    """The photos of a survey, with fingerprints and embeddings if they are asked for.

    A file is read again only if the index has no fingerprint of its content. Raises ``UsageError``
    for a model without an embedding, if that is asked for.
    """
    found = dict[str, Fingerprint | PictellError]()
    if fingerprints:
        found = _fingerprints(survey.photos, index, limits)
    files, failed = _distinct_files(survey, found)
    prints = np.zeros((len(files), FINGERPRINT_LENGTH if fingerprints else 0), np.uint8)
    for number, file in enumerate(files.values()):
        row = found.get(file.photo.digest)
        if isinstance(row, np.ndarray):
            prints[number] = row
    vectors = survey.embeddings()[list(files)] if embeddings else np.zeros((len(files), 0))
    return Candidates(tuple(files.values()), prints, vectors.astype(np.float32), tuple(failed))


def _distinct_files(
    survey: Survey, found: Mapping[str, Fingerprint | PictellError]
) -> tuple[dict[int, PhotoFile], list[Result]]:
    """The files of photos by their number in the survey, and what failed.

    Of the names of one file, one that is no symbolic link is chosen.
    """
    files, failed = dict[tuple[int, int], tuple[int, PhotoFile]](), list[Result]()
    for number, (photo, result) in enumerate(zip(survey.photos, survey.results(), strict=True)):
        try:
            error = found.get(photo.digest)
            if isinstance(error, PictellError):
                raise error
            status = photo.path.stat()
        except (PictellError, OSError) as caught:
            reason = unreadable(caught) if isinstance(caught, OSError) else caught
            failed.append(Result(result.source, result.model, error=named(reason, result.source)))
            continue
        key = (status.st_dev, status.st_ino)
        if key not in files or files[key][1].photo.path.is_symlink():
            size = (result.width or 0, result.height or 0, status.st_size)
            file = PhotoFile(photo, *size, status.st_mtime, result.warnings)
            files[key] = (number, file)
    return dict(files.values()), failed


def _fingerprints(
    photos: Iterable[Photo], index: Vectors, limits: Limits
) -> dict[str, Fingerprint | PictellError]:
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
