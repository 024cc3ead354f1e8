"""The plain types that flow between packages; importing them loads no runtime or image library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from pictell.errors import InvalidModelError, PictellError, UsageError
from pictell.places import DataUrl, Pipe, Url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Interpolation = Literal["nearest", "bilinear", "bilinear-tf1", "bicubic", "lanczos"]
Layout = Literal["NHWC", "NCHW"]
Channels = Literal["RGB", "BGR", "grey"]
ResizeMode = Literal["crop", "squash"]
# ``damaged``: some pixels are wrong. ``truncated``: the end of the picture is missing.
PictureWarning = Literal["damaged", "truncated"]
Activation = Literal["softmax", "sigmoid", "none", "independent"]
# Those of classes that do not exclude each other.
INDEPENDENT: frozenset[Activation] = frozenset(("sigmoid", "independent"))
WeightsFormat = Literal["onnx", "tflite", "frozen-graph", "saved-model", "openvino"]
# Left, top, right, bottom in pixels of an upright picture.
Box = tuple[float, float, float, float]
MAX_INPUT_SIDE = 16_384
MAX_LABELS = 300_000
MIN_CROP_FRACTION = 0.01
# In pixels; no picture has a longer side.
MAX_BOX_SIDE = 1e6


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that has not been read yet.

    ``name`` is what results show: the path or URL as the user typed it, without credentials.
    ``content`` is a file, a URL, encoded bytes, an open binary stream, a PIL image or an RGB array
    of shape (H, W, 3) and dtype uint8; or an error, for a folder that cannot be listed or a pattern
    that matches nothing. Of a ``bytearray`` or ``memoryview`` it is a copy, as ``bytes``. ``box``
    is the part of the picture to look at: left, top, right, bottom in pixels of the upright
    picture, enlarged to whole pixels and clipped to the picture.
    """

    name: str
    content: (
        Path | Url | DataUrl | Pipe | bytes | bytearray | memoryview
        | BinaryIO | Image | NDArray[np.uint8] | PictellError
    )  # fmt: skip
    box: Box | None = None

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a box that no picture has and for a released memoryview."""
        if isinstance(self.content, bytearray | memoryview):
            # The caller may change it before it is decoded.
            object.__setattr__(self, "content", _copied(self.content))
        if self.box is not None and (problem := find_box_problem(self.box)):
            raise UsageError(problem)

    @property
    def key(self) -> str | None:
        """The same text in every run: a file's ``file:`` URI or the URL; else ``None``.

        A file's URI has its absolute path, percent-encoded; links are not resolved. A URL is
        without its password; of a data URL it is the SHA-256. A box is added as ``#ltrb=`` and its
        four numbers.
        """
        part = "" if self.box is None else "#ltrb=" + ",".join(f"{side:.15g}" for side in self.box)
        if isinstance(self.content, Url):
            return self.content.public_text + part
        if isinstance(self.content, DataUrl):
            return self.content.key + part
        try:
            if isinstance(self.content, Path):
                return self.content.absolute().as_uri() + part
        except (OSError, ValueError):  # the current folder is gone, no file can have this name
            pass
        return None


def _copied(content: bytearray | memoryview) -> bytes:
    try:
        return bytes(content)
    except ValueError as error:
        raise UsageError(f"the memoryview cannot be read: {error}") from error


def find_box_problem(box: Sequence[float]) -> str | None:
    """What is wrong with a box, ``None`` if nothing is. It may reach beyond the picture."""
    if len(box) != 4 or not all(isinstance(side, Real) for side in box):
        return "a box must be four numbers: left, top, right and bottom in pixels"
    left, top, right, bottom = box
    if not all(-MAX_BOX_SIDE <= side <= MAX_BOX_SIDE for side in box):
        return f"the sides of a box must be {-MAX_BOX_SIDE:.0f} to {MAX_BOX_SIDE:.0f} pixels"
    if not (left < right and top < bottom):
        return "the box is empty: left must be less than right, and top less than bottom"
    if right <= 0 or bottom <= 0:
        return "the box lies outside every picture: right and bottom must be above 0"
    return None


class DecodedImage(NamedTuple):
    """A decoded picture.

    ``image`` is upright, of mode RGB or L, in the colours of the ICC ``profile``; without one they
    are sRGB. It may be smaller than the picture if the model needs no more. ``width`` and
    ``height`` are the upright picture's own size in pixels. ``warnings`` say what is wrong with the
    picture.
    """

    image: Image
    width: int
    height: int
    profile: bytes | None = None
    warnings: tuple[PictureWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """How an image becomes a model's input tensor. No field has a default.

    A centred box of the image is resized to ``width`` x ``height`` pixels with ``interpolation``.
    ``resize_mode`` and ``crop_fraction`` (0.01 to 1) choose the box:

    - ``crop``: the largest box with the proportions of the input, times ``crop_fraction``.
    - ``squash``: the central ``crop_fraction`` of each side. The box keeps the proportions of the
      image, the resize does not.

    ``mean`` and ``std`` (R, G, B; for pixels in 0..255) give ``(x - mean) / std`` as float32. If
    both are ``None`` the tensor is uint8, for models that normalise inside the graph.
    ``channels`` is the channel order of the tensor, or ``grey`` for one channel, for which mean and
    std are three times the same number.
    """

    width: int
    height: int
    resize_mode: ResizeMode
    crop_fraction: float
    interpolation: Interpolation
    layout: Layout
    channels: Channels
    mean: tuple[float, float, float] | None
    std: tuple[float, float, float] | None

    def __post_init__(self) -> None:
        """Raises ``InvalidModelError`` for a value out of range."""
        if not (0 < self.width <= MAX_INPUT_SIDE and 0 < self.height <= MAX_INPUT_SIDE):
            raise InvalidModelError(
                f"an input of {self.width} x {self.height} pixels: 1 to {MAX_INPUT_SIDE} a side"
            )
        if not MIN_CROP_FRACTION <= self.crop_fraction <= 1:
            raise InvalidModelError(
                f"crop_fraction must be {MIN_CROP_FRACTION} to 1, not {self.crop_fraction}"
            )
        if (self.mean is None) != (self.std is None):
            missing = "mean" if self.mean is None else "std"
            raise InvalidModelError(f"mean and std belong together: give {missing} too")
        problem = find_range_problem(self.mean, self.std)
        if problem is not None:
            raise InvalidModelError(problem)
        colours = [one for one in (self.mean, self.std) if one and len(set(one)) > 1]
        if self.channels == "grey" and colours:
            raise InvalidModelError(
                "a grey input takes one number for mean and one for std: give --mean and --std"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the tensor without the axis of the batch."""
        depth = 1 if self.channels == "grey" else 3
        if self.layout == "NHWC":
            return self.height, self.width, depth
        return depth, self.height, self.width


