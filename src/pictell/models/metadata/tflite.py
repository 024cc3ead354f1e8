"""TFLite metadata and the files appended to the model, as MediaPipe, AutoML and Coral have them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pictell.errors import InvalidModelError, UsageError
from pictell.files import TextFileError, decode_text
from pictell.graphs import Inspection, TensorSpec, Weights
from pictell.inspection.appended_zip import AppendedZip
from pictell.inspection.selection import listed
from pictell.inspection.tflite_metadata import (
    BOXES,
    AssociatedFile,
    TensorMetadata,
    TfliteMetadata,
    read_description,
    read_tflite_metadata,
)
from pictell.models.labels import labels_from_text
from pictell.models.stated import Stated
from pictell.options import ModelOptions
from pictell.types import Label

ORIGIN = "the TFLite metadata"
ZIP_ORIGIN = "the zip archive in the file"
# AssociatedFileType: the labels of an axis, and those of values, which some classifiers have.
AXIS_LABELS, VALUE_LABELS = 2, 3
TEXT_SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".pbtxt")
# Ids of Google's knowledge graph, which stand where names should: display names are in ``en``.
MACHINE_ID = re.compile("/[a-z]/[0-9A-Za-z_]+")
# The number of levels of a byte by which the mean and std may differ from the quantisation.
TOLERANCE = 2.0


def read_tflite(content: Weights, inspection: Inspection) -> Stated | None:
    """What a TFLite file states; ``None`` for other models and if it states nothing."""
    if content.format != "tflite":
        return None
    problems = dict[str, str]()
    metadata = _metadata(content.graph, inspection, problems)
    archive = _archive(content.graph, problems)
    options, labels = ModelOptions(), None
    if metadata is not None:
        try:
            options = _options(inspection, metadata)
        except InvalidModelError as error:
            problems["mean"] = f"{ORIGIN} has {error}"
    if archive is not None and not problems.get("labels"):
        try:
            labels = _labels(archive, _candidates(archive, inspection, metadata))
        except InvalidModelError as error:
            problems["labels"] = str(error)
    facts = _facts(content.graph, metadata, archive)
    if not facts and not problems:
        return None
    origin = ZIP_ORIGIN if metadata is None and labels is not None else ORIGIN
    return Stated(origin, options, labels, facts, problems, _refusal(metadata))


def text_of(archive: AppendedZip, name: str) -> str:
    """A text in the archive. Raises ``InvalidModelError``."""
    try:
        return decode_text(archive.read(name))
    except TextFileError as error:
        raise InvalidModelError(f"{name!r:.100} in the zip archive {error}") from error


def _metadata(
    graph: bytes, inspection: Inspection, problems: dict[str, str]
) -> TfliteMetadata | None:
    try:
        return read_tflite_metadata(graph)
    except InvalidModelError:
        problems["labels"] = f"{ORIGIN} is damaged"
        if any(image.dtype != "uint8" for image in inspection.inputs):
            problems["mean"] = problems["labels"]
        return None


def _archive(graph: bytes, problems: dict[str, str]) -> AppendedZip | None:
    try:
        return AppendedZip(graph)
    except InvalidModelError as error:
        problems["labels"] = str(error)
        return None


def _options(inspection: Inspection, metadata: TfliteMetadata) -> ModelOptions:
    """The mean and std of the only input that takes pictures. Raises ``InvalidModelError``."""
    if len(inspection.inputs) != 1:
        return ModelOptions()
    (image,) = inspection.inputs
    stated = metadata.inputs.get(image.name)
    # An input of type uint8 takes pixels as they are: the mean and std are those of the numbers
    # that the bytes stand for, and the quantisation undoes them. Google's readers of this metadata
    # (the Task Library of tflite-support 0.4.4, MediaPipe) normalise no bytes, whatever it says.
    if stated is None or stated.normalisation is None or image.dtype == "uint8":
        return ModelOptions()
    mean, std = (3 * values if len(values) == 1 else values for values in stated.normalisation)
    try:
        options = ModelOptions(mean=mean, std=std)  # type: ignore[arg-type]
    except UsageError as error:
        shown = [", ".join(f"{value:g}" for value in values) for values in stated.normalisation]
        raise InvalidModelError(f"mean {shown[0]} and std {shown[1]}: {error}") from error
    _check_range(image, mean, std, stated)
    return options


def _check_range(
    image: TensorSpec, mean: tuple[float, ...], std: tuple[float, ...], stated: TensorMetadata
) -> None:
    """Raise ``InvalidModelError`` for a mean and std that contradict the rest of the file."""
    if not any(mean) and set(std) == {1} and stated.highest and max(stated.highest) <= 1:
        raise InvalidModelError("mean 0 and std 1, but 1 as the highest value of the input")
    if image.dtype == "int8" and image.quantisation is not None:
        scale, zero_point = image.quantisation
        for one_mean, one_std in zip(mean, std, strict=True):
            stored = [(pixel - one_mean) / one_std / scale + zero_point for pixel in (0, 255)]
            if max(abs(stored[0] + 128), abs(stored[1] - 127)) > TOLERANCE:
                raise InvalidModelError(
                    f"mean {one_mean:g} and std {one_std:g}, which do not fit the input's "
                    f"quantisation {scale:g} x (stored - {zero_point})"
                )


def _candidates(
    archive: AppendedZip, inspection: Inspection, metadata: TfliteMetadata | None
) -> list[str]:
    """The names of the files that may have the labels, the best first."""
    if metadata is not None:
        outputs = (metadata.outputs.get(output.name) for output in inspection.outputs)
        named = [output.files for output in outputs if output is not None and output.files]
        # Of several outputs the user has to choose one.
        of_output = named[0] if len(named) == 1 and len(inspection.outputs) == 1 else ()
        for files in (of_output, metadata.files):
            if found := _by_locale(files):
                return found
    return _by_name(archive.names)


def _by_locale(files: Iterable[AssociatedFile]) -> list[str]:
    """The files with labels: first those in no language, then English ones, then others."""

    def rank(file: AssociatedFile) -> tuple[int, int]:
        locale = file.locale.lower()
        english = locale.replace("_", "-").split("-")[0] == "en"
        return file.kind, 0 if not locale else 1 if english else 2

    wanted = [file for file in files if file.kind in (AXIS_LABELS, VALUE_LABELS)]
    return [file.name for file in sorted(wanted, key=rank)]


def _by_name(names: tuple[str, ...]) -> list[str]:
    """The only text, or the only one with ``label`` in its name: older files have no metadata."""
    texts = [name for name in names if name.lower().endswith(TEXT_SUFFIXES)]
    labels = [name for name in texts if "label" in name.lower().rpartition("/")[2]] or texts
    return labels if len(labels) == 1 else []


def _labels(archive: AppendedZip, names: list[str]) -> tuple[Label, ...] | None:
    """The labels in the first of the files that has names. Raises ``InvalidModelError``."""
    first: tuple[Label, ...] | None = None
    for name in names[:2]:
        labels = labels_from_text(text_of(archive, name), name[:100])
        if not all(MACHINE_ID.fullmatch(label.name) for label in labels):
            return labels
        first = first or labels
    return first


def _facts(
    graph: bytes, metadata: TfliteMetadata | None, archive: AppendedZip | None
) -> dict[str, str]:
    description = read_description(graph)
    facts = {"description": description} if description else {}
    if metadata is not None:
        facts |= metadata.texts
        if any(output.calibrated for output in metadata.outputs.values()):
            facts["score calibration"] = "not applied: the scores are those of the model"
    if archive is not None and archive.names:
        facts["files"] = listed(archive.names)
    return facts


def _refusal(metadata: TfliteMetadata | None) -> str | None:
    outputs = metadata.outputs.values() if metadata else ()
    if any(output.content == BOXES for output in outputs):
        return "a detector, which gives boxes: pictell reads models that classify"
    return None
