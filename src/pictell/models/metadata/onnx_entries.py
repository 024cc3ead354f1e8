"""Entries of an ONNX file's metadata: how pixels are given (onnx/docs/MetadataProps.md), labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, Weights
from pictell.models.labels import labels_from_text
from pictell.models.stated import Stated, unread
from pictell.options import ModelOptions
from pictell.types import Channels, Label

ORIGIN = "the ONNX metadata"
# Keys and values are compared without case. Custom Vision and WinML write them.
PIXEL_FORMAT = "image.bitmappixelformat"
PIXEL_RANGE = "image.nominalpixelrange"
GAMMA = "image.colorspacegamma"
PIXEL_FORMATS: Mapping[str, Channels] = {"rgb8": "RGB", "bgr8": "BGR", "gray8": "grey"}
# Mean and std that make these ranges of pixels in 0..255.
PIXEL_RANGES = {
    "nominalrange_0_255": (0.0, 1.0),
    "normalized_0_1": (0.0, 255.0),
    "normalized_1_1": (127.5, 127.5),
    "nominalrange_16_235": (-16 * 255 / 219, 255 / 219),
}
# Keys under which people keep the labels; without case, ``_``, ``-``, ``.`` and spaces.
LABELS_KEYS = "names labels classes classnames labelnames classlabels id2label".split()


def read_onnx_entries(content: Weights, inspection: Inspection) -> Stated | None:
    """What the entries state; ``None`` for other models and if there is no known entry."""
    if content.format != "onnx":
        return None
    entries = {key.lower(): value.strip() for key, value in inspection.metadata.items()}
    problems = dict[str, str]()
    takes_bytes = all(image.dtype == "uint8" for image in inspection.inputs)
    options = _pixels(entries, takes_bytes, problems)
    labels = _labels(entries, problems)
    if options == ModelOptions() and labels is None and not problems:
        return None
    return Stated(ORIGIN, options, labels, problems=problems)


def _pixels(
    entries: Mapping[str, str], takes_bytes: bool, problems: dict[str, str]
) -> ModelOptions:
    """The order of the channels, the mean and the std; what cannot be used goes to ``problems``."""
    channels, mean, std = None, None, None
    if stated := entries.get(PIXEL_FORMAT):
        channels = PIXEL_FORMATS.get(stated.lower())
        if stated.lower() not in PIXEL_FORMATS:
            problems["channels"] = f"{unread(ORIGIN, 'pixels', stated)}: give --channels"
    if entries.get(GAMMA, "").lower() == "linear":
        problems["mean"] = unread(ORIGIN, "colours", "Linear")
    elif (stated := entries.get(PIXEL_RANGE)) and not takes_bytes:
        if stated.lower() in PIXEL_RANGES:
            one_mean, one_std = PIXEL_RANGES[stated.lower()]
            mean, std = 3 * (one_mean,), 3 * (one_std,)
        else:
            problems["mean"] = unread(ORIGIN, "pixels", stated)
    return ModelOptions(channels=channels, mean=mean, std=std)


def _labels(entries: Mapping[str, str], problems: dict[str, str]) -> tuple[Label, ...] | None:
    """The labels under a known key: a list, a dict, lines, or names with commas between them."""
    for key, value in entries.items():
        if re.sub(r"[_\-. ]", "", key) not in LABELS_KEYS or not re.search(r"[\n,\[{]", value):
            continue
        text = value if re.search(r"[\n\[{]", value) else value.replace(",", "\n")
        try:
            return labels_from_text(text, key)
        except InvalidModelError as error:
            problems["labels"] = f"{ORIGIN}: {error}"
    return None
