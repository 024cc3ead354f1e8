"""The options that name a model, state what its files do not, and choose its engine."""

from __future__ import annotations

import argparse
import faulthandler
from typing import get_args

from pictell.cli.parser import Parser, non_negative_int, number, positive_int
from pictell.models.presets import PRESETS
from pictell.options import EngineOptions, ModelOptions
from pictell.runtimes import RUNTIMES
from pictell.types import Activation, Channels, Interpolation, Layout, ResizeMode

ENGINES = list(RUNTIMES)


def report_crashes(model: str) -> None:
    """A foreign model may crash its engine, and this process with it: not without a word."""
    if model != "default":
        faulthandler.enable()


def add_model_options(parser: Parser) -> None:
    """What a bare weights file does not say of itself."""
    group = parser.add_argument_group("of a bare model, what its files do not say")
    add = group.add_argument
    add("--labels", metavar="FILE", help="one label a line, in the order of the outputs")
    add("--preset", choices=PRESETS, metavar="P", help=f"a known recipe: {', '.join(PRESETS)}")
    add("--input", dest="input_name", metavar="NAME", help="the input to feed")
    add("--output", dest="output_name", metavar="NAME", help="the output to read")
    add("--size", type=_size, metavar="WxH", help="the input's size in pixels: 224 or 320x240")
    add("--mean", type=_three, metavar="M", help="subtracted from 0..255: 117, or R,G,B")
    add("--std", type=_three, metavar="S", help="then divided by: 1, or R,G,B")
    _add_choice(group, "--resize-mode", get_args(ResizeMode), "how the image fits the input")
    add(
        "--crop-fraction",
        type=number,
        metavar="F",
        help="the central part that is kept, such as 0.875 (1)",
    )
    _add_choice(group, "--interpolation", get_args(Interpolation), "how to resize (bilinear)")
    _add_choice(group, "--layout", get_args(Layout), "order of the axes")
    _add_choice(group, "--channels", get_args(Channels), "order of the colours (RGB)")
    _add_choice(group, "--activation", get_args(Activation), "what makes the output probabilities")
    add(
        "--background",
        action="store_true",
        default=None,
        help="class 0 is background and has no line in the labels",
    )
    add(
        "--unlabelled",
        type=non_negative_int,
        metavar="N",
        help="the last N outputs have no line in the labels",
    )


def add_engine_options(parser: Parser) -> None:
    """Which engine runs the model, and how."""
    group = parser.add_argument_group("how it is run")
    _add_choice(group, "--runtime", ENGINES, "the engine (the first installed that fits)")
    group.add_argument(
        "--threads", type=positive_int, default=1, metavar="N", help="threads a picture (1)"
    )
    _add_choice(group, "--device", ("cpu", "gpu"), "where the engine computes (cpu)", "cpu")
    _add_choice(
        group,
        "--precision",
        ("float32", "engine"),
        "float32, or whatever the engine finds fastest (float32)",
        "float32",
    )


def model_options(options: argparse.Namespace) -> ModelOptions:
    """What the command line states of the model."""
    return ModelOptions(**{name: getattr(options, name) for name in ModelOptions.__slots__})


def engine_options(options: argparse.Namespace) -> EngineOptions:
    """How the command line wants the model run."""
    return EngineOptions(options.runtime, options.threads, options.device, options.precision)


def _add_choice(
    group: argparse._ArgumentGroup,
    option: str,
    choices: tuple[str, ...] | list[str],
    meaning: str,
    default: str | None = None,
) -> None:
    group.add_argument(
        option,
        choices=choices,
        default=default,
        metavar=option.removeprefix("--")[0].upper(),
        help=f"{', '.join(choices)}: {meaning}",
    )


def _size(text: str) -> tuple[int, int]:
    width, times, height = text.partition("x")
    return positive_int(width), positive_int(height if times else width)


def _three(text: str) -> tuple[float, float, float]:
    numbers = [number(part) for part in text.split(",")]
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise argparse.ArgumentTypeError(f"must be one number or three, R,G,B, not {text!r}")
    red, green, blue = numbers
    return (red, green, blue)
