"""``pictell sort PHOTO … --into FOLDER``: photos go to folders by what they show."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pictell.cli.amounts import photos
from pictell.cli.answer_options import ANSWERED, answered
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write_json, write_json_lines
from pictell.cli.parser import Parser, non_empty
from pictell.cli.photo_options import add_photo_options, check_photo_options, survey_photos
from pictell.cli.sort_lines import Sorted, Totals, counted, line_of, record, summary
from pictell.errors import UsageError
from pictell.images.sources import STDIN, is_url

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.collection.placing import PlacedGroup
    from pictell.collection.sorting import Outcome
    from pictell.collection.survey import Photo, Survey

EXAMPLE = """\
Copy photos to folders by what they show, such as sorted/animal/mammal/cat/; or link or move them:

  pictell sort samples/ --into sorted/ --copy
  pictell sort samples/ --into sorted/ --copy --by date,label --max-depth 1
  pictell sort PHOTOS/ --into SORTED/ --move --dry-run
  pictell undo

Photos that are surely or probably something go to its folder; with --status sure, only the sure
ones do. All others go to not-sure/. Sidecars, Live Photos and raws travel with their photo.

No file is overwritten: a photo that is in its folder already is skipped, another one with the same
name gets a number. pictell undo takes everything back.
"""
WAYS = {
    "copy": "copy the photos",
    "link": "make hard links, which need no space; copies where there can be none",
    "move": "move the photos",
}
BY = ("date", "label")
FORMATS = ("text", "json", "jsonl")
USAGE = "PHOTO … --into FOLDER (--copy | --link | --move)"


def run(words: list[str]) -> int:
    """Sort the photos; 0 if all went well, 1 if some could not be read or sorted."""
    options = _parse(words)
    with survey_photos(options) as surveyed:
        chosen = _choose(surveyed.survey, surveyed.classifier, options)
        n_photos = len(surveyed.survey.photos)
    # The index is closed: to close a file ends the locks that this process has on it.
    groups = _place(chosen, options)
    totals = Totals()
    totals.skipped["sorted", True] = n_photos - len(chosen)
    try:
        _write(counted(_outcomes(groups, options, words), totals), options)
    except BaseException:
        if totals.photos and not options.dry_run:
            number = sum(len(group.photos) for group in groups)
            done = f"{totals.photos:,} of {photos(number)} sorted"
            say(f"stopped: {done}; pictell undo takes that back")
        raise
    if not options.quiet:
        left = _count_left(surveyed.skipped, groups, options)
        say(summary(totals, options.way, left, dry_run=options.dry_run))
        if totals.done and not options.dry_run:
            say("to take it back: pictell undo")
    return SOME_FAILED if totals.failed else surveyed.exit_status


def _choose(
    found: Survey, classifier: Classifier, options: argparse.Namespace
) -> list[tuple[Photo, PurePath]]:
    """The photos that were not sorted before, and their folders below --into."""
    from pictell.collection.folder_names import LabelFolders
    from pictell.collection.placing import choose_folder
    from pictell.scoring.taxonomy import flat_taxonomy

    scorer, wanted = classifier.scorer, _wanted(options)
    labels = LabelFolders(scorer.tree if scorer.judges else flat_taxonomy(scorer.labels))
    return [
        (photo, choose_folder(photo, result, labels, options.by, options.status))
        for photo, result in zip(found.photos, found.results(), strict=True)
        if wanted(photo.path)
    ]


def _place(chosen: list[tuple[Photo, PurePath]], options: argparse.Namespace) -> list[PlacedGroup]:
    from pictell.collection.placing import place

    found, folders = [one for one, _ in chosen], [folder for _, folder in chosen]
    return list(place(found, folders, Path(options.into), moves=options.way == "move"))


def _wanted(options: argparse.Namespace) -> Callable[[Path], bool]:
    """Whether a photo was not sorted before: it is not below --into.

    If a named file or folder is --into itself or lies below it, its photos are wanted too.
    """
    into = Path(os.path.realpath(options.into))
    words = [Path(os.path.realpath(word)) for word in options.pictures]
    inside = [word for word in words if word.is_relative_to(into)]

    real_folder = cache(os.path.realpath)

    def wanted(path: Path) -> bool:
        real = Path(real_folder(path.parent), path.name)
        return not real.is_relative_to(into) or any(map(real.is_relative_to, inside))

    return wanted


def _outcomes(
    groups: list[PlacedGroup], options: argparse.Namespace, words: list[str]
) -> Iterator[tuple[PlacedGroup, list[Outcome]]]:
    from pictell.collection.sorting import foresee, sort_groups

    if options.dry_run:
        yield from foresee(groups, options.way)
        return
    from pictell.collection.changes import Changes

    with Changes.begin("sort", words=words) as changes:
        yield from sort_groups(changes, groups, options.way)


def _write(files: Iterator[Sorted], options: argparse.Namespace) -> None:
    if options.format == "json":
        write_json([record(one) for one in files])
    elif options.format == "jsonl":
        write_json_lines(map(record, files))
    else:
        for line in map(line_of, files):
            if line is not None:
                print(line)


def _count_left(
    skipped: Iterable[Path], groups: Iterable[PlacedGroup], options: argparse.Namespace
) -> int:
    """How many files are neither pictures nor sidecars and belong to no photo."""
    from pictell.collection.companions import is_sidecar

    wanted = _wanted(options)
    known = {file.source for group in groups for file in group.files}
    return sum(
        path not in known and not is_sidecar(path.name) and wanted(path) for path in set(skipped)
    )


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    missing = {
        "PHOTO": not options.pictures and options.from_file is None,
        "--into FOLDER": options.into is None,
        "one of --copy, --link and --move": options.way is None,
    }
    if any(missing.values()):
        names = ", ".join(name for name, is_missing in missing.items() if is_missing)
        raise UsageError(f"missing {names}; usage: pictell sort {USAGE}")
    _check_label_options(options)
    check_photo_options(options)
    if options.status is None:
        options.status = ANSWERED
    else:
        options.for_answers.append("--status")
    if options.into == STDIN or is_url(options.into):
        raise UsageError(f"--into {options.into}: give a folder of this machine")
    if os.path.lexists(options.into) and not os.path.isdir(options.into):
        raise UsageError(f"--into {options.into}: a file, not a folder")
    return options


def _check_label_options(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for options that have no effect. Call it before the defaults."""
    if options.flat:
        raise UsageError("--flat gives no answers, which are the folders: leave it out")
    about_labels = {
        "--max-depth": options.max_depth,
        "--min-confidence": options.min_confidence,
        "--status": options.status,
        "--labels-from": options.labels_from,
    }
    given = [option for option, value in about_labels.items() if value is not None]
    if "label" not in options.by and given:
        raise UsageError(f"{given[0]} has no effect on folders by date: leave it out")


def _by(text: str) -> tuple[str, ...]:
    """The parts of the folders' names, in their order."""
    parts = tuple(part.strip() for part in text.split(","))
    if not set(parts) <= set(BY) or len(set(parts)) < len(parts):
        raise argparse.ArgumentTypeError(f"must be date, label, or both with a comma, not {text!r}")
    return parts


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell sort", USAGE, EXAMPLE)
    add = parser.add_argument
    add("--into", type=non_empty, metavar="FOLDER", help="sort into folders below FOLDER")
    ways = parser.add_mutually_exclusive_group()
    for way, text in WAYS.items():
        ways.add_argument(f"--{way}", action="store_const", const=way, dest="way", help=text)
    by = "label: animal/cat; date: 2024/06, by the camera's clock; or both with a comma (label)"
    add("--by", type=_by, default=("label",), metavar="KEY,KEY", help=by)
    statuses = "only answers with these statuses have folders: sure, likely (sure,likely)"
    add("--status", type=answered, metavar="S,S", help=statuses)
    add("-n", "--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_format(FORMATS)
    add_photo_options(parser)
    return parser
