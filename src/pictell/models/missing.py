"""What a bare model lacks, collected into one error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pictell.errors import InvalidModelError
from pictell.graphs import TensorSpec
from pictell.inspection.selection import listed


def all_or_missing(*parts: Callable[[], Any]) -> list[Any]:
    """The values of all parts. Raises one ``InvalidModelError`` with all that they raise."""
    found, missing = [], []
    for part in parts:
        try:
            found.append(part())
        except InvalidModelError as error:
            missing.append(str(error))
    if missing:
        raise InvalidModelError("; ".join(missing))
    return found


def only(kind: str, tensors: tuple[TensorSpec, ...], wanted: str | None) -> TensorSpec:
    """The tensor of that name, or the only one. Raises ``InvalidModelError``."""
    names = listed([tensor.name for tensor in tensors])
    if wanted is not None:
        for tensor in tensors:
            if wanted in (tensor.name, f"{tensor.name}:0"):
                return tensor
        raise InvalidModelError(f"the model has no {kind} {wanted!r}: it has {names}")
    if len(tensors) != 1:
        raise InvalidModelError(
            f"the model has {len(tensors)} {kind}s: give --{kind} with one of {names}"
        )
    return tensors[0]
