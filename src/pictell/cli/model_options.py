"""The options that choose a model, override its preprocessing and choose how it runs."""

from __future__ import annotations

import argparse
import faulthandler
from collections.abc import Sequence
from typing import get_args

from pictell.cli.parser import Parser, non_negative_int, number, positive_int
from pictell.models.presets import PRESETS
from pictell.options import MODEL_OPTION_CHOICES, Device, EngineOptions, ModelOptions, Precision
from pictell.runtimes import RUNTIMES

ENGINES = tuple(RUNTIMES)


def report_crashes(model: str) -> None:
    """Report on stderr if a model that is not pictell's own crashes the process."""
    if model != "default":
        faulthandler.enable()


def add_model_options(parser: Parser) -> None:
    """Add the options for models of bare files, the fields of ``ModelOptions``."""
    group = parser.add_argument_group("model files without their own labels and preprocessing")
    add = group.add_argument
    add("--labels", metavar="FILE", help="a file with one label per line, in output order")
    add("--preset", choices=PRESETS, metavar="P", help=f"preprocessing: {', '.join(PRESETS)}")
    add("--input", dest="input_name", metavar="NAME", help="the name of the input")
    add("--output", dest="output_name", metavar="NAME", help="the name of the output")
    add("--size", type=_size, metavar="WxH", help="the input size in pixels: 224 or 320x240")
    add("--mean", type=_three, metavar="M", help="subtracted from pixels in 0..255: 117, or R,G,B")
    add("--std", type=_three, metavar="S", help="then the divisor: 127.5, or R,G,B")
    _add_choice(
        group,
        "--resize-mode",
        MODEL_OPTION_CHOICES["resize_mode"],
        "cut to the input's proportions, or squash the image (squash)",
    )
    add(
        "--crop-fraction",
        type=number,
        metavar="F",
        help="the central part to use, such as 0.875 (1, all of it)",
    )
    for option, meaning in (
        ("--interpolation", "how to resize (bilinear)"),
        ("--layout", "the order of the axes"),
        ("--channels", "the order of the colours (RGB)"),
        ("--activation", "what turns the output into probabilities"),
    ):
        _add_choice(group, option, MODEL_OPTION_CHOICES[option.removeprefix("--")], meaning)
    add(
        "--background",
        action="store_true",
        default=None,
        help="class 0 is background and not in the labels file",
    )
    add(
        "--unlabelled",
        type=non_negative_int,
        metavar="N",
        help="the last N outputs are not in the labels file",
    )


def add_engine_options(parser: Parser) -> None:
    """Add the options that choose how the model runs, the fields of ``EngineOptions``."""
    group = parser.add_argument_group("how the model runs")
    _add_choice(group, "--runtime", ENGINES, "the engine (the first that fits)")
    group.add_argument(
        "--threads", type=positive_int, default=1, metavar="N", help="threads for one run (1)"
    )
    _add_choice(group, "--device", get_args(Device), "where the model runs (cpu)", "cpu")
    _add_choice(
        group,
        "--precision",
        get_args(Precision),
        "engine lets the runtime choose the fastest (float32)",
        "float32",
    )


def _add_choice(
    group: argparse._ArgumentGroup,
    option: str,
    choices: Sequence[str],
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


def model_options(options: argparse.Namespace) -> ModelOptions:
    """The ``ModelOptions`` on the command line. Raises ``UsageError``."""
    return ModelOptions(**{name: getattr(options, name) for name in ModelOptions.__slots__})


def engine_options(options: argparse.Namespace) -> EngineOptions:
    """The ``EngineOptions`` on the command line. Raises ``UsageError``."""
    return EngineOptions(options.runtime, options.threads, options.device, options.precision)


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
