"""The main job: ``pictell PICTURE …`` names what is in each picture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pictell.cli.exit_status import EXIT_STATUSES
from pictell.cli.model_options import (
    add_engine_options,
    add_model_options,
    engine_options,
    report_crashes,
    stated,
)
from pictell.cli.parser import Parser, positive_int, positive_seconds, probability
from pictell.cli.progress import Progress, say
from pictell.errors import UsageError
from pictell.images.sources import STDIN, expand_argument, expand_list
from pictell.options import Limits, ModelOptions
from pictell.reports import FORMATS
from pictell.reports.style import Style
from pictell.types import ModelSpec, Result, Source
from pictell.version import __version__

EXAMPLE = """\
Tell what is in a picture, as precisely as is sure:

  pictell cat.jpg
  pictell holiday/ '*.png' https://example.org/dog.jpg
  pictell - < bird.webp
  pictell --format jsonl --top-k 1 --from-file list.txt > labels.jsonl
  pictell --min-confidence 0.99 --max-depth 2 '*.jpg'
  pictell --model tensorflow_inception_graph.pb --labels labels.txt cat.jpg

Other commands, each with its own --help:

  pictell models     the models there are: list, pull, import, remove
  pictell inspect    what a model's file holds and needs
  pictell verify     whether a model still gives the answers it should
  pictell evaluate   how good a model is on labelled pictures of yours
  pictell calibrate  make a model's scores mean what they say
