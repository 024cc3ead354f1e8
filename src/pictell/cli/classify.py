"""The main command: ``pictell PICTURE …`` says what is in each picture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pictell.cli.exit_status import exit_status
from pictell.cli.model_options import (
    add_engine_options,
    add_model_options,
    engine_options,
    model_options,
    report_crashes,
)
from pictell.cli.parser import Parser, positive_int, positive_seconds, probability
from pictell.cli.progress import Progress, say
from pictell.errors import UsageError
from pictell.images.lists import expand_list
from pictell.images.sources import STDIN, expand_argument
from pictell.options import Limits, ModelOptions
from pictell.reports import FORMATS
from pictell.reports.style import Style
from pictell.results import Result
from pictell.types import ModelSpec, Source
from pictell.version import __version__

EXAMPLE = """\
Say what is in a picture:

  pictell cat.jpg
  pictell holiday/ '*.png' https://example.org/dog.jpg
  pictell - < bird.webp
  pictell --format jsonl --top-k 1 --from-file list.txt > labels.jsonl
  pictell --min-confidence 0.99 --max-depth 2 '*.jpg'
  pictell --model tensorflow_inception_graph.pb --labels labels.txt cat.jpg

Other commands, each with its own --help:

  pictell models     list, download, import and remove models
  pictell inspect    show what a model file contains and what it needs
  pictell verify     check that a model still gives the answers it gave
  pictell evaluate   measure a model on labelled pictures
  pictell calibrate  fit a model's scores to labelled pictures
"""


def run(words: list[str]) -> int:
    """Classify the pictures and write the report; return the exit status.

    Raises ``PictellError`` for what concerns the whole run.
    """
    options = parse(words)
    # The engine and the image library are imported once the command line is known to be right.
    from pictell.loading import load
    from pictell.scoring.taxonomy import MIN_CONFIDENCE

    report_crashes(options.model)
    given = model_options(options)
    classifier = load(
        options.model,
        options=given,
        engine=engine_options(options),
        limits=Limits(options.timeout, options.max_bytes, options.max_pixels),
        proxy=options.proxy,
        min_confidence=MIN_CONFIDENCE if options.min_confidence is None else options.min_confidence,
        max_depth=options.max_depth,
        flat=options.flat,
        labels_from=options.labels_from,
    )
    if options.min_confidence is not None and not classifier.scorer.judges:
        raise UsageError(
            f"{options.model} has neither a taxonomy nor a calibration, so --min-confidence has no "
            "effect: leave it out"
        )
    _warn_of_other_preprocessing(classifier.spec, given)
    with classifier, Progress(beside_results=True) as progress:
        run_ = Run(progress)
        results = classifier.stream(run_.sources(options), top_k=options.top_k)
        write(FORMATS[options.format](run_.watch(results), terminal_style()))
    run_.report_skipped()
    return run_.exit_status


def _warn_of_other_preprocessing(spec: ModelSpec, given: ModelOptions) -> None:
    """Warn if a published model gets other preprocessing than its publisher states."""
    if given.preset is None and given.mean is None:
        return
    from pictell.models.store import catalog

    row = catalog.by_checksum(spec.sha256)
    if row is not None and row.options.mean != spec.preprocess.mean:
        say(f"pictell: the model is {row.name}, which was published with another mean and std")


class Run:
    """The state of a run: it reports failures as they come and counts skipped files."""

    def __init__(self, progress: Progress) -> None:
        self.exit_status = 0
        self._progress = progress
        self._skipped = 0

    def sources(self, options: argparse.Namespace) -> Iterator[Source]:
        """The sources on the command line, in its order, then those of the list."""
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
        """Pass the results on; name each failure on stderr."""
        for result in results:
            if result.error is not None:
                self.exit_status = max(self.exit_status, exit_status(result.error))
            self._progress.watch(result)
            yield result

    def report_skipped(self) -> None:
        """Report how many files in folders are not pictures."""
        if self._skipped:
            files = "file is not a picture" if self._skipped == 1 else "files are not pictures"
            self._progress.say(f"pictell: {self._skipped} {files}: skipped")

    def _skip(self, path: Path) -> None:
        self._skipped += 1


def parse(words: list[str]) -> argparse.Namespace:
    """The options and pictures of a command line. Raises ``UsageError``."""
    options = _parser().parse(words)
    if not options.pictures and options.from_file is None:
        raise UsageError("no picture given: name a file, a folder or a URL (see pictell --help)")
    if options.pictures.count(STDIN) > 1:
        raise UsageError("standard input holds one picture: give - only once")
    if options.null and options.from_file is None:
        raise UsageError("--null needs a list: give --from-file")
    if options.from_file == STDIN and STDIN in options.pictures:
        raise UsageError("standard input cannot be both a picture (-) and a list (--from-file -)")
    for_answers = {"--min-confidence": options.min_confidence, "--max-depth": options.max_depth}
    for option, value in for_answers.items():
        if options.flat and value is not None:
            raise UsageError(f"--flat gives no answer, so {option} has no effect: leave one out")
    return options


def write(pieces: Iterable[bytes]) -> None:
    """Write every piece to stdout as soon as it is ready."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def terminal_style() -> Style:
    """The terminal's width, and colour unless NO_COLOR is set (no-color.org)."""
    if not sys.stdout.isatty():
        return Style()
    shows_colour = os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    # Some terminals report a width of 0.
    return Style(shows_colour, os.get_terminal_size(sys.stdout.fileno()).columns or None)


