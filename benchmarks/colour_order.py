"""Colours converted to sRGB before the resize or after it: the same answers in less time?

    python benchmarks/colour_order.py

Every picture of ``imagenet_train333`` is coded in Adobe RGB, with the profile of one of them, and
classified in both ways, with the profile ignored, and as it was. The time is that of decoding and
preprocessing a picture of 3024 x 4032 pixels.
"""

from __future__ import annotations

import io
import time
from statistics import median

import numpy as np
from PIL import Image, ImageCms

from accuracy import IMAGES, Scores, mean_difference
from colour_profiles import same_top_percent
from pictell import Limits, models, runtimes
from pictell.evaluation.dataset import read_dataset
from pictell.images.colour import to_srgb
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side
from pictell.models.folder import read_weights
from pictell.scoring.postprocess import to_probabilities
from pictell.types import DecodedImage

SPEC = models.find("default")
SIDE = shortest_useful_side(SPEC.preprocess)
WAYS = ("before the resize", "after the resize", "ignored")
LARGE = (3024, 4032)


def adobe_rgb(paths: list[str]) -> bytes:
    """The profile of the first picture that has this one."""
    for path in paths:
        with Image.open(path) as image:
            profile: bytes = image.info.get("icc_profile", b"")
        if b"Adobe RGB (1998)" in profile:
            return profile
    raise RuntimeError("no picture has the profile")


def coded(image: Image.Image, profile: bytes, format_: str) -> bytes:
    """A file of an sRGB image whose colours are coded by the profile."""
    to_profile = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB", "RGB"
    )
    stream = io.BytesIO()
    to_profile.apply(image).save(stream, format_, icc_profile=profile)
    return stream.getvalue()


def tensor(data: bytes, way: str) -> np.ndarray:
    """A file as a batch of one."""
    picture = decode(data, Limits().max_pixels, SIDE)
    if way != "after the resize":
        profile = picture.profile if way == "before the resize" else None
        image = to_srgb(picture.image, profile)
        picture = DecodedImage(image, picture.width, picture.height)
    return preprocess(picture, SPEC.preprocess)


def cpu_ms(data: bytes, way: str, runs: int = 11) -> float:
    """Milliseconds to decode and preprocess a file, the median."""
    each = []
    for _ in range(runs):
        started = time.thread_time()
        tensor(data, way)
        each.append(1000 * (time.thread_time() - started))
    return median(each)


def main() -> None:
    """Print one row for each way."""
    dataset = read_dataset(IMAGES / "imagenet_train333" / "labels.csv")
    paths = [str(dataset.path(number)) for number in range(len(dataset))]
    targets = np.array([int(dataset.labels[label]) for label in dataset.label_of])
    profile = adobe_rgb(paths)
    images = [Image.open(path).convert("RGB") for path in paths]
    files = [coded(image, profile, "PNG") for image in images]
    large = coded(images[0].resize(LARGE), profile, "JPEG")
    session = runtimes.open_session(SPEC, read_weights(SPEC))

    def scores(tensors: list[np.ndarray]) -> Scores:
        logits = [session.run({SPEC.input_name: one}, [SPEC.output_name]) for one in tensors]
        return to_probabilities(
            np.concatenate([one[SPEC.output_name] for one in logits]), "softmax"
        )

    found = {way: scores([tensor(data, way) for data in files]) for way in WAYS}
    pictures = [DecodedImage(image, *image.size) for image in images]
    found["not coded: sRGB"] = scores([preprocess(one, SPEC.preprocess) for one in pictures])
    print("| Adobe RGB, converted | top-1 | same top-1 | mean abs dp | 12 megapixels, ms |")
    print("|---|---|---|---|---|")
    reference = found[WAYS[0]]
    for way, values in found.items():
        top_1 = 100 * float((values.argmax(axis=1) == targets).mean())
        same, moved = same_top_percent(reference, values), mean_difference(reference, values)
        cost = f"{cpu_ms(large, way):.0f}" if way in WAYS else "–"
        print(f"| {way} | {top_1:.1f} | {same:.1f} | {moved:.4f} | {cost} |")


if __name__ == "__main__":
    main()
