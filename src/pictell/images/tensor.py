"""From a picture's content to the input tensor of a model: decode, crop, preprocess."""

from __future__ import annotations

import sys
import time
from typing import NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from pictell.images.crop import crop
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side, wants_fast_dct
from pictell.images.read import Content, Reserve, reserve_nothing
from pictell.options import Limits
from pictell.types import Box, PictureWarning, PreprocessSpec


class PictureTensor(NamedTuple):
    """A picture's ``tensor`` (1, …), its upright size in pixels, what the work took, and what is
    wrong with the picture."""

    tensor: NDArray[np.generic]
    width: int
    height: int
    decode_ms: float
    preprocess_ms: float
    warnings: tuple[PictureWarning, ...] = ()


_WARNINGS = frozenset(get_args(PictureWarning))
# A ``PictureTensor`` in plain data, which crosses from one process to another.
PlainTensor: TypeAlias = tuple[bytes, int, int, float, float, tuple[PictureWarning, ...]]

# What it gives instead: how many bytes decoding needs, and how many seconds it took to find out.
Needs: TypeAlias = tuple[int, float]


class _TooLittleError(BaseException):
    """Decoding needs ``n_bytes``, which are more than were reserved.

    It is no ``Exception``, because ``decode`` takes those for errors of the picture.
    """

    def __init__(self, n_bytes: int) -> None:
        super().__init__()
        self.n_bytes = n_bytes


def to_tensor(
    content: Content,
    box: Box | None,
    spec: PreprocessSpec,
    limits: Limits,
    reserve: Reserve = reserve_nothing,
) -> PictureTensor:
    """Decode and preprocess one picture, or the part of it inside ``box``.

    ``reserve``: see ``decode``. Raises ``DecodeError`` or ``OutOfMemoryError``.
    """
    started = time.perf_counter()
    # A small part of a large picture needs all of its pixels.
    side = shortest_useful_side(spec) if box is None else None
    image = decode(
        content,
        limits.max_pixels,
        side,
        fast_dct=wants_fast_dct(spec),
        allow_truncated=limits.allow_truncated,
        reserve=reserve,
    )
    if box is not None:
        image = crop(image, box)
    decoded = time.perf_counter()
    tensor = preprocess(image, spec)
    decode_ms, preprocess_ms = (decoded - started) * 1000, (time.perf_counter() - decoded) * 1000
    return PictureTensor(
        tensor, image.width, image.height, decode_ms, preprocess_ms, image.warnings
    )


def to_plain_tensor(
    content: Content,
    box: Box | None,
    spec: PreprocessSpec,
    limits: Limits,
    reserved: int = sys.maxsize,
) -> PlainTensor | Needs:
    """``to_tensor``, for a process that can give only plain data back.

    If decoding needs more than the bytes that are ``reserved`` for it, returns how many instead,
    before any pixel is decoded.
    """
    started = time.monotonic()

    def reserve(n_bytes: int) -> None:
        if n_bytes > reserved:
            raise _TooLittleError(n_bytes)

    try:
        picture = to_tensor(content, box, spec, limits, reserve)
    except _TooLittleError as error:
        return error.n_bytes, time.monotonic() - started
    return (picture.tensor.tobytes(), *picture[1:])


def from_plain_tensor(plain: PlainTensor, spec: PreprocessSpec) -> PictureTensor:
    """The picture that ``to_plain_tensor`` gave.

    Raises ``ValueError`` or ``TypeError`` for what it cannot have given.
    """
    content, width, height, decode_ms, preprocess_ms, warnings = plain
    dtype = np.uint8 if spec.mean is None else np.float32
    tensor = np.frombuffer(content, dtype).reshape(1, *spec.shape)
    if not set(warnings) <= _WARNINGS:
        raise ValueError("unknown warnings")
    return PictureTensor(
        tensor, int(width), int(height), float(decode_ms), float(preprocess_ms), tuple(warnings)
    )
