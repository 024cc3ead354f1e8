"""How near pictell's preprocessing comes to the program it descends from, part by part.

    python benchmarks/preprocess_parity.py

The original normalises a picture in a TensorFlow session of its own: JPEG decoded with the fast
DCT, colour profile and orientation left aside, ResizeBilinear to the input's size, minus the
mean, over the scale. Here each part is exchanged for another, on ``imagenet_train333``: how far
the resized pixels move (levels of 0..255, at 224 x 224), and for how many pictures a network
still gives the same best label. The frozen MobileNets are fed with the mean 117 and scale 1 of
the original, which is not what they were trained with, and with their own 127.5 and 127.5. Then
what resizing to 224 x 224 costs, decoding apart.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from pictell import Limits
from pictell.images.colour import to_srgb
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess
from pictell.types import DecodedImage, Interpolation, PreprocessSpec

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PICTURES = SHARED / "images" / "imagenet_train333"
MOBILENET_OUTPUT = "MobilenetV1/Predictions/Reshape_1:0"
sys.path.insert(0, str(ROOT / "tools"))

import efficientnet_lite0  # noqa: E402

v1 = tf.compat.v1
Pixels = NDArray[np.uint8]
Resized = NDArray[np.float32]
Runner = Callable[[Resized], NDArray[np.float32]]


@dataclass(frozen=True)
class Network:
    """A network and its recipe. ``run`` takes (1, size, size, 3), normalised, to (classes,)."""

    name: str
    size: int
    mean: float
    scale: float
    run: Runner

    def best_label(self, resized: Resized) -> int:
        """The index of the best label of one picture (size, size, 3), 0..255."""
        batch = (resized - np.float32(self.mean)) / np.float32(self.scale)
        return int(self.run(batch[np.newaxis]).argmax())


def as_decoded(pixels: Pixels) -> DecodedImage:
    """RGB pixels (H, W, 3) in sRGB."""
    image = Image.fromarray(pixels)
    return DecodedImage(image, *image.size)


@dataclass(frozen=True)
class Way:
    """One way from an encoded picture to resized pixels (size, size, 3), float32 in 0..255."""

    name: str
    decode: Callable[[bytes], Pixels]
    interpolation: Interpolation

    def resize(self, data: bytes, size: int) -> Resized:
        """Decode and resize; nothing is normalised."""
        none, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        spec = PreprocessSpec(
            size, size, "squash", 1.0, self.interpolation, "NHWC", "RGB", none, one
        )
        return np.asarray(preprocess(as_decoded(self.decode(data)), spec)[0], np.float32)


def decode_as_original(data: bytes) -> Pixels:
    """TensorFlow's pixels (H, W, 3)."""
    return np.asarray(tf.io.decode_jpeg(data, channels=3))


def decode_plain(data: bytes) -> Pixels:
    """Pillow's pixels (H, W, 3): exact DCT, colour profile and orientation left aside."""
    with Image.open(io.BytesIO(data)) as file:
        return np.asarray(file.convert("RGB"))


def decode_fast(data: bytes) -> Pixels:
    """Pillow's pixels by the fast DCT, as ``Image.draft`` has them (JDCT_IFAST, plain chroma)."""
    with Image.open(io.BytesIO(data)) as file:
        scale, draft = 1, 1
        file.decoderconfig = (scale, draft)
        return np.asarray(file.convert("RGB"))


def decode_exactly(data: bytes) -> Pixels:
    """Pictell's pixels (H, W, 3) for other interpolations: upright, in sRGB."""
    picture = decode(data, Limits().max_pixels)
    return np.asarray(to_srgb(picture.image, picture.profile))


def decode_as_pictell(data: bytes) -> Pixels:
    """Pictell's pixels (H, W, 3) for ``bilinear-tf1``: upright, in sRGB, by the fast DCT."""
    picture = decode(data, Limits().max_pixels, fast_dct=True)
    return np.asarray(to_srgb(picture.image, picture.profile))


WAYS = (
    Way("resizer: bilinear-tf1", decode_as_original, "bilinear-tf1"),
    Way("resizer: bilinear", decode_as_original, "bilinear"),
    Way("decoder: Pillow, fast DCT", decode_fast, "bilinear-tf1"),
    Way("decoder: Pillow", decode_plain, "bilinear-tf1"),
    Way("all of pictell, bilinear-tf1", decode_as_pictell, "bilinear-tf1"),
    Way("all of pictell, bilinear", decode_exactly, "bilinear"),
)


