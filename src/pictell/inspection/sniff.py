"""Detects the format of a model from its content; the file name only improves messages."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.inspection.model_files import SAVED_MODEL, because, read_head
from pictell.types import WeightsFormat

READ = "pictell reads ONNX, TFLite, frozen TensorFlow graphs and SavedModels"
# Enough for the first node of a graph, and to recognise text.
HEAD_BYTES = 64 * 1024
PICKLE_SUFFIXES = {".pkl", ".pickle", ".pth", ".pt", ".joblib"}
# CPython's Lib/pickletools.py: protocols 2 to 5 begin with their number. 0 and 1 begin with a list,
# a dictionary or a name to import, as text may; but they end with a full stop, text with a newline.
PICKLE = re.compile(rb"\x80[\x02-\x05]")
OLD_PICKLE = re.compile(rb"\(?[\]}lcd](q\0|p0?\n|[\w.]+\n\w+\n)")
PICKLE_END = b"."
# The files of a TensorFlow checkpoint.
CHECKPOINT_NAME = re.compile(r"(checkpoint|.*\.(ckpt(-\d+)?|meta|index|data-\d+-of-\d+))\Z")
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = (b"PK\3\4", b"PK\5\6")
KERAS_MEMBER = re.compile(rb"metadata\.json|config\.json|model\.weights\.h5")
TFLITE = b"TFL3"
ORT_MARK = b"ORTM"
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# Text forms of protocol buffers, as TensorFlow and ONNX write them.
PROTOBUF_TEXT = re.compile(
    r"\s*(#.*\s+)*(node|library|versions|ir_version|graph|meta_graphs|saved_model_schema_version)"
    r"\s*[:{]"
)
# Top-level fields, number -> wire type (0: a number, 2: bytes after their length): the required
# ones of a ModelProto, all of the others.
MODEL_PROTO = {1: 0, 7: 2}
GRAPH_DEF = {3: 0} | dict.fromkeys((1, 2, 4, 5), 2)
SAVED_MODEL_PROTO = {1: 0, 2: 2}
# The first fields show the format.
MAX_FIELDS = 1000


def sniff_format(path: Path) -> WeightsFormat:
    """See ``pictell.inspection.sniff_format``."""
    try:
        if path.is_dir():
            return _sniff_folder(path)
        head = read_head(path, HEAD_BYTES)
        if head[4:8] == TFLITE:
            return "tflite"
        _refuse_known(path, head)
        return _sniff_protobuf(path)
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"the model cannot be read: {because(error)}") from error


def _sniff_folder(path: Path) -> WeightsFormat:
    names = {entry.name for entry in path.iterdir()}
    if SAVED_MODEL in names:
        return "saved-model"
    if "saved_model.pbtxt" in names:
        raise InvalidModelError("the SavedModel is in text form: save it in binary form")
    if any(map(CHECKPOINT_NAME.match, names)):
        raise InvalidModelError("the folder has a checkpoint, not a model: freeze it first")
    raise InvalidModelError(
        f"the folder has neither model.toml nor {SAVED_MODEL}: give the model's file in it"
    )


def _sniff_protobuf(path: Path) -> WeightsFormat:
    fields = dict(_top_level_fields(path))
    if fields.items() >= MODEL_PROTO.items():
        return "onnx"
    if 2 in fields and fields.items() <= SAVED_MODEL_PROTO.items():
        if path.name == SAVED_MODEL:
            return "saved-model"
        raise InvalidModelError(
            f"the graph of a SavedModel: give its folder, in which it is called {SAVED_MODEL}"
        )
    if 1 in fields and fields.items() <= GRAPH_DEF.items():
        return "frozen-graph"
    raise InvalidModelError(f"not a model, or damaged: {READ}")


def _top_level_fields(path: Path) -> Iterator[tuple[int, int]]:
    """Field numbers and wire types of a protocol buffer, until its end or an invalid field.

    It skips their contents, so a large file takes no longer than a small one.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(MAX_FIELDS):
            tag = _varint(file)
            if tag is None:
                return
            yield tag >> 3, tag & 7
            length = _varint(file)
            if length is None or tag & 7 not in (0, 2):
                return
            if tag & 7 == 2:
                if length > size:
                    return
                file.seek(length, os.SEEK_CUR)


def _varint(file: BinaryIO) -> int | None:
    """A number with seven bits a byte, the lowest first, or ``None``."""
    number = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    return None


def _refuse_known(path: Path, head: bytes) -> None:
    """Raise an error that names the format, if it is a known one that is not a model's."""
    if not head:
        raise InvalidModelError("the file is empty")
    if _is_pickle(path, head):
        raise UnsafeModelError(f"a pickle, which can run code: export it to ONNX; {READ}")
    if head.startswith(HDF5):
        raise UnsafeModelError(
            f"a Keras HDF5 file can contain code: model.export() a SavedModel; {READ}"
        )
    if head.startswith(ZIP):
        _refuse_archive(path, head)
    if head[4:8] == ORT_MARK:
        raise InvalidModelError(f"a model in ONNX Runtime's own format: give the ONNX file; {READ}")
    if CHECKPOINT_NAME.match(path.name):
        raise InvalidModelError("a checkpoint has only variables: freeze it with its graph first")
    _refuse_text(head)


def _is_pickle(path: Path, head: bytes) -> bool:
    if PICKLE.match(head):
        return True
    if OLD_PICKLE.match(head):
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == PICKLE_END
    return path.suffix.lower() in PICKLE_SUFFIXES and not head.startswith(ZIP)


def _refuse_archive(path: Path, head: bytes) -> None:
    if KERAS_MEMBER.search(head) or path.suffix.lower() == ".keras":
        raise UnsafeModelError(
            f"a Keras archive can contain code: model.export() a SavedModel; {READ}"
        )
    if b".pkl" in head:
        raise UnsafeModelError(f"an archive with pickles, which can run code; {READ}")
    raise InvalidModelError(f"a zip archive: unpack it first; {READ}")


def _refuse_text(head: bytes) -> None:
    try:
        # The last character may be cut off.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return
    if not CONTROL.search(text):
        if PROTOBUF_TEXT.match(text):
            raise InvalidModelError("the graph is in text form: save it in binary form")
        raise InvalidModelError(f"a text file, such as labels, not a model: {READ}")
