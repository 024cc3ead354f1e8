"""Whether a mean and a std make the numbers that a quantised input stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pictell.errors import InvalidModelError
from pictell.graphs import TensorSpec

LEAVE_OUT = "give neither --mean nor --std, and leave --preset out"
# How far the numbers may be from the range of the input, as a share of it. Pixels as they are fit
# an input of type uint8. The range of others may come from a few pictures.
MAX_MISFIT_OF_BYTES, MAX_MISFIT = 0.03, 0.25


def real_range(tensor: TensorSpec) -> tuple[float, float] | None:
    """The lowest and the highest number that a quantised tensor can hold; ``None`` for others."""
    found = re.fullmatch(r"(u?)int(\d+)", tensor.dtype)
    if tensor.quantisation is None or found is None:
        return None
    unsigned, bits = bool(found[1]), int(found[2])
    scale, zero_point = tensor.quantisation
    lowest = 0 if unsigned else -(2 ** (bits - 1))
    return scale * (lowest - zero_point), scale * (lowest + 2**bits - 1 - zero_point)


def check_range(
    tensor: TensorSpec, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    """Raise ``InvalidModelError`` if ``(pixel - mean) / std`` does not fit a quantised input.

    All channels together have to span its range: each of them may have another mean and std.
    """
    spanned = real_range(tensor)
    if spanned is None:
        return
    pairs = list(zip(mean or 3 * (0.0,), std or 3 * (1.0,), strict=True))
    made = [(pixel - one_mean) / one_std for pixel in (0, 255) for one_mean, one_std in pairs]
    numbers = min(made), max(made)
    is_bytes = tensor.dtype == "uint8"
    if _is_near(numbers, spanned, tensor.dtype, MAX_MISFIT_OF_BYTES if is_bytes else MAX_MISFIT):
        return
    takes, makes = (f"{low:.4g} to {high:.4g}" for low, high in (spanned, numbers))
    advice = LEAVE_OUT if is_bytes else "give those that the model was trained with"
    raise InvalidModelError(
        f"the input {tensor.name!r} is quantised for numbers from {takes}, but mean and std make "
        f"{makes}: {advice}"
    )


def _is_near(
    numbers: tuple[float, float], spanned: tuple[float, float], dtype: str, misfit: float
) -> bool:
    (low, high), (lowest, highest) = numbers, spanned
    if dtype == "int16":
        # Its quantisation is symmetric: positive numbers use only one half.
        low, high, lowest = 0.0, max(-low, high), 0.0
    allowed = misfit * (highest - lowest)
    return abs(low - lowest) <= allowed and abs(high - highest) <= allowed