def _parser() -> Parser:
    parser = Parser(example=EXAMPLE, prog="pictell", usage="pictell [OPTION …] PICTURE …")
    add = parser.add_argument
    add(
        "pictures",
        nargs="*",
        metavar="PICTURE",
        help="a file, a folder with everything below it, a pattern, a URL, or - for stdin",
    )
    add(
        "-k",
        "--top-k",
        type=positive_int,
        default=5,
        metavar="N",
        help="labels a picture (5)",
    )
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
        help="classify the pictures named in LIST, one on each line; - is stdin",
    )
    add(
        "-0",
        "--null",
        action="store_true",
        help="LIST is separated by NUL, as find -print0 writes it",
    )
    add("--allow-private", action="store_true", help="allow private hosts in URLs of LIST")
    add("--proxy", metavar="URL", help="fetch pictures through this HTTP proxy")
    _add_answer_options(parser)
    _add_limits(parser)
    add_model_options(parser)
    add_engine_options(parser)
    add("--version", action="version", version=f"pictell {__version__}", help="show the version")
    add("-h", "--help", action="help", help="show this help")
    return parser


def _add_answer_options(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--min-confidence",
        type=probability,
        metavar="P",
        help="confidence threshold of an answer, 0 to 1 (0.9)",
    )
    add(
        "--max-depth",
        type=positive_int,
        metavar="N",
        help="answer with the top N levels of the taxonomy: 1 for animal, food, …",
    )
    add("--flat", action="store_true", help="the best labels alone, without an answer")
    add(
        "--labels-from",
        metavar="FILE",
        help="show other names: lines of WordNet id or class index, comma or tab, name; or JSON",
    )


def _add_limits(parser: Parser) -> None:
    add, limits = parser.add_argument, Limits()
    add(
        "--timeout",
        type=positive_seconds,
        default=limits.timeout_s,
        metavar="S",
        help=f"seconds for a download ({limits.timeout_s:g})",
    )
    add(
        "--max-bytes",
        type=positive_int,
        default=limits.max_bytes,
        metavar="N",
        help=f"largest file, in bytes ({limits.max_bytes})",
    )
    add(
        "--max-pixels",
        type=positive_int,
        default=limits.max_pixels,
        metavar="N",
        help=f"largest picture, in pixels ({limits.max_pixels})",
    )
