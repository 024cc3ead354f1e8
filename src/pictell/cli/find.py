"""``pictell find``: search photos by words, by likeness and by date."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import match_page
from pictell.cli.answer_options import add_names_option
from pictell.cli.output import say, write
from pictell.cli.parser import Parser, non_empty, positive_int, probability
from pictell.cli.photo_options import add_photo_options, check_photo_options, survey_photos
from pictell.cli.terminal import line_columns
from pictell.cli.wanted import Wanted, is_pattern, least_likeness
from pictell.errors import UsageError
from pictell.images.sources import STDIN, find_missing, is_url

if TYPE_CHECKING:
    from pictell.collection.query import Period
    from pictell.collection.search import Match
    from pictell.collection.survey import Survey

EXAMPLE = """\
Search photos, the best first:

  pictell find cat samples/
  pictell find 'animal not dog' samples/
  pictell find 'cat, espresso' samples/ --format json
  pictell find --like samples/cat.jpg samples/ --limit 3
  pictell find dog PHOTOS/ --taken 2024-06..2024-08 --html DOGS.html
  pictell find dog PHOTOS/ --null | xargs -0 cp -t DOGS/

The query is one word of the command line: put several words in quotes. A photo must show all of
them; a comma or the word or separates alternatives, and the word not excludes the next label.
Each label is any name that pictell labels shows, and finds all that is below it, too.
"""

FORMATS = ("text", "json", "jsonl", "csv")
# Everything is like everything to some degree.
MOST_ALIKE = 20


def run(words: list[str]) -> int:
    """Search the photos and write what is found; 1 if some photos could not be read."""
    options = _parse(words)
    from pictell.collection.search import search, to_matches

    wanted = Wanted(options)
    with survey_photos(options, wanted.prepare) as surveyed:
        found = search(_each_once(surveyed.survey), wanted.search)
        most = options.limit or (MOST_ALIKE if options.like else None)
        matches = to_matches(found, wanted.search, wanted.tree, most)
    if not options.quiet:
        _say_how_many(len(matches), len(found.survey.photos), options)
    try:
        _write(matches, options)
    finally:
        if options.html is not None:
            n_found = len(found.survey.photos)
            title = f"{'Photos ' * (options.query is None)}{_title(options)}"
            n_pictures = match_page.write(options.html, matches, n_found, title, options.limits)
            if not options.quiet:
                part = "" if n_pictures == n_found else f", with {n_pictures} of {n_found} photos"
                say(f"the page is in {options.html}{part}")
    return surveyed.exit_status


def _each_once(survey: Survey) -> Survey:
    """The photos without those that were named before, also by another path."""
    rows = dict[Path, int]()
    for row, photo in enumerate(survey.photos):
        # A link is a photo of its own, but a link to a folder is not.
        folder = Path(os.path.realpath(photo.path.parent))
        rows.setdefault(folder / photo.path.name, row)
    return survey.only(list(rows.values()))


def _say_how_many(shown: int, found: int, options: argparse.Namespace) -> None:
    least = least_likeness(options)
    if not found:
        say(f"no photo is found: {_title(options)}")
    elif shown < found:
        say(f"shows {shown} of {found} photos; --limit N shows more")
    if options.like and least > -1 and shown == found:
        noun = "photo" if found == 1 else "photos"
        say(f"{found} {noun} with a likeness of {least:g} or more; --min-likeness P changes it")


def _title(options: argparse.Namespace) -> str:
    """What is searched for, in words."""
    parts = [] if options.query is None else [f"“{options.query}”"]
    if options.like:
        parts.append(f"like {', '.join(options.like)}")
    if options.taken is not None:
        parts.append(f"taken {options.taken.first} to {options.taken.last}")
    return ", ".join(parts)


def _write(matches: Sequence[Match], options: argparse.Namespace) -> None:
    from pictell.reports.matches import MATCH_FORMATS
    from pictell.reports.style import Style

    style = Style(columns=line_columns(), end="\0" if options.null else "\n")
    write(MATCH_FORMATS["names" if options.names_only else options.format](matches, style))


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    options.query = _query(options)
    if options.query is not None:
        # The errors of a folder that is named twice are said once.
        options.pictures = list(dict.fromkeys(options.pictures))
    _check(options)
    check_photo_options(options)
    options.taken = _period(options.taken)
    if options.html is not None:
        options.html = Path(options.html)
        match_page.check(options.html)
    return options


def _check(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for options that contradict each other; --null lists names only."""
    if options.query is None and not options.like and options.taken is None:
        raise UsageError("no query given: pictell find QUERY PHOTO …")
    if options.query is not None:
        _check_photos_named(options)
    if options.null and options.from_file is None:
        options.names_only = True
    if options.names_only and options.format != "text":
        raise UsageError(f"--names-only and --null are text, not {options.format}: leave one out")
    if options.min_score is not None and options.query is None:
        raise UsageError("--min-score is about the words of a query: give a query, or leave it out")
    if options.min_likeness is not None and not options.like:
        raise UsageError("--min-likeness is about pictures: give --like, or leave it out")
    for name in options.like or ():
        _check_picture(name)
    if options.html is not None and (options.html == STDIN or is_url(options.html)):
        raise UsageError(f"--html {options.html}: not a file: give a name such as found.html")


