"""Names of files inside a model's folder that can mean nothing else, on any system."""

from __future__ import annotations

import re

from pictell.errors import UnsafeModelError

# Parts of letters, digits and harmless marks, joined with '/'. No part is '.' or '..', nothing is
# absolute, a drive, a stream or a pattern. ONNX Runtime takes a location with '*' for an address
# in its own memory (core/framework/tensor_external_data_info.h).
PART = r"(?!\.{1,2}(/|\Z))[\w.+@=, ()#~-]+"
SAFE = re.compile(rf"{PART}(/{PART})*\Z")


def refuse_unsafe(name: str) -> str:
    """The name itself. Raises ``UnsafeModelError`` for one that could lead out of the folder."""
    if not SAFE.match(name):
        raise UnsafeModelError(f"the model names a file outside its folder: {name!r}")
    return name
