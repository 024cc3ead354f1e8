"""Names models that pictell does not read: archives by what is in them, others by their name."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.inspection.zip_directory import directory_bytes

READ = "pictell reads ONNX, TFLite, OpenVINO, frozen TensorFlow graphs and SavedModels"
PICKLE = f"a pickle, which can run code: export it to ONNX; {READ}"
KERAS = (
    "a Keras file, which can contain code: with one that you trust, run "
    "keras.models.load_model('{name}').export('my-model') in Python, and give the folder my-model; "
    "a file of weights alone also needs the program that makes the model"
)
TORCH_EXPORT = (
    "a torch.export archive: run torch.onnx.export(torch.export.load('{name}'), (), 'model.onnx') "
    "in Python with onnxscript installed, and give model.onnx"
)
TORCH_SCRIPT = "a TorchScript model, which can run code: export the model to ONNX with PyTorch"
BUNDLE = "a MediaPipe bundle, which is a zip archive: unpack it and give the .tflite file in it"
SAFETENSORS = (
    "weights of safetensors without a graph: export the model to ONNX, for example with "
    f"optimum-cli export onnx for Hugging Face's transformers; {READ}"
)
TABLES = (
    "a model of {program}, which takes tables, not pictures: pictell train learns from pictures"
)
LFS = "a pointer of Git LFS, not the model itself: run git lfs pull in the repository"
WEB_PAGE = "a web page, not a model: download the file itself"
# Of the directory of an archive: more than any archive of a model has.
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
# The programs that write files and folders with these endings.
PROGRAMS = {
    ".caffemodel": "Caffe",
    ".cfg": "darknet",
    ".engine": "TensorRT",
    ".gguf": "llama.cpp",
    ".mlmodel": "Core ML",
    ".mlpackage": "Core ML",
    ".mnn": "MNN",
    ".param": "ncnn",
    ".params": "MXNet",
    ".pdiparams": "PaddlePaddle",
    ".pdmodel": "PaddlePaddle",
    ".plan": "TensorRT",
    ".prototxt": "Caffe",
    ".pte": "ExecuTorch",
    ".rds": "R",
    ".weights": "darknet",
}


def refuse_zip(path: Path) -> None:
    """Raise the error for a zip archive: what its files show it to be."""
    from zipfile import BadZipFile, ZipFile

    try:
        with path.open("rb") as file:
            # ``ZipFile`` reads all of the directory at once.
            too_large = directory_bytes(file) > MAX_DIRECTORY_BYTES
        with nullcontext() if too_large else ZipFile(path) as archive:
            names = archive.namelist() if archive else []
    except (BadZipFile, struct.error, zlib.error, EOFError, ValueError, NotImplementedError):
        names = []
    error, text = _kind(path, names)
    raise error(text.replace("{name}", path.name))


def by_name(path: Path, otherwise: str) -> InvalidModelError:
    """The error for a file or folder that is no model by its content."""
    suffix = path.suffix.lower()
    if suffix in PROGRAMS:
        return InvalidModelError(of_program(PROGRAMS[suffix]))
    if suffix == ".safetensors":
        return InvalidModelError(SAFETENSORS)
    if suffix == ".bin":
        return InvalidModelError(f"weights without a graph; OpenVINO has that in a .xml: {READ}")
    return InvalidModelError(f"{otherwise}: {READ}")


def of_program(program: str) -> str:
    """The error for a file of another program."""
    return (
        f"a file of {program}: export ONNX or TFLite with the program that made the model; {READ}"
    )


def _kind(path: Path, names: Collection[str]) -> tuple[type[ModelError], str]:
    files = {name.rpartition("/")[2] for name in names}
    suffix = path.suffix.lower()
    if "archive_format" in files or any(name.endswith("models/model.json") for name in names):
        return InvalidModelError, TORCH_EXPORT
    if suffix == ".keras" or {"config.json", "model.weights.h5"} <= set(names):
        return UnsafeModelError, KERAS
    if "constants.pkl" in files:
        return UnsafeModelError, TORCH_SCRIPT
    if any(name.endswith(".pkl") for name in files) or suffix in (".pt", ".pth"):
        return UnsafeModelError, PICKLE
    if suffix == ".task":
        return InvalidModelError, BUNDLE
    return InvalidModelError, f"a zip archive: unpack it first; {READ}"
