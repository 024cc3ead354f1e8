"""The samples of a model between two trainings: in a file beside it, or in its metadata."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, UsageError
from pictell.files import os_reason
from pictell.images.perceptual_hash import HASH_BYTES
from pictell.training.samples import STORED, Samples

Place = Literal["beside", "inside", "nowhere"]
PLACES: tuple[Place, ...] = get_args(Place)
# The metadata with the samples, in base64.
KEPT_KEY = "pictell.samples"
SUFFIX = ".samples.npz"
# How the file starts: it is a zip.
START = b"PK\x03\x04"
VERSION = 1
# The arrays, with the kind and the size of their type, and how many axes they have.
KINDS = {"targets": "u1 2", "vectors": "f2 2", "keys": "U 1", "hashes": "u1 2"}
# What damaged files raise; RuntimeError is of zipfile, for what it does not support, and of json.
DAMAGED = (
    ValueError, TypeError, KeyError, EOFError, OverflowError, RuntimeError, MemoryError,
    zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Kept:
    """Samples with the key of the ``extractor`` that computed their features.

    ``replaces`` is the checksum of the samples that the updated model states, or empty. A program
    that is killed between writing the samples and the model leaves the old model with new samples;
    they still belong together.
    """

    samples: Samples
    extractor: str
    replaces: str = ""

    @cached_property
    def content(self) -> bytes:
        """The bytes that are kept."""
        return _to_bytes(self)

    @cached_property
    def sha256(self) -> str:
        """The checksum of the content."""
        return hashlib.sha256(self.content).hexdigest()


def beside(model: Path) -> Path:
    """The file with the samples of a model."""
    stem = model.stem if model.suffix.lower() == ".onnx" else model.name
    return model.with_name(stem + SUFFIX)


def forget(model: Path) -> None:
    """Remove the file with the samples of a model, if there is one. Raises ``OSError``."""
    file = beside(model)
    with suppress(FileNotFoundError, InvalidModelError):
        from_bytes(file.read_bytes(), str(file))
        file.unlink()


def read_kept(path: Path, metadata: dict[str, str], sha256: str | None) -> Kept:
    """The samples of the model at ``path``, whose metadata may hold them.

    ``sha256`` is their checksum as the model states it, ``None`` if it keeps none. Raises
    ``UsageError`` if they are missing, and ``InvalidModelError`` if they are damaged or of another
    model.
    """
    if sha256 is None:
        raise UsageError(
            f"{path} keeps no samples: train it again with all pictures (--keep beside)"
        )
    if KEPT_KEY in metadata:
        name, content = f"pictell.samples in {path}", _decoded(metadata[KEPT_KEY])
    else:
        name, content = str(beside(path)), _read_beside(path)
    kept = from_bytes(content, name)
    if sha256 not in (hashlib.sha256(content).hexdigest(), kept.replaces):
        raise InvalidModelError(
            f"{name} has the samples of another model: bring back that of {path.name}, "
            "or train again with all pictures"
        )
    return kept


def _decoded(text: str) -> bytes:
    """The content in the metadata; empty, which is damaged, if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _read_beside(path: Path) -> bytes:
    file = beside(path)
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file}, with the samples of {path.name}, cannot be read: {os_reason(error)}: "
            "bring it back, or train again with all pictures"
        ) from error


def from_bytes(content: bytes, name: str) -> Kept:
    """What ``Kept.content`` holds. Raises ``InvalidModelError``; ``name`` is for its message."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # Written without compression, so that a small file cannot fill the memory.
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("it is compressed")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            facts = json.loads(bytes(arrays["facts"]))
            if facts["version"] != VERSION:
                raise ValueError(f"its version is {facts['version']}")
            classes, several = tuple(map(str, facts["classes"])), bool(facts["several"])
            found = {name: arrays[name] for name in KINDS}
        _check_kinds(found)
        targets = np.unpackbits(found["targets"], axis=1, count=len(classes)).astype(np.bool_)
        vectors, keys = found["vectors"].astype(np.float32), tuple(found["keys"].tolist())
        absent = np.full(len(keys), -1)
        samples = Samples(classes, targets, several, vectors, keys, found["hashes"], absent)
        _check(samples)
        return Kept(samples, str(facts["extractor"]), str(facts["replaces"]))
    except DAMAGED as error:
        raise InvalidModelError(
            f"{name} is damaged ({error}): train again with all pictures"
        ) from error


def _to_bytes(kept: Kept) -> bytes:
    samples = kept.samples
    facts = {
        "version": VERSION,
        "classes": samples.classes,
        "several": samples.several,
        "extractor": kept.extractor,
        "replaces": kept.replaces,
    }
    file = io.BytesIO()
    np.savez(
        file,
        facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        targets=np.packbits(samples.targets, axis=1),
        vectors=samples.vectors.astype(STORED),
        keys=np.array(samples.keys),
        hashes=samples.hashes,
    )
    return file.getvalue()


def _check_kinds(arrays: dict[str, NDArray[np.generic]]) -> None:
    """Raise ``ValueError`` for an array of another type or with other axes."""
    for name, array in arrays.items():
        size = "" if array.dtype.kind == "U" else array.dtype.itemsize
        found = f"{array.dtype.kind}{size} {array.ndim}"
        if found != KINDS[name]:
            raise ValueError(f"its {name} are {found}, not {KINDS[name]}")


def _check(samples: Samples) -> None:
    """Raise ``ValueError`` if the arrays do not fit together."""
    count, classes = len(samples.keys), len(samples.classes)
    shapes = {
        "targets": (samples.targets.shape, (count, classes)),
        "hashes": (samples.hashes.shape, (count, HASH_BYTES)),
        "vectors": (samples.vectors.shape[:1], (count,)),
    }
    for name, (found, wanted) in shapes.items():
        if found != wanted:
            raise ValueError(f"its {name} have the shape {found}, not {wanted}")
    if not np.isfinite(samples.vectors).all():
        raise ValueError("its vectors are not finite")
    if len(set(samples.classes)) < classes:
        raise ValueError("a class is there twice")