def find_range_problem(mean: Sequence[float] | None, std: Sequence[float] | None) -> str | None:
    """What is wrong with a mean or a std for pixels in 0..255, ``None`` if they are possible.

    A std below 1, or a mean of at most 1 that is not 0, is in another notation: for pixels in
    0..1, or a factor instead of a divisor.
    """
    if std is not None and min(std) <= 0:
        return "std must be above 0"
    if (std is not None and min(std) < 1) or (mean is not None and 0 < max(map(abs, mean)) <= 1):
        return (
            "mean and std are for pixels in 0..255, these look like values for 0..1: "
            "multiply both by 255, or use a preset such as torchvision"
        )
    return None


@dataclass(frozen=True, slots=True)
class Label:
    """What one output of a model means: an everyday name, synonyms, a WordNet 3.0 id."""

    name: str
    synset: str | None = None
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text that belongs to a model: a file in its folder, or an entry of an ONNX file's metadata.

    ``name`` is the name of the file or the entry, for errors.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything pictell knows about a model: the content of ``model.toml``.

    ``weights`` is a file, or the folder of a SavedModel. ``external_data`` names the files beside
    it with the rest of an ONNX model. ``sha256`` is the checksum of all of them (see
    ``pictell.inspection.checksum``). ``input_name``, ``output_name``, ``embedding``,
    ``feature_map`` and ``familiarity`` are names in the graph. The output has shape (N, classes),
    with one label for each class; (N, 1) with two labels is for two classes that exclude each
    other, and holds the second one's score. It holds logits if ``activation`` is ``softmax``, or
    ``sigmoid`` for classes that do not exclude each other. It holds probabilities if it is
    ``none``, or ``independent`` for such classes.

    The optional outputs are the embedding (N, D), the feature map (N, D, h, w) and the familiarity
    (N,) or (N, 1): how similar a picture is to those that the model was trained on.
    ``top1_accuracy``, 0..1, is the published accuracy on ImageNet.
    ``taxonomy`` (see ``pictell.models.taxonomy_file``) and ``calibration`` (see
    ``pictell.models.calibration_file``) are parsed when they are used.
    """

    name: str
    format: WeightsFormat
    weights: Path
    sha256: str
    input_name: str
    output_name: str
    activation: Activation
    preprocess: PreprocessSpec
    labels: tuple[Label, ...]
    licence: str
    source: str
    external_data: tuple[str, ...] = ()
    embedding: str | None = None
    feature_map: str | None = None
    familiarity: str | None = None
    top1_accuracy: float | None = None
    taxonomy: Attachment | None = None
    calibration: Attachment | None = None
