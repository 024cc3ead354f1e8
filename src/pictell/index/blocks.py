"""Files read some at a time, so that what is known of their contents need not be computed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pictell.errors import PictellError
from pictell.images.read import read_file
from pictell.types import Source

# What is read before it is computed: pictures, and bytes of their files. Progress is reported after
# each block; smaller blocks, down to 32, take no more time on two processors.
BLOCK_PICTURES = 64
BLOCK_BYTES = 64 * 1024**2


class ReadFile(NamedTuple):
    """A source whose ``content`` is the bytes of its file or the error, and their SHA-256.

    ``digest`` is in hexadecimal, empty for an error.
    """

    source: Source
    digest: str


def read_blocks(sources: Iterable[Source], max_bytes: int) -> Iterator[list[ReadFile]]:
    """Read sources, which must be files of at most ``max_bytes`` or errors, in their order."""
    block, size = list[ReadFile](), 0
    for source in sources:
        one = _read(source, max_bytes)
        block.append(one)
        if isinstance(one.source.content, bytes):
            size += len(one.source.content)
        if len(block) == BLOCK_PICTURES or size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _read(source: Source, max_bytes: int) -> ReadFile:
    if not isinstance(source.content, Path):
        return ReadFile(source, "")
    try:
        content = read_file(source.content, max_bytes)
    except PictellError as error:
        return ReadFile(replace(source, content=error.with_traceback(None)), "")
    return ReadFile(replace(source, content=content), hashlib.sha256(content).hexdigest())
