"""A bare weights file becomes a ``ModelSpec``.

Each value comes from the first place that has it: the user's options, the preset, the catalogue
(by checksum), the file and what is stated beside it. Resize and channel order have defaults, those
of the programs that came with such files. Mean and std have none: if they are not found, the error
says what to give.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pictell.errors import InvalidModelError, ModelWarning, PictellError, UnsafeModelError
from pictell.graphs import Inspection, Weights
from pictell.images.formats import HEAD_BYTES, sniff
from pictell.inspection import check_safe, checksum, inspect_weights, read_files, runnable
from pictell.inspection.fit import check_inspected
from pictell.inspection.model_files import read_head
from pictell.inspection.onnx import external_data
from pictell.inspection.other_formats import READ
from pictell.inspection.scores import check_label_count, count_classes
from pictell.inspection.sniff import sniff_format
from pictell.models import single_file
from pictell.models.bare_options import all_options, check_stated, refuse_options
from pictell.models.exports import find_export
from pictell.models.exports.contents import refuse_folder
from pictell.models.exports.onnx_files import WEIGHTS as WITHOUT_GRAPH
from pictell.models.image_input import check_takes_pictures, find_image_input
from pictell.models.metadata import read_metadata
from pictell.models.missing import all_or_missing
from pictell.models.scores_output import (
    check_gives_scores,
    find_labels,
    find_scores_output,
    naming_labels_file,
)
from pictell.models.stated import UNKNOWN, Stated, combine, fitted, stated_licence
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import ModelSpec


class Unchecked(NamedTuple):
    """The files of a bare model, which may hold anything, and what is stated beside them."""

    path: Path
    content: Weights
    stated: Stated | None


@dataclass(frozen=True, slots=True)
class BareModel:
    """A model's files and what is known of it.

    ``row`` is its row of the catalogue, ``options`` are the user's, ``stated`` is what the files
    state beside the graph. ``from_folder``: the user gave the folder of an export.
    """

    path: Path
    content: Weights
    sha256: str
    row: catalog.Row | None
    options: ModelOptions
    inspection: Inspection
    stated: Stated | None
    from_folder: bool = False


def describe(path: Path, options: ModelOptions, row: catalog.Row | None = None) -> ModelSpec:
    """The spec of the model at ``path``; ``row`` is its row of the catalogue, if already known.

    An ONNX file that carries its own spec takes no options. Raises ``InvalidModelError``,
    ``UnsafeModelError``, or ``UsageError`` for wrong options. Warns with ``ModelWarning`` if the
    options differ from what the publisher of the file states, and if the file is used otherwise
    than its folder says.
    """
    with prefix_file_name(path):
        unchecked = read_unchecked(path)
        check_safe(unchecked.content)
        model = inspect_bare(unchecked, options, row)
        spec = spec_of(model)
    differences = (
        model.row.differences(spec.preprocess) if model.row else None,
        folder_difference(model, spec),
    )
    for warning in filter(None, differences):
        # The level is that of the caller of pictell.load().
        warnings.warn(f"{path.name}: {warning}", ModelWarning, stacklevel=4)
    return spec


def inspect_bare(
    unchecked: Unchecked, options: ModelOptions, row: catalog.Row | None = None
) -> BareModel:
    """What is in the files and in the catalogue. Raises ``InvalidModelError`` or ``UsageError``."""
    path, content, beside = unchecked
    from_folder = beside is not None
    sha256 = checksum(content.files)
    row = row or catalog.by_checksum(sha256)
    output = all_options(options, row, beside).output_name
    inspection = inspect_weights(content, [output] if output else [])
    beside = fitted(beside, inspection) if beside else None
    stated = combine(beside, read_metadata(content, inspection))
    return BareModel(path, content, sha256, row, options, inspection, stated, from_folder)


def spec_of(model: BareModel) -> ModelSpec:
    """The spec in the file, or from the options, the catalogue and the file.

    Raises ``InvalidModelError``, or ``UsageError`` for options of a file that carries its spec.
    """
    if not single_file.carries_spec(model.inspection):
        try:
            return assemble(model)
        except InvalidModelError as error:
            raise InvalidModelError(f"{error}{folder_advice(model)}") from error
    refuse_options(model.path.name, model.options)
    return single_file.read_spec_of(model.path, model.content, model.inspection)


def assemble(model: BareModel, *, count_labels: bool = True) -> ModelSpec:
    """The spec of a file that does not carry one; without labels if they are not to be counted.

    Raises one ``InvalidModelError`` that lists everything that is missing, or says why the model
    cannot take pictures, gives no scores or gives random ones.
    """
    row, options = model.row, all_options(model.options, model.row, model.stated)
    if model.stated is not None and model.stated.refusal is not None:
        raise InvalidModelError(model.stated.refusal)
    all_or_missing(
        lambda: check_takes_pictures(model.inspection),
        lambda: check_gives_scores(model.content, model.inspection, options),
        lambda: find_training(model),
    )
    (image, preprocess), (output, activation), labels, _ = all_or_missing(
        lambda: find_image_input(model.content, model.inspection, options),
        lambda: find_scores_output(model.content, model.inspection, options),
        lambda: find_labels(options, model.stated) if count_labels else (),
        lambda: check_stated(model.stated, options) if count_labels else None,
    )
    _, *others = model.content.files
    spec = ModelSpec(
        name=row.name if row else model.path.stem,
        format=model.content.format,
        weights=model.path,
        external_data=() if model.content.format == "saved-model" else tuple(others),
        sha256=model.sha256,
        licence=row.licence if row else stated_licence(model.stated),
        source=row.source if row else UNKNOWN,
        top1_accuracy=row.top1_accuracy if row else None,
        input_name=image.name,
        output_name=output.name,
        activation=activation,
        preprocess=preprocess,
        labels=labels,
    )
    if count_labels:
        classes = output.shape and count_classes(output.name, output.shape)
        if classes:
            with naming_labels_file(options, model.stated):
                check_label_count(labels, classes)
        check_draft(model, spec)
    return spec


def check_draft(model: BareModel, spec: ModelSpec) -> None:
    """Raise ``InvalidModelError`` if a spec does not fit the model, whatever its labels."""
    check_inspected(model.inspection, model.content, spec, count_labels=False)


def folder_advice(model: BareModel) -> str:
    """Advice to give the folder of the file, if that is complete with what is stated there."""
    with suppress(PictellError):
        for folder, stated in _beside(model):
            assemble(_with(stated, model))
            return f"; or give {folder}, with {stated.origin}"
    return ""


def folder_difference(model: BareModel, spec: ModelSpec) -> str | None:
    """What the folder of a file states otherwise than the spec of the file alone, as a sentence."""
    for folder, stated in _beside(model):
        try:
            other = assemble(_with(stated, model))
        except PictellError as error:
            return f"{stated.origin} beside it does not fit: {error}"
        parts = {"preprocess": "preprocessing", "labels": "labels", "activation": "activation"}
        differ = [text for key, text in parts.items() if getattr(other, key) != getattr(spec, key)]
        if differ:
            what = " and ".join(differ)
            return f"{stated.origin} beside it states other {what}: give them, or give {folder}"
    return None


def _beside(model: BareModel) -> Iterator[tuple[str, Stated]]:
    """Which exported folder a file is part of, and what is stated there.

    Nothing if the user gave the folder, and for a file that carries its spec.
    """
    if model.from_folder or single_file.carries_spec(model.inspection):
        return
    path = model.path.absolute()
    for folder in path.parents[: 2 if path.parent.name == "onnx" else 1]:
        with suppress(PictellError):
            export = find_export(folder)
            if export is None:
                continue
            if export.weights == path:
                yield f"its folder, {folder}", export.stated
            elif export.weights in (path.parent, path.with_name(export.weights.name)):
                # Another form of the same model, such as a quantised one, if the labels fit.
                options = replace(model.options, labels=None)
                assemble(_with(export.stated, replace(model, options=options)))
                yield f"its folder, {folder}, for {export.weights.name}", export.stated
            return


def _with(stated: Stated, model: BareModel) -> BareModel:
    return inspect_bare(Unchecked(model.path, model.content, stated), model.options, model.row)


def find_training(model: BareModel) -> tuple[str, ...]:
    """The random operations of the training that pictell takes out of a model.

    Raises ``InvalidModelError`` if all its outputs are random all the same.
    """
    given = all_options(model.options, model.row, model.stated).input_name
    names = [output.name for output in model.inspection.outputs]
    try:
        return runnable(model.content, names, given).taken_out
    except InvalidModelError as error:
        for name in names if len(names) > 1 else ():
            with suppress(InvalidModelError):
                return runnable(model.content, [name], given).taken_out
        raise error


@contextmanager
def prefix_file_name(path: Path) -> Iterator[None]:
    """Put the file's name before the message of an error in the model."""
    try:
        yield
    except (InvalidModelError, UnsafeModelError) as error:
        raise type(error)(f"{path.name or path.absolute().name}: {error}") from error


def read_unchecked(path: Path) -> Unchecked:
    """Read a bare file, the folder of a SavedModel, or a folder that another tool exported.

    Raises ``InvalidModelError``.
    """
    if path.name.lower().endswith(WITHOUT_GRAPH) and not os.path.isdir(path):
        # If they are of a known tool, the error says how it exports them.
        find_export(path.absolute().parent)
    export = find_export(path) if os.path.isdir(path) else None
    if export is None:
        refuse_folder(path)
        return Unchecked(path, _read_weights(path), None)
    return Unchecked(export.weights, _read_weights(export.weights), export.stated)


def _read_weights(path: Path) -> Weights:
    if not os.path.isdir(path) and sniff(read_head(path, HEAD_BYTES)):
        raise InvalidModelError(f"a picture, not a model: {READ}")
    weights_format = sniff_format(path)
    files = read_files(path)
    if weights_format == "onnx":
        files = read_files(path, external_data(next(iter(files.values()))))
    if weights_format == "openvino":
        files = read_files(path, [f"{path.stem}.bin"])
    return Weights(weights_format, files)
