"""The main command: ``pictell PICTURE …`` says what is in each picture."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import defaults, output_file
from pictell.cli.answer_options import (
    add_answer_options,
    add_limits,
    check_answer_options,
    load_classifier,
)
from pictell.cli.model_options import add_engine_options, add_model_options, report_crashes
from pictell.cli.output import say, write
from pictell.cli.parser import Parser, add_choice, positive_int
from pictell.cli.pictures import can_be_listed_twice, check_list, named_sources
from pictell.cli.progress import Progress
from pictell.cli.selection import add_selection_options, selection
from pictell.cli.server_option import TOKEN_VARIABLE, check_server_options, connect_to
from pictell.cli.terminal import COLOURS, line_columns, shows_colour
from pictell.errors import UsageError
from pictell.images.sources import STDIN, ignore
from pictell.reports import FORMATS, render
from pictell.reports.style import Style
from pictell.results import Result
from pictell.types import Source
from pictell.version import __version__

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.server.client import RemoteClassifier

EXAMPLE = """\
Say what is in a picture:

  pictell samples/cat.jpg
  pictell samples/ 'HOLIDAY/*.jpg' URL
  pictell - < samples/espresso.jpg
  pictell --min-confidence 0.99 --max-depth 2 samples/
  pictell --format jsonl --top-k 1 --from-file LIST > LABELS.jsonl
  pictell --model MODEL.pb --labels LABELS.txt samples/cat.jpg
  pictell --server http://localhost:8000 samples/

Commands for a collection of photos; each command has its own --help:

  pictell sort        copy or move photos into folders by what they show
  pictell tag         write keywords into XMP files beside the photos
  pictell find        search photos by what they show, by likeness and by date
  pictell dedupe      list photos that you have twice or more, and delete none
  pictell undo        take back what sort or tag did

Commands for many pictures and for programs:

  pictell batch       label many pictures into a table, with resuming
  pictell serve       answer programs and browsers over HTTP

Commands for models:

  pictell labels      list and search what a model can say
  pictell models      list, download, import and remove models
  pictell train       train a model of your own classes on labelled photos
  pictell correct     tell a trained model what a picture really shows
  pictell inspect     show what a model file contains and what it needs
  pictell verify      check that a model still gives its recorded answers
  pictell evaluate    measure a model on labelled pictures
  pictell calibrate   fit a model's scores to labelled pictures

Settings:

  pictell config      show the defaults of options and where they come from
  pictell completion  print the script for completion in bash, zsh or fish
