"""What could be a model in a folder that is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.images.formats import SUFFIXES
from pictell.inspection.model_files import SAVED_MODEL
from pictell.inspection.selection import listed
from pictell.inspection.sniff import sniff_format
from pictell.models.exports import find_export
from pictell.models.exports.files import names_in
from pictell.models.folder import SPEC_FILE
from pictell.models.labels import read_labels

# Of a file of labels that is tried.
MAX_LABELS_BYTES = 1024 * 1024
MODELS = (".onnx", ".tflite", ".lite", ".pb", ".xml")
OTHERS = (
    ".h5",
    ".hdf5",
    ".keras",
    ".pt",
    ".pth",
    ".pt2",
    ".pkl",
    ".ckpt",
    ".safetensors",
    ".task",
    "model.json",
)
LABELS = (".txt", ".csv", ".tsv", ".json", ".yaml", ".yml", ".names", ".pbtxt")
MAX_TRIED = 20


def refuse_folder(path: Path) -> None:
    """Raise ``InvalidModelError`` for a folder that is no model, with what to give instead.

    A SavedModel, a file and what is not there pass.
    """
    if not os.path.isdir(path) or os.path.lexists(path / SAVED_MODEL):
        return
    _refuse_part(path.absolute())
    models = [*_models(path)]
    if len(models) > 1:
        raise InvalidModelError(
            f"the folder has no {SPEC_FILE}, but {listed(models)}: give one of them"
        )
    if models:
        labels = [*_labels(path)]
        options = f" --labels {quote(str(path / labels[0]))}" if len(labels) == 1 else ""
        raise InvalidModelError(
            f"the folder has no {SPEC_FILE}, but {' and '.join(models + labels[:1])}: give --model "
            f"{quote(str(path / models[0]))}{options}"
        )
    for name in names_in(path, *OTHERS):
        try:
            sniff_format(path / name)
        except ModelError as error:
            raise type(error)(f"the folder has {name}: {error}") from error
    if _has_pictures(path):
        raise InvalidModelError(
            "the folder has pictures, not a model: pictell train makes a model from pictures"
        )


def _refuse_part(path: Path) -> None:
    """Refuse the folder with the weights in an exported folder."""
    export = None
    with suppress(ModelError):
        export = find_export(path.parent)
    if export is not None and path in export.weights.parents:
        raise InvalidModelError(
            f"the folder is part of a model: give {path.parent}, with {export.stated.origin}"
        )


def _models(folder: Path) -> Iterator[str]:
    """The names of the files, and of the folders, that are models by their content."""
    for name in names_in(folder, *MODELS)[:MAX_TRIED]:
        with suppress(InvalidModelError, UnsafeModelError):
            sniff_format(folder / name)
            yield name
    for name in names_in(folder, "")[:MAX_TRIED]:
        inner = folder / name
        if any(os.path.isfile(inner / one) for one in (SAVED_MODEL, SPEC_FILE)):
            yield name


def _has_pictures(folder: Path) -> bool:
    """Whether the folder, or one in it, has pictures by their names."""
    inner = (folder / name for name in names_in(folder, "")[:MAX_TRIED])
    return any(names_in(one, *SUFFIXES) for one in (folder, *inner))


def _labels(folder: Path) -> Iterator[str]:
    """The names of the files that can be read as labels."""
    for name in names_in(folder, *LABELS)[:MAX_TRIED]:
        with suppress(InvalidModelError, OSError):
            if (folder / name).stat().st_size <= MAX_LABELS_BYTES:
                read_labels(folder / name)
                yield name
