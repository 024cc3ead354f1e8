"""The CPU time that pictures made to take long cost, within the limits of bytes and pixels.

    python benchmarks/hostile_pictures.py [--only WORD] [--full]

Each picture is decoded in a process of its own, as for the default model; with ``--full`` at full
size, as for a model whose input is resized without averaging. The seconds are CPU time of all
threads of that process. Files are made anew, the same in every run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable

import pillow_heif

from hostile_boxes import AVIFS, HEICS
from hostile_jpeg_png import JPEGS, PNGS
from hostile_others import GIFS, PROFILES, WEBPS
from pictell.errors import PictellError
from pictell.images.tensor import to_tensor
from pictell.options import Limits
from pictell.types import Interpolation, PreprocessSpec

pillow_heif.register_heif_opener()
FORMATS = {
    "JPEG": JPEGS,
    "PNG": PNGS,
    "GIF": GIFS,
    "WebP": WEBPS,
    "AVIF": AVIFS,
    "HEIC": HEICS,
    "ICC": PROFILES,
}


def spec(*, full: bool) -> PreprocessSpec:
    """As the default model has it, or one that needs the picture at full size."""
    interpolation: Interpolation = "bilinear-tf1" if full else "bicubic"
    return PreprocessSpec(224, 224, "crop", 0.875, interpolation, "NHWC", "RGB", None, None)


def measure(make: Callable[[], bytes], full: bool) -> tuple[int, float, str]:
    """The size of the file in bytes, the CPU time in seconds and what came of it."""
    data = make()
    to_tensor(JPEGS["as many empty segments as are allowed"](), None, spec(full=full), Limits())
    started = time.process_time()
    try:
        picture = to_tensor(data, None, spec(full=full), Limits())
    except PictellError as error:
        outcome = f"{error.code}: {error}"
    else:
        outcome = f"{picture.width} x {picture.height}"
    return len(data), time.process_time() - started, outcome


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--full", action="store_true", help="decode at full size")
    arguments = parser.parse_args()
    print("| picture | MB | CPU time, s | outcome |\n|---|---|---|---|")
    for format_, pictures in FORMATS.items():
        for name in pictures:
            title = f"{format_}: {name}"
            if arguments.only not in title:
                continue
            # A new process each, so that none pays for the memory of another.
            with multiprocessing.get_context("fork").Pool(1) as pool:
                size, seconds, outcome = pool.apply(measure_named, (format_, name, arguments.full))
            print(f"| {title} | {size / 1e6:.2f} | {seconds:.2f} | {outcome} |", flush=True)


def measure_named(format_: str, name: str, full: bool) -> tuple[int, float, str]:
    """``measure``, for a process that is given names."""
    return measure(FORMATS[format_][name], full)


if __name__ == "__main__":
    main()
