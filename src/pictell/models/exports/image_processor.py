"""The ``preprocessor_config.json`` of Hugging Face's transformers as preprocessing.

The rules are those of its classes of image processors, in
``transformers/models/*/image_processing_*.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct

from pictell.errors import InvalidModelError
from pictell.models.exports.files import convert
from pictell.models.exports.image_processor_kinds import (
    INTERPOLATIONS,
    KINDS,
    MODEL_TYPES,
    Kind,
)
from pictell.types import MAX_INPUT_SIDE, ResizeMode

Side = Annotated[int, Meta(ge=1, le=MAX_INPUT_SIDE)]
# msgspec 0.22 crashes on a tuple of known length beside a dict.
Sides = Side | dict[str, Side | None] | list[Side]
# One for each colour, or one for all.
Colour = float | Annotated[list[float], Meta(min_length=1, max_length=3)]
# What other classes do to a picture, if these keys are true.
FOREIGN = (
    "do_align_long_axis", "do_color_quantize", "do_crop_margin", "do_grayscale",
    "do_image_splitting", "do_pad", "do_split_image", "do_thumbnail",
)  # fmt: skip
# ConvNext squashes the whole picture from this size on.
SQUASHED_SIZE = 384
CONVNEXT_CROP_PCT = 224 / 256


class Config(Struct, frozen=True):
    """The keys that matter; what is ``None`` has the default of its class."""

    image_processor_type: str | None = None
    feature_extractor_type: str | None = None
    auto_map: Any = None
    do_resize: bool | None = None
    size: Sides | None = None
    resample: int | None = None
    crop_pct: Annotated[float, Meta(ge=0.01, le=1)] | None = None
    do_center_crop: bool | None = None
    crop_size: Sides | None = None
    do_rescale: bool | None = None
    rescale_factor: Annotated[float, Meta(gt=0, le=1)] | None = None
    rescale_offset: bool | None = None
    do_normalize: bool | None = None
    include_top: bool | None = None
    image_mean: Colour | None = None
    image_std: Colour | None = None
    do_flip_channel_order: bool | None = None


class Resized(NamedTuple):
    """The size that a picture is resized to.

    In the mode crop it keeps its proportions, and its shorter side becomes ``width``, which is
    ``height`` too.
    """

    resize_mode: ResizeMode
    width: int
    height: int


def read_processor(
    values: Mapping[str, Any], name: str, model_type: str | None, problems: dict[str, str]
) -> dict[str, Any]:
    """The values of ``ModelOptions`` that the object in the file ``name`` states.

    ``model_type`` is that of the config.json. What pictell cannot do, and what has two meanings,
    goes to ``problems`` by the name of the option. Raises ``InvalidModelError`` for values of a
    wrong type.
    """
    config = convert(values, name, Config)
    try:
        kind_name, kind = _kind(values, config, model_type)
    except InvalidModelError as error:
        text = f"{name}: {error}: give --resize-mode, --interpolation, --mean and --std"
        problems |= dict.fromkeys(("resize_mode", "interpolation", "mean"), text)
        return {}
    options: dict[str, Any] = {}
    parts: tuple[tuple[str, str, Callable[[], dict[str, Any]]], ...] = (
        ("resize_mode", "--resize-mode", lambda: _box(config, kind_name, kind)),
        ("interpolation", "--interpolation", lambda: _interpolation(config, kind)),
        ("mean", "--mean and --std", lambda: _colours(config, kind_name)),
    )
    for option, remedy, part in parts:
        try:
            options |= part()
        except InvalidModelError as error:
            problems[option] = f"{name}: {error}; or give {remedy}"
    return options


def _kind(
    values: Mapping[str, Any], config: Config, model_type: str | None
) -> tuple[str | None, Kind | None]:
    """The name and the class, ``None`` if they are not stated. Raises ``InvalidModelError``."""
    for key in FOREIGN:
        if values.get(key):
            raise InvalidModelError(f"{key} is true, which pictell cannot do")
    full = config.image_processor_type or config.feature_extractor_type
    if full is None:
        found = MODEL_TYPES.get(model_type or "")
        return found, KINDS.get(found or "")
    name = full.removesuffix("Fast").removesuffix("ImageProcessor")
    name = name.removesuffix("FeatureExtractor")
    if config.auto_map or name not in KINDS:
        raise InvalidModelError(f"pictell does not know the image processor {full!r:.80}")
    return name, KINDS[name]


def _box(config: Config, name: str | None, kind: Kind | None) -> dict[str, Any]:
    """The size, the resize mode and the crop fraction."""
    if config.do_resize is False:
        raise InvalidModelError("do_resize is false: pictell resizes every picture")
    if config.size is None:
        raise InvalidModelError("it has no size")
    resized = _resized(config.size, kind)
    if name == "ConvNext":
        return _convnext(resized, config.crop_pct)
    if name == "Levit" and resized.resize_mode == "crop":
        resized = _enlarged(resized, 256 / 224)
    if config.crop_pct is not None:
        if name != "PoolFormer" or resized.width != resized.height:
            raise InvalidModelError("crop_pct has no meaning that pictell knows here")
        resized = _enlarged(resized._replace(resize_mode="crop"), 1 / config.crop_pct)
    if _crops(config, kind):
        return _cropped(resized, config.crop_size)
    if resized.resize_mode == "crop":
        raise InvalidModelError(
            "size is that of the shortest edge and nothing is cropped: pictures would have "
            "different sizes"
        )
    return _options(resized, 1.0)


def _resized(size: Sides, kind: Kind | None) -> Resized:
    if isinstance(size, int):
        if kind is None:
            raise InvalidModelError(
                f"size {size} is that of both sides or of the shorter one: add image_processor_type"
            )
        return Resized("squash" if kind.square else "crop", size, size)
    if isinstance(size, list):
        if len(size) != 2 or size[0] != size[1]:
            raise InvalidModelError("size is a list of numbers, not height and width")
        return Resized("squash", *size)
    given = {key: value for key, value in size.items() if value is not None}
    if given.keys() == {"height", "width"}:
        return Resized("squash", given["width"], given["height"])
    if given.keys() == {"shortest_edge"}:
        return Resized("crop", given["shortest_edge"], given["shortest_edge"])
    keys = ", ".join(sorted(given))
    raise InvalidModelError(f"size has {keys:.80}, not height and width, or shortest_edge")


def _convnext(resized: Resized, crop_pct: float | None) -> dict[str, Any]:
    size = resized.width
    if resized.resize_mode == "squash":
        raise InvalidModelError("size has height and width, not the shortest_edge of ConvNext")
    if size >= SQUASHED_SIZE:
        return _options(resized._replace(resize_mode="squash"), 1.0)
    return _options(resized, size / int(size / (crop_pct or CONVNEXT_CROP_PCT)))


def _enlarged(resized: Resized, factor: float) -> Resized:
    side = int(resized.width * factor)
    return resized._replace(width=side, height=side)


def _crops(config: Config, kind: Kind | None) -> bool:
    if kind is not None and kind.crops is None:
        return False
    if config.do_center_crop is not None:
        return config.do_center_crop
    if kind is None and config.crop_size is not None:
        raise InvalidModelError("it has crop_size: add do_center_crop, true or false")
    return bool(kind and kind.crops)


def _cropped(resized: Resized, crop_size: Sides | None) -> dict[str, Any]:
    """The options for a crop of the middle of what is resized."""
    if crop_size is None:
        raise InvalidModelError("it crops but has no crop_size")
    crop = _resized(crop_size, KINDS["ViT"])
    width, height = crop.width, crop.height
    if width > resized.width or height > resized.height:
        raise InvalidModelError("crop_size is larger than size: pictell adds no border")
    fraction = width / resized.width
    # Each side of the crop is a whole number of pixels.
    if abs(fraction * resized.height - height) > 1 or (
        resized.resize_mode == "crop" and width != height
    ):
        raise InvalidModelError("crop_size and size have different proportions")
    return _options(Resized(resized.resize_mode, width, height), fraction)


def _options(resized: Resized, fraction: float) -> dict[str, Any]:
    return {
        "size": (resized.width, resized.height),
        "resize_mode": resized.resize_mode,
        "crop_fraction": fraction,
    }


def _interpolation(config: Config, kind: Kind | None) -> dict[str, Any]:
    resample = config.resample
    if resample is None:
        if kind is None:
            raise InvalidModelError("it has no resample: add image_processor_type or resample")
        resample = kind.resample
    if resample not in INTERPOLATIONS:
        raise InvalidModelError(f"pictell does not have the interpolation resample {resample}")
    return {"interpolation": INTERPOLATIONS[resample]}


def _colours(config: Config, name: str | None) -> dict[str, Any]:
    """Mean and std for pixels in 0..255, if the file states them, and the order of the colours."""
    flips = config.do_flip_channel_order
    is_bgr = flips if flips is not None else name == "MobileViT"
    options: dict[str, Any] = {"channels": "BGR" if is_bgr else None}
    normalises = config.do_normalize is not False and name != "MobileViT"
    # EfficientNet divides by the std once more.
    divides = name == "EfficientNet" and config.include_top is not False
    if normalises and is_bgr:
        raise InvalidModelError("do_flip_channel_order and do_normalize are both true")
    means, stds = [0.0] * 3, [1.0] * 3
    if normalises or divides:
        if config.image_mean is None or config.image_std is None:
            return options
        divisors = _three(config.image_std)
        if normalises:
            means, stds = _three(config.image_mean), divisors
        if divides:
            stds = [std * divisor for std, divisor in zip(stds, divisors, strict=True)]
    return options | _for_bytes(config, means, stds)


def _for_bytes(config: Config, means: list[float], stds: list[float]) -> dict[str, Any]:
    """Mean and std for pixels in 0..255; given are those for rescaled pixels."""
    rescales = config.do_rescale is not False
    factor = (config.rescale_factor or 1 / 255) if rescales else 1.0
    offset = 1.0 if rescales and config.rescale_offset else 0.0
    mean = tuple((one + offset) / factor for one in means)
    if not all(0 <= one <= 255 for one in mean):
        raise InvalidModelError("image_mean is not in the range of the pixels, rescaled as it says")
    return {"mean": mean, "std": tuple(one / factor for one in stds)}


def _three(values: float | list[float]) -> list[float]:
    values = values if isinstance(values, list) else [values]
    if len(values) == 2:
        raise InvalidModelError("image_mean or image_std has two numbers, not three")
    return values if len(values) == 3 else values * 3