"""


def run(words: list[str]) -> int:
    """Parse the command line, name the pictures, write the report; the exit status.

    Raises ``PictellError`` for what concerns the whole run.
    """
    options = parse(words)
    # The engine and the image library are loaded once the command line is known to be right.
    from pictell.loading import load
    from pictell.scoring.taxonomy import MIN_CONFIDENCE

    report_crashes(options.model)
    limits = Limits(options.timeout, options.max_bytes, options.max_pixels)
    classifier = load(
        options.model,
        stated=stated(options),
        engine=engine_options(options),
        limits=limits,
        min_confidence=MIN_CONFIDENCE if options.min_confidence is None else options.min_confidence,
        max_depth=options.max_depth,
        flat=options.flat,
        labels_from=options.labels_from,
    )
    if options.min_confidence is not None and classifier.scorer.taxonomy is None:
        raise UsageError(
            f"{options.model} has no names above its classes that --min-confidence could be about"
        )
    _warn_of_other_recipe(classifier.spec, stated(options))
    with Progress(beside_results=True) as progress:
        run_ = Run(progress)
        results = classifier.stream(run_.sources(options), top_k=options.top_k)
        write(FORMATS[options.format](run_.watch(results), terminal_style()))
    run_.report_skipped()
    return run_.exit_status


def _warn_of_other_recipe(spec: ModelSpec, given: ModelOptions) -> None:
    """Say when a published file is not fed as it was published."""
    if given.preset is None and given.mean is None:
        return
    from pictell.models.store import catalog

    row = catalog.by_checksum(spec.sha256)
    if row is not None and row.options.mean != spec.preprocess.mean:
        say(f"pictell: the model is {row.name}, published with another mean and scale than given")


class Run:
    """What goes by while the results stream: failures are told at once, skipped files counted."""

    def __init__(self, progress: Progress) -> None:
        self.exit_status = 0
        self._progress = progress
        self._skipped = 0

    def sources(self, options: argparse.Namespace) -> Iterator[Source]:
        """Everything the command line names, in its order; lists after the words."""
        for word in options.pictures:
            yield from expand_argument(word, self._skip)
        if options.from_file is not None:
            yield from expand_list(
                options.from_file,
                separator=b"\0" if options.null else b"\n",
                allow_private=options.allow_private,
                on_skip=self._skip,
            )

    def watch(self, results: Iterable[Result]) -> Iterator[Result]:
        """The results as they are; each failure also named on stderr."""
        for result in results:
            if result.error is not None:
                self.exit_status = max(self.exit_status, EXIT_STATUSES[type(result.error)])
            self._progress.watch(result)
            yield result

    def report_skipped(self) -> None:
        """Say how many files of the folders were no pictures."""
        if self._skipped:
            files = (
                "file that is not a picture"
                if self._skipped == 1
                else "files that are not pictures"
            )
            self._progress.say(f"pictell: skipped {self._skipped} {files}")

    def _skip(self, path: Path) -> None:
        self._skipped += 1


def parse(words: list[str]) -> argparse.Namespace:
    """The options and pictures of a command line. Raises ``UsageError``."""
    options = _parser().parse(words)
    if not options.pictures and options.from_file is None:
        raise UsageError("no picture given: name a file, a folder or a URL (see pictell --help)")
    if options.pictures.count(STDIN) > 1:
        raise UsageError("standard input holds one picture: give - once")
    if options.null and options.from_file is None:
        raise UsageError("--null is about a list: give --from-file")
    if options.from_file == STDIN and STDIN in options.pictures:
        raise UsageError("standard input cannot be both a picture (-) and a list (--from-file -)")
    about_answers = {"--min-confidence": options.min_confidence, "--max-depth": options.max_depth}
    for option, value in about_answers.items():
        if options.flat and value is not None:
            raise UsageError(f"--flat gives no answer that {option} could be about: give one")
    return options


def write(pieces: Iterable[str]) -> None:
    """Every piece to stdout as soon as it is there."""
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()


def terminal_style() -> Style:
    """Its width, and colour where it knows that, unless NO_COLOR is set (no-color.org)."""
    if not sys.stdout.isatty():
        return Style()
    shows_colour = os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    # A terminal that does not know its width says 0.
    return Style(shows_colour, os.get_terminal_size(sys.stdout.fileno()).columns or None)


def _parser() -> Parser:
    parser = Parser(example=EXAMPLE, prog="pictell", usage="pictell [OPTION …] PICTURE …")
    add = parser.add_argument
    add(
        "pictures",
        nargs="*",
        metavar="PICTURE",
        help="a file, a folder (with all below it), a pattern, a URL, or - for standard input",
    )
    add("-k", "--top-k", type=positive_int, default=5, metavar="N", help="labels a picture (5)")
    add(
        "-f",
        "--format",
        choices=FORMATS,
        default="text",
        metavar="F",
        help="text, json, jsonl or csv (text)",
    )
    add(
        "-m",
        "--model",
        default="default",
        metavar="M",
        help="a model's name, folder or file (default)",
    )
    add(
        "--from-file",
        metavar="LIST",
        help="name the pictures that LIST holds, one a line; - is stdin",
    )
    add(
        "-0", "--null", action="store_true", help="LIST is NUL-separated, as find -print0 writes it"
    )
    add("--allow-private", action="store_true", help="let URLs in LIST name private hosts")
    _add_naming(parser)
    _add_limits(parser)
    add_model_options(parser)
    add_engine_options(parser)
    add("--version", action="version", version=f"pictell {__version__}", help="show the version")
    add("-h", "--help", action="help", help="show this help")
    return parser


def _add_naming(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--min-confidence",
        type=probability,
        metavar="P",
        help="how sure the answer must be, 0 to 1: the most telling name that is (0.9)",
    )
    add(
        "--max-depth",
        type=positive_int,
        metavar="N",
        help="answers no more than N names from the top: 1 for animal, food, …",
    )
    add("--flat", action="store_true", help="the best labels alone, and never 'not sure'")
    add(
        "--labels-from",
        metavar="FILE",
        help="names to show instead: lines of WordNet id or class index, comma or tab, name; JSON",
    )


def _add_limits(parser: Parser) -> None:
    add, limits = parser.add_argument, Limits()
    add(
        "--timeout",
        type=positive_seconds,
        default=limits.timeout_s,
        metavar="S",
        help=f"seconds a download may take ({limits.timeout_s:g})",
    )
    add(
        "--max-bytes",
        type=positive_int,
        default=limits.max_bytes,
        metavar="N",
        help=f"largest encoded picture ({limits.max_bytes})",
    )
    add(
        "--max-pixels",
        type=positive_int,
        default=limits.max_pixels,
        metavar="N",
        help=f"largest picture, width x height ({limits.max_pixels})",
    )
