"""The options that choose a model, override its preprocessing and choose how it runs."""

from __future__ import annotations

import argparse
import faulthandler
from typing import get_args

from pictell.cli.parser import Parser, add_choice, number, whole_number
from pictell.models.presets import PRESETS
from pictell.options import MODEL_OPTION_CHOICES, Device, EngineOptions, ModelOptions, Precision
from pictell.runtimes import RUNTIMES


def report_crashes(model: str) -> None:
    """Report on stderr if a model that is not pictell's own crashes the process."""
    if model != "default":
        faulthandler.enable()


def add_model_options(parser: Parser, output: str = "--output") -> argparse._ArgumentGroup:
    """Add ``model_options``: what a user states about a model of bare files. Returns their group.

    ``output`` is the option for the name of the output.
    """
    parser.parts["model_options"] = ModelOptions
    group = parser.add_argument_group("model files without their own labels and preprocessing")
    add = group.add_argument
    add("--labels", metavar="FILE", help="a file of labels: lines, CSV, JSON, YAML and more")
    add_choice(group, "--preset", PRESETS, "known preprocessing; raw for Keras with Rescaling")
    add("--input", dest="input_name", metavar="NAME", help="the name of the input")
    add(output, dest="output_name", metavar="NAME", help="the name of the output")
    add("--size", type=_size, metavar="WxH", help="the input size in pixels: 224 or 320x240")
    add("--mean", type=_colour, metavar="M", help="subtracted from pixels in 0..255: 117, or R,G,B")
    add("--std", type=_colour, metavar="S", help="then the divisor: 127.5, or R,G,B")
    central = "the central part to use, such as 0.875 (1)"
    add("--crop-fraction", type=number, metavar="F", help=central)
    for name, meaning in {
        "resize_mode": "cut to the input's proportions, or squash the image (squash)",
        "interpolation": "how to resize (bilinear)",
        "layout": "the order of the axes",
        "channels": "the order of the colours, or grey (as the input has them, RGB)",
        "activation": "what turns the output into probabilities",
    }.items():
        add_choice(group, f"--{name.replace('_', '-')}", MODEL_OPTION_CHOICES[name], meaning)
    background = "class 0 is background and not in the labels file"
    add("--background", action="store_true", default=None, help=background)
    unlabelled = "the last N outputs are not in the labels file"
    add("--unlabelled", type=whole_number, metavar="N", help=unlabelled)
    return group


def add_engine_options(parser: Parser) -> None:
    """Add ``engine_options``: how the model runs."""
    parser.parts["engine_options"] = EngineOptions
    group = parser.add_argument_group("how the model runs")
    add_choice(group, "--runtime", RUNTIMES, "software that runs the model (the first that fits)")
    threads = "threads for one run (1)"
    group.add_argument("--threads", type=whole_number, default=1, metavar="N", help=threads)
    add_choice(group, "--device", get_args(Device), "where the model runs (cpu)", "cpu")
    exactness = "engine lets the runtime be faster and less exact (float32)"
    add_choice(group, "--precision", get_args(Precision), exactness, "float32")


def _size(text: str) -> tuple[int, ...]:
    """Width and height, or one number for both."""
    sides = tuple(map(whole_number, text.split("x")))
    return sides * 2 if len(sides) == 1 else sides


def _colour(text: str) -> tuple[float, ...]:
    """A number for each of R, G and B, or one for all."""
    numbers = tuple(map(number, text.split(",")))
    return numbers * 3 if len(numbers) == 1 else numbers