def _check_picture(name: str) -> None:
    """Raise ``UsageError`` for a picture of --like that is not a file."""
    if name == STDIN or is_url(name):
        what = "standard input" if name == STDIN else "a URL"
        raise UsageError(f"--like {name}: {what}, not a file: give a picture on this computer")
    if (error := find_missing(name)) is not None:
        raise UsageError(f"--like {name}: {error.message}")
    if os.path.isdir(name):
        raise UsageError(f"--like {name}: a folder: give a picture")


def _check_photos_named(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` if the only word is a file or a folder: the query is missing."""
    word = options.query
    no_photos = not options.pictures and options.from_file is None
    if options.words is None and no_photos and os.path.lexists(word):
        raise UsageError(
            f"{word!r} is taken as the query; name the photos too: pictell find QUERY {word}"
        )


def _period(text: str | None) -> Period | None:
    from pictell.collection.query import parse_period

    return None if text is None else parse_period(text)


def _query(options: argparse.Namespace) -> str | None:
    """Take the query from the photos, where it is the first word.

    With --like or --taken it can be left out: then the first word is a photo if it is one.
    """
    if options.words is not None:
        return str(options.words)
    pictures = options.pictures
    if not pictures:
        return None
    if options.like or options.taken is not None:
        first, only = pictures[0], len(pictures) == 1 and options.from_file is None
        if only or os.path.lexists(first) or is_pattern(first):
            return None
    return str(pictures.pop(0))


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell find", "[OPTION …] QUERY PHOTO …", EXAMPLE)
    add = parser.add_argument
    like = "the photos most like this picture, which can be anywhere; can be repeated"
    add("--like", action="append", type=non_empty, metavar="FILE", help=like)
    taken = "only photos taken then: 2024, 2024-06, 2024-06-15, or a range: 2024-06..2024-08"
    add("--taken", metavar="DATE", help=taken)
    add("--words", metavar="QUERY", help="the query as an option; all words are then photos")
    least = "least score of a photo that words find, 0 to 1 (0.4)"
    add("--min-score", type=probability, metavar="P", help=least)
    likeness = "least likeness to --like, 0 to 1 (0.5 without a query: for the model default)"
    limit = f"at most N photos (all; {MOST_ALIKE} with --like)"
    add("--min-likeness", type=probability, metavar="P", help=likeness)
    add("--limit", type=positive_int, metavar="N", help=limit)
    parser.add_format(FORMATS)
    names = "only the names of the photos; --null does this, too, with NUL between them"
    add("--names-only", action="store_true", help=names)
    add("--html", metavar="FILE", help="write a page of thumbnails with links to the photos")
    add_photo_options(parser, answers=False)
    add_names_option(parser)
    return parser