def resize_as_original(data: bytes, size: int) -> Resized:
    """What the original's session gives before it subtracts the mean."""
    decoded = tf.cast(tf.io.decode_jpeg(data, channels=3), tf.float32)
    return np.asarray(v1.image.resize_bilinear(decoded[tf.newaxis], (size, size))[0])


def open_mobilenet(size: int) -> Runner:
    """The frozen MobileNet of an input size, in a session of its own."""
    path = SHARED / "models" / f"mobilenet_v1_0.25_{size}_frozen" / "frozen_graph.pb"
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(v1.GraphDef.FromString(path.read_bytes()), name="")
    session = v1.Session(graph=graph)
    return lambda batch: np.asarray(session.run(MOBILENET_OUTPUT, {"input:0": batch})[0])


def open_efficientnet() -> Runner:
    """EfficientNet-Lite0 in float32: stronger than the MobileNets by 25 points."""
    model = efficientnet_lite0.build_body(efficientnet_lite0.read_weights())
    session = onnxruntime.InferenceSession(model.SerializeToString())

    def run(batch: Resized) -> NDArray[np.float32]:
        pixels = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        return np.asarray(session.run(["logits"], {efficientnet_lite0.PIXELS: pixels})[0][0])

    return run


def networks() -> list[Network]:
    """All that are asked."""
    small, large = open_mobilenet(128), open_mobilenet(224)
    return [
        Network("MobileNet 128, 117 and 1", 128, 117, 1, small),
        Network("MobileNet 128", 128, 127.5, 127.5, small),
        Network("MobileNet 224, 117 and 1", 224, 117, 1, large),
        Network("MobileNet 224", 224, 127.5, 127.5, large),
        Network("EfficientNet-Lite0", 224, 127, 128, open_efficientnet()),
    ]


def same_percent(network: Network, files: list[bytes], way: Way) -> float:
    """For how many pictures the network says the same of both, in percent."""
    same = [
        network.best_label(resize_as_original(data, network.size))
        == network.best_label(way.resize(data, network.size))
        for data in files
    ]
    return 100 * float(np.mean(same))


def distances(files: list[bytes], way: Way) -> tuple[float, float]:
    """Mean and largest |difference| of the resized pixels."""
    each = [np.abs(resize_as_original(data, 224) - way.resize(data, 224)) for data in files]
    return float(np.mean([one.mean() for one in each])), float(max(one.max() for one in each))


def resize_ms(width: int, height: int, interpolation: Interpolation, runs: int = 51) -> float:
    """CPU milliseconds to preprocess a decoded picture, the median."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = as_decoded(pixels)
    spec = PreprocessSpec(
        224, 224, "squash", 1.0, interpolation, "NHWC", "RGB", (117.0,) * 3, (1.0,) * 3
    )
    each = []
    for _ in range(runs):
        started = time.thread_time()
        preprocess(picture, spec)
        each.append(1000 * (time.thread_time() - started))
    return median(each)


def print_parity() -> None:
    """One row per way."""
    files = [path.read_bytes() for path in sorted(PICTURES.glob("*.JPEG"))]
    asked = networks()
    names = " | ".join(network.name for network in asked)
    print(f"| exchanged | mean abs d | max abs d | {names} |\n{'|---' * (3 + len(asked))}|")
    for way in WAYS:
        mean, largest = distances(files, way)
        same = " | ".join(f"{same_percent(network, files, way):.1f}" for network in asked)
        print(f"| {way.name} | {mean:.2f} | {largest:.0f} | {same} |", flush=True)


def main() -> None:
    """Print both tables."""
    print_parity()
    print(f"\n| picture | bilinear-tf1, ms | bilinear, ms |\n{'|---' * 3}|")
    for width, height in ((500, 375), (4000, 3000)):
        exact, averaged = (resize_ms(width, height, one) for one in ("bilinear-tf1", "bilinear"))
        print(f"| {width} x {height} | {exact:.1f} | {averaged:.1f} |")


if __name__ == "__main__":
    main()
