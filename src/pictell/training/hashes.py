"""The perceptual hashes of many pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pictell.errors import PictellError
from pictell.image_model import named
from pictell.images.perceptual_hash import PictureHash, hash_picture
from pictell.options import Limits
from pictell.pipeline.executor import Threads
from pictell.types import Source


def hash_stream(sources: Iterable[Source], limits: Limits) -> Iterator[PictureHash | PictellError]:
    """The hashes of sources that have the bytes of their files, or errors, in order."""

    def of_source(source: Source) -> PictureHash | PictellError:
        if not isinstance(source.content, bytes):
            raise TypeError(f"{source.name} was not read")
        try:
            return hash_picture(source.content, limits)
        except (PictellError, MemoryError) as error:
            return named(error, source.name)

    return Threads().map(of_source, sources)
