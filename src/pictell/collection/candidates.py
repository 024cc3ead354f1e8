"""The photos of a survey as candidates for copies: their files, fingerprints and embeddings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from pictell.index.photos import PhotoIndex, Rows
from pictell.options import Limits
from pictell.pipeline.executor import Threads
from pictell.types import PictureWarning

Count = Callable[[Iterable[Photo]], Iterable[Photo]]
# How many fingerprints are looked up, computed and kept at once.
PHOTOS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo and its file.

    ``width`` and ``height`` are those of the upright picture in pixels, ``changed_s`` is when the
    file was last changed, in seconds since 1970, and ``warnings`` say what is wrong with it.
    ``is_link``: the photo is a symbolic link to a file that is not among the photos.
    """

    photo: Photo
    width: int
    height: int
    n_bytes: int
    changed_s: float = 0
    warnings: tuple[PictureWarning, ...] = ()
    is_link: bool = False

    @property
    def pixels(self) -> int:
        """Width x height."""
        return self.width * self.height


@dataclass(frozen=True)
class Candidates:
    """N files, no two of which are one file under two names.

    ``fingerprints`` (N, 801) uint8 are those of ``pictell.images.fingerprint``, ``embeddings``
    (N, D) float32 have an L2 norm of 1; each may be (N, 0) if nothing reads it. ``failed`` are the
    errors of photos whose files changed after the survey, each with its ``source``.
    """

    files: tuple[PhotoFile, ...]
    fingerprints: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    failed: tuple[PictellError, ...] = ()


def candidates(
    survey: Survey,
    index: PhotoIndex,
    limits: Limits,
    *,
    fingerprints: bool = True,
    embeddings: bool = True,
    count: Count = iter,
) -> Candidates:
    """The photos of a survey, with fingerprints and embeddings if they are asked for.

    A file is read again only if the index has no fingerprint of its content. ``count`` gives back
    the photos one by one as they are done. Raises ``UsageError`` for a model without an embedding,
    if that is asked for.
    """
    prints, errors = np.zeros((len(survey.photos), 0), np.uint8), dict[str, PictellError]()
    if fingerprints:
        prints, errors = _fingerprints(survey.photos, index, limits, count)
    files, failed = _distinct_files(survey, errors)
    vectors = np.zeros((len(files), 0), np.float32)
    if embeddings:
        vectors = survey.embeddings()[list(files)]
    return Candidates(tuple(files.values()), prints[list(files)], vectors, tuple(failed))


def _distinct_files(
    survey: Survey, errors: Mapping[str, PictellError]
) -> tuple[dict[int, PhotoFile], list[PictellError]]:
    """The files of photos by their number in the survey, and why others have none.

    ``errors`` are those of digests. Of the names of one file, one that is no symbolic link is
    chosen.
    """
    files, failed = dict[tuple[int, int], tuple[int, PhotoFile]](), list[PictellError]()
    for number, (photo, facts) in enumerate(zip(survey.photos, survey.facts(), strict=True)):
        try:
            if photo.digest in errors:
                raise errors[photo.digest]
            status = photo.path.stat()
        except (PictellError, OSError) as error:
            reason = unreadable(error) if isinstance(error, OSError) else error
            failed.append(named(reason, os.fspath(photo.path)))
            continue
        key = (status.st_dev, status.st_ino)
        if key not in files or files[key][1].photo.path.is_symlink():
            size = (facts.width, facts.height, status.st_size)
            rest = (status.st_mtime, facts.warnings, photo.path.is_symlink())
            files[key] = (number, PhotoFile(photo, *size, *rest))
    return dict(files.values()), failed


def _fingerprints(
    photos: Sequence[Photo], index: PhotoIndex, limits: Limits, count: Count
) -> tuple[NDArray[np.uint8], dict[str, PictellError]]:
    """The fingerprints of N photos, (N, 801), and the errors of digests that have none."""
    paths = dict[str, list[Path]]()
    for photo in photos:
        paths.setdefault(photo.digest, []).append(photo.path)
    prints = np.zeros((len(photos), FINGERPRINT_LENGTH), np.uint8)
    errors = dict[str, PictellError]()
    counted = iter(count(photos))
    for start in range(0, len(photos), PHOTOS_AT_ONCE):
        part = photos[start : start + PHOTOS_AT_ONCE]
        found = dict(index.get(FINGERPRINT_KEY, {one.digest for one in part}))
        unknown = {one.digest: paths[one.digest] for one in part if one.digest not in found}
        made = Threads().map(lambda item: _compute(*item, limits), unknown.items())
        new = dict(zip(unknown, made, strict=True))
        errors |= {key: one for key, one in new.items() if isinstance(one, PictellError)}
        rows: Rows = {key: one for key, one in new.items() if isinstance(one, bytes)}
        index.put({FINGERPRINT_KEY: rows})
        found |= rows
        for number, photo in enumerate(part, start):
            next(counted)
            if photo.digest in found:
                prints[number] = np.frombuffer(found[photo.digest], np.uint8)
    return prints, errors


def _compute(digest: str, paths: Sequence[Path], limits: Limits) -> bytes | PictellError:
    """The fingerprint of a content, from the first file that still has it."""
    error: PictellError = SourceUnreadableError("it changed while pictell ran: run pictell again")
    for path in paths:
        try:
            content = read_file(path, limits.max_bytes)
            if hashlib.sha256(content).hexdigest() == digest:
                return fingerprint(content, limits).tobytes()
        except (PictellError, MemoryError) as caught:
            error = named(caught, os.fspath(path))
    return error
