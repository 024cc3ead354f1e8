"""Detects the format of a model from its content; the file name only improves messages."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.files import os_reason
from pictell.inspection.model_files import SAVED_MODEL, SAVED_MODEL_FOLDERS, read_head
from pictell.inspection.other_formats import (
    KERAS,
    LFS,
    PICKLE,
    PROGRAMS,
    READ,
    SAFETENSORS,
    TABLES,
    WEB_PAGE,
    by_name,
    of_program,
    refuse_zip,
)
from pictell.types import WeightsFormat

# Enough for the first node of a graph, and to recognise text.
HEAD_BYTES = 64 * 1024
# The files of a TensorFlow checkpoint.
CHECKPOINT = r"(checkpoint|.*\.(ckpt(-\d+)?|meta|index|data-\d+-of-\d+))\Z"
# Files of a SavedModel besides its graph.
SAVED_MODEL_FILES = ("fingerprint.pb", "keras_metadata.pb")
SAVED_MODEL_PARTS = frozenset((*SAVED_MODEL_FILES, *SAVED_MODEL_FOLDERS))
ZIP = rb"(PK\x03\x04|PK\x05\x06)"
# gzip, bzip2, xz, Zstandard, 7z, tar.
COMPRESSED = rb"\x1f\x8b\x08|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf|.{257}ustar"
# Its old form, JSON and UBJSON.
XGBOOST = rb"binf|\s*\{\s*\"learner\"\s*:|\{L.{8}learner"
# Other files: patterns of the name in lower case and of the first bytes, and the error.
# Pickles of protocols 2 to 5 begin with their number (CPython's Lib/pickletools.py).
OTHERS: tuple[tuple[str, bytes, type[ModelError], str], ...] = (
    (r"", rb"\Z", InvalidModelError, "the file is empty"),
    (r"", rb"version https://git-lfs", InvalidModelError, LFS),
    (r"", rb"(\xef\xbb\xbf)?\s*<(?i:!doctype html|html)\b", InvalidModelError, WEB_PAGE),
    (r"", rb"\x80[\x02-\x05]", UnsafeModelError, PICKLE),
    (r".*\.(pkl|pickle|pth|pt|joblib)\Z", rb"(?!%b)" % ZIP, UnsafeModelError, PICKLE),
    (r"", rb"\x89HDF\r\n\x1a\n", UnsafeModelError, KERAS),
    (r"", rb"....ORTM", InvalidModelError, f"a model in ONNX Runtime's own format; {READ}"),
    (r"", rb"....ET[0-9]{2}", InvalidModelError, of_program("ExecuTorch")),
    (r"", rb"tree\r?\nversion=v", InvalidModelError, TABLES.format(program="LightGBM")),
    (r"", XGBOOST, InvalidModelError, TABLES.format(program="XGBoost")),
    (r"", rb"CBM1", InvalidModelError, TABLES.format(program="CatBoost")),
    (r"", rb"GGUF", InvalidModelError, of_program("llama.cpp")),
    (r"", rb".{5}\0{3}\{\s*\"", InvalidModelError, SAFETENSORS),
    (r"(?!.*\.rds\Z)", COMPRESSED, InvalidModelError, f"an archive: unpack it first; {READ}"),
    (CHECKPOINT, rb"", InvalidModelError, "a checkpoint has no graph: freeze it with its graph"),
)
# Pickles of protocols 0 and 1 begin with a list, a dictionary or a name to import, as text may; but
# they end with a full stop, text with a newline.
OLD_PICKLE = re.compile(rb"\(?[\]}lcd](q\0|p0?\n|[\w.]+\n\w+\n)")
PICKLE_END = b"."
TFLITE = b"TFL3"
# Whitespace and the byte order marks of UTF-8 and UTF-16, then the start of a document.
XML = re.compile(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<")
OPENVINO_VERSIONS = ("10", "11")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# Text forms of protocol buffers, as TensorFlow and ONNX write them.
PROTOBUF_TEXT = re.compile(
    r"\s*(#.*\s+)*(node|library|versions|ir_version|graph|meta_graphs|saved_model_schema_version)"
    r"\s*[:{]"
)
# JSON of TensorFlow.js (tfjs-converter), MXNet (nnvm), PaddlePaddle (PIR) and Keras (to_json).
JSON_FORMS = (
    (re.compile(r'\s*\{.*"(modelTopology|weightsManifest)"\s*:', re.DOTALL), "TensorFlow.js"),
    (re.compile(r'\s*\{\s*"nodes"\s*:\s*\[\s*\{\s*"op"\s*:'), "MXNet"),
    (re.compile(r'\s*\{.*"magic"\s*:\s*"pir"', re.DOTALL), "PaddlePaddle"),
)
KERAS_JSON = re.compile(r'\s*\{(?=.*"class_name"\s*:).*"config"\s*:', re.DOTALL)
# Top-level fields, number -> wire type (0: a number, 2: bytes after their length): the required
# ones of a ModelProto, all of the others.
MODEL_PROTO = {1: 0, 7: 2}
GRAPH_DEF = {3: 0} | dict.fromkeys((1, 2, 4, 5), 2)
SAVED_MODEL_PROTO = {1: 0, 2: 2}
# The first fields show the format.
MAX_FIELDS = 1000


def sniff_format(path: Path) -> WeightsFormat:
    """The format of a model's file or folder, detected from its content.

    Raises ``InvalidModelError`` if it is not a model, ``UnsafeModelError`` for formats that can run
    code when loaded (pickles, Keras files).
    """
    try:
        if path.is_dir():
            return _sniff_folder(path)
        head = read_head(path, HEAD_BYTES)
        if head[4:8] == TFLITE:
            return "tflite"
        if version := _openvino_version(head):
            if version in OPENVINO_VERSIONS:
                return "openvino"
            raise InvalidModelError(
                "an OpenVINO model of another version than 10 and 11: convert it again"
            )
        _refuse_part(path)
        _refuse_others(path, head)
        return _sniff_protobuf(path)
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"the model cannot be read: {os_reason(error)}") from error


def _openvino_version(head: bytes) -> str | None:
    """The version that an OpenVINO model states, ``None`` for other files."""
    if not XML.match(head):
        return None
    # Imported only when needed.
    from pictell.inspection.openvino_xml import read_root

    tag, values = read_root(head.lstrip()) or ("", {})
    version = values.get("version", "")
    return version if tag == "net" and version.isdecimal() else None


def _sniff_folder(path: Path) -> WeightsFormat:
    names = {entry.name for entry in path.iterdir()}
    if SAVED_MODEL in names:
        return "saved-model"
    if "saved_model.pbtxt" in names:
        raise InvalidModelError("the SavedModel is in text form: save it in binary form")
    if path.suffix.lower() in PROGRAMS:
        raise by_name(path, "not a model")
    _refuse_part(path)
    if any(re.match(CHECKPOINT, name) for name in names):
        raise InvalidModelError("the folder has a checkpoint, not a model: freeze it first")
    raise InvalidModelError(
        f"the folder has neither model.toml nor {SAVED_MODEL}, nor the file of a model: give a "
        "model's file or folder"
    )


def _refuse_part(path: Path) -> None:
    """Refuse a file or a folder in a SavedModel."""
    path = path.absolute()
    for folder in (path.parent, path.parent.parent):
        inside = path.relative_to(folder).parts[:1]
        if SAVED_MODEL_PARTS.intersection(inside) and (folder / SAVED_MODEL).is_file():
            raise InvalidModelError(f"a part of a SavedModel: give its folder, {folder}")
    if path.name in SAVED_MODEL_FILES:
        raise InvalidModelError(
            f"a part of a SavedModel: give its folder, which also has a {SAVED_MODEL}"
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
    raise by_name(path, "not a model, or damaged")


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


def _refuse_others(path: Path, head: bytes) -> None:
    """Raise an error that names the format, if it is a known one that is not a model's."""
    for name, start, error, message in OTHERS:
        if re.match(name, path.name.lower(), re.DOTALL) and re.match(start, head, re.DOTALL):
            raise error(message.replace("{name}", path.name))
    if re.match(ZIP, head):
        refuse_zip(path)
    if OLD_PICKLE.match(head) and _last_byte(path) == PICKLE_END:
        raise UnsafeModelError(PICKLE)
    _refuse_text(path, head)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _refuse_text(path: Path, head: bytes) -> None:
    try:
        # The last character may be cut off.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return
    if not CONTROL.search(text):
        if PROTOBUF_TEXT.match(text):
            raise InvalidModelError("the graph is in text form: save it in binary form")
        for form, program in JSON_FORMS:
            if form.match(text):
                raise InvalidModelError(of_program(program))
        if KERAS_JSON.match(text):
            raise InvalidModelError("the layers of a Keras model without its weights: export both")
        raise by_name(path, "a text file, such as labels, not a model")