"""


# While the program starts, threads that could work without the interpreter wait for others that
# import. Later such short turns only cost time; 5 ms is Python's default.
STARTING_TURN_S, TURN_S = 0.0005, 0.005
# Text looks at this many pictures first: are there several, and how long are their names?
MAX_FIRST = 1000
# The report of --names-only.
NAMES = "names"


def run(words: list[str]) -> int:
    """Classify the pictures and write the report; return the exit status.

    Raises ``PictellError`` for what concerns the whole run.
    """
    options = _parse(words)
    sys.setswitchinterval(STARTING_TURN_S)
    classifier: Classifier | RemoteClassifier
    if options.server:
        classifier = connect_to(options)
        chosen = selection(options, classifier.model.answers)
    else:
        classifier = _load(options)
        chosen = selection(options, classifier.scorer.judges, classifier)
    to_stdout = options.output_file is None
    with classifier, Progress(beside_results=to_stdout, quiet=options.quiet) as progress:
        if can_be_listed_twice(options):
            progress.find_total(named_sources(options, ignore))
        first, sources = _first_sources(options, progress.skip)
        results = classifier.stream(
            sources, top_k=options.top_k, probabilities=chosen.probabilities
        )
        shown = filter(chosen.passes, progress.pass_on(_with_longer_turns(results)))
        style = _style(options, first)
        pieces = render(options.format, shown, style)
        if to_stdout:
            write(pieces)
        else:
            output_file.write_format(Path(options.output_file), options.format, pieces)
    if not options.quiet:
        _say_what_else(progress, style)
    return progress.exit_status


def _say_what_else(progress: Progress, style: Style) -> None:
    """Count the files that are not pictures, and the pictures that are damaged."""
    if progress.skipped:
        files = "file is not a picture" if progress.skipped == 1 else "files are not pictures"
        say(f"{progress.skipped} {files}: skipped")
    # The details of a picture say it.
    if progress.warned and not style.details:
        # Most runs have none.
        from pictell.cli.amounts import damaged

        say(f"{damaged(progress.warned)}: the answers may be wrong")


def _load(options: argparse.Namespace) -> Classifier:
    """The classifier of the options, which may still open. Raises as ``load_classifier``."""
    report_crashes(options.model)
    # Other runtimes write temporary files, which Ctrl-C removes only on this thread.
    wait = options.model != "default" or options.engine_options.runtime is not None
    with warnings.catch_warnings():
        if options.quiet:
            warnings.simplefilter("ignore")
        return load_classifier(options, wait=wait)


def _with_longer_turns(results: Iterator[Result]) -> Iterator[Result]:
    """The same results. After the first one the program has started."""
    yield from islice(results, 1)
    sys.setswitchinterval(TURN_S)
    yield from results


def _first_sources(
    options: argparse.Namespace, on_skip: Callable[[Path], None]
) -> tuple[list[Source], Iterator[Source]]:
    """Some sources that text looks at before the first result, and all sources."""
    sources = named_sources(options, on_skip)
    # A list may come slowly.
    wanted = 0 if options.format != "text" or options.from_file is not None else MAX_FIRST
    first = list(islice(sources, wanted))
    return first, chain(first, sources)


def _style(options: argparse.Namespace, first: Sequence[Source]) -> Style:
    """How text looks: details if there is one picture, else lines as wide as the names need."""
    to_file = options.output_file is not None
    return Style(
        details=options.details or len(first) == 1,
        colour=shows_colour(options.color, to_file=to_file),
        columns=None if to_file else line_columns(),
        names=[source.name for source in first],
        end="\0" if options.null else "\n",
    )


def _parse(words: list[str]) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse(words)
    if not options.pictures and options.from_file is None:
        parser.error("no picture given: name a file, a folder or a URL")
    if options.pictures.count(STDIN) > 1:
        raise UsageError("standard input holds one picture: give - only once")
    if options.null and options.from_file is None and not options.names_only:
        raise UsageError("--null needs names: give --from-file or --names-only")
    if options.from_file == STDIN and STDIN in options.pictures:
        raise UsageError("standard input cannot be both a picture (-) and a list (--from-file -)")
    check_list(options.from_file)
    check_answer_options(options)
    _choose_format(options)
    _fill(options, parser)
    if options.output_file is not None:
        output_file.check_format(Path(options.output_file), options.format)
    return options


def _fill(options: argparse.Namespace, parser: Parser) -> None:
    """Set what is not given to its default. Raises ``UsageError``."""
    given, model = parser.given(options), options.model
    # Of the defaults, a server's excludes those that are about a model of this machine.
    defaults.fill(options, "server")
    defaults.fill(options, *(("format",) if options.server else defaults.KEYS))
    if options.server:
        check_server_options(given)
        # The default is a model of this machine, the server has its own.
        options.model = model


def _choose_format(options: argparse.Namespace) -> None:
    """Set the format that other options mean, if none is given. Raises ``UsageError``."""
    if options.format is None and options.output_file is not None:
        options.format = output_file.SUFFIXES.get(Path(options.output_file).suffix.lower())
    for option in ("details", "names_only"):
        if getattr(options, option):
            if options.format not in {None, "text"}:
                text = f"--{option.replace('_', '-')} is text, not {options.format}: leave one out"
                raise UsageError(text)
            options.format = "text"
    if options.details and options.names_only:
        raise UsageError("--names-only shows no details: leave one out")
    if options.names_only:
        options.format = NAMES


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell", "[OPTION …] PICTURE …", EXAMPLE)
    add = parser.add_argument
    pictures = "a file, a folder with everything below it, a pattern, a URL, or - for stdin"
    add("pictures", nargs="*", metavar="PICTURE", help=pictures)
    add(
        "-k",
        "--top-k",
        type=positive_int,
        default=5,
        metavar="N",
        help="classes for each picture (5)",
    )
    parser.add_format(FORMATS)
    parser.set_defaults(format=None)
    add("-m", "--model", metavar="M", help="a model's name, folder or file (default)")
    server = f"send the pictures to this pictell server; {TOKEN_VARIABLE} is its token"
    add("--server", metavar="URL", help=server)
    listed = "classify the pictures listed in LIST, one on each line; - is stdin"
    add("--from-file", metavar="LIST", help=listed)
    null = "NUL separates the entries of LIST, as in find -print0, and the names of --names-only"
    add("-0", "--null", action="store_true", help=null)
    add("--allow-private", action="store_true", help="allow private hosts in URLs of LIST")
    add("--proxy", metavar="URL", help="fetch pictures through this HTTP proxy")
    quiet = "no progress and no notes; only errors on standard error"
    add("-q", "--quiet", action="store_true", help=quiet)
    version = f"pictell {__version__}"
    add("-V", "--version", action="version", version=version, help="show the version")
    _add_output_options(parser)
    add_selection_options(parser)
    add_answer_options(parser)
    add_limits(parser)
    add_model_options(parser)
    add_engine_options(parser)
    return parser


def _add_output_options(parser: Parser) -> None:
    group = parser.add_argument_group("the output")
    add = group.add_argument
    output = "write FILE, whole or not at all; append to .jsonl; the suffix chooses the format"
    add("-o", "--output-file", metavar="FILE", help=output)
    add("--details", action="store_true", help="a paragraph with classes for each picture")
    add("--names-only", action="store_true", help="only the names of the pictures")
    add_choice(group, "--color", COLOURS, "colours; auto is for a terminal (auto)", "auto")
