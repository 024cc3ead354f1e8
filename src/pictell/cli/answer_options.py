"""The options of an answer and the limits of a picture, and the classifier that has them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pictell.cli.parser import Parser, number, positive_int, probability, whole_number
from pictell.errors import UsageError
from pictell.options import Limits
from pictell.results import Status

if TYPE_CHECKING:
    from pictell.classifier import Classifier

# The statuses of results that have an answer.
ANSWERED = (Status.SURE, Status.LIKELY)


def add_answer_options(parser: Parser) -> None:
    """Add the options that ``check_answer_options`` and ``load_classifier`` read."""
    add = parser.add_argument_group("the answer").add_argument
    threshold = "confidence threshold of a sure answer, 0 to 1 (0.9)"
    add("--min-confidence", type=probability, metavar="P", help=threshold)
    depth = "answer with the top N levels of the taxonomy: 1 for animal, food, …"
    add("--max-depth", type=positive_int, metavar="N", help=depth)
    add("--flat", action="store_true", help="only the best classes, without an answer")
    add_names_option(parser)


def answered(text: str) -> tuple[Status, ...]:
    """Statuses of results that have an answer, with commas between them."""
    words = [word.strip() for word in text.split(",")]
    if not set(words) <= {*ANSWERED}:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(ANSWERED)}, not {text!r}")
    return tuple(map(Status, words))


def add_names_option(parser: Parser) -> None:
    """Add the option for other names of the labels."""
    names = "show other names: lines of WordNet id or class index, comma or tab, name; or JSON"
    parser.add_argument("--labels-from", metavar="FILE", help=names)


def add_limits(
    parser: Parser, *, isolate: bool = False, downloads: bool = True, limits: Limits = Limits()
) -> None:
    """Add ``limits``: what one picture may cost. Help shows the defaults of another ``limits``.

    With ``isolate``, pictures are decoded in other processes unless the user says otherwise.
    Without ``downloads``, there is no option for their time.
    """
    parser.parts["limits"] = Limits
    add = parser.add_argument_group("limits").add_argument
    isolated = "" if isolate else "with --isolate: "
    if downloads:
        text = f"seconds for a download ({limits.timeout_s})"
        add("--timeout", dest="timeout_s", type=number, metavar="N", help=text)
    else:
        parser.set_defaults(timeout_s=None)
    for option, name, kind, meaning in (
        ("--max-bytes", "max_bytes", whole_number, "largest file, in bytes"),
        ("--max-pixels", "max_pixels", whole_number, "largest picture, in pixels"),
        ("--decode-timeout", "decode_timeout_s", number, f"{isolated}seconds to decode one"),
        ("--max-memory", "max_memory", whole_number, f"{isolated}memory to decode, in bytes"),
    ):
        text = f"{meaning} ({getattr(limits, name)})"
        add(option, dest=name, type=kind, metavar="N", help=text)
    budget = "memory of all pictures in flight, in bytes (a quarter of what pictell may use)"
    add("--memory-budget", type=whole_number, metavar="N", help=budget)
    truncated = "accept a JPEG file however much of its end is missing"
    add("--allow-truncated", action="store_true", help=truncated)
    others = "decode in other processes: a decoder that crashes or hangs costs one picture"
    if isolate:
        here = "decode in this process: a decoder that crashes ends the program"
        add("--no-isolate", dest="isolate", action="store_false", help=here)
    else:
        add("--isolate", action="store_true", help=others)


def check_answer_options(options: argparse.Namespace) -> None:
    """Set ``for_answers``, the options given that need answers. Call it before the defaults.

    Raises ``UsageError`` for options that contradict each other.
    """
    for_answers = {"--min-confidence": options.min_confidence, "--max-depth": options.max_depth}
    # A default that has no effect is no error.
    options.for_answers = [option for option, value in for_answers.items() if value is not None]
    if options.flat and options.for_answers:
        raise UsageError(
            f"--flat gives no answer, so {options.for_answers[0]} has no effect: leave one out"
        )


def load_classifier(options: argparse.Namespace, *, wait: bool) -> Classifier:
    """Load the model of the options. Raises ``UsageError`` or a ``ModelError``."""
    # The runtime and the image library are imported only if the command line is right.
    from pictell.loading import load

    classifier = load(
        options.model,
        options=options.model_options,
        engine=options.engine_options,
        limits=options.limits,
        proxy=options.proxy,
        min_confidence=options.min_confidence,
        max_depth=options.max_depth,
        flat=options.flat,
        labels_from=options.labels_from,
        wait=wait,
    )
    if options.for_answers and not classifier.scorer.judges:
        raise UsageError(
            f"{options.model} has no calibration and gives no answers, so {options.for_answers[0]} "
            "has no effect: leave it out, or run pictell calibrate"
        )
    return classifier
