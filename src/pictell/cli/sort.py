"""``pictell sort PHOTO … --into FOLDER``: photos go to folders by what they show."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write, write_json
from pictell.cli.parser import Parser, non_empty
from pictell.cli.photo_options import add_photo_options, check_photo_options, survey_photos
from pictell.errors import UsageError
from pictell.files import os_reason
from pictell.images.sources import STDIN, is_url
from pictell.reports.escape import json_escaped, visible

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.collection.placing import PlacedGroup
    from pictell.collection.sorting import Outcome, Way
    from pictell.collection.survey import Photo, Survey

EXAMPLE = """\
Copy photos to folders by what they show, such as sorted/animal/mammal/cat/; or link or move them:

  pictell sort samples/ --into sorted/ --copy
  pictell sort samples/ --into sorted/ --copy --by date,label --max-depth 1
  pictell sort PHOTOS/ --into SORTED/ --move --dry-run
  pictell undo

Photos without an answer go to not-sure/. Sidecars, Live Photos and raws travel with their photo.
No file is overwritten: a photo that is in its folder already is skipped, another one with the same
name gets a number. pictell undo takes everything back.
"""
WAYS = {
    "copy": "copy the photos",
    "link": "make hard links, which need no space; copies where there can be none",
    "move": "move the photos",
}
DONE = {"copy": "copied", "link": "linked", "move": "moved"}
BY = ("date", "label")
NOT_SURE = "not-sure/"
FORMATS = ("text", "json", "jsonl")
WHY = {
    "in place": "in place already",
    "same content": "same content is there",
    "other content": "another file is there, beside the same photo",
    "link": "a symbolic link is not moved",
    "sorted": "below --into",
}


@dataclass
class _Totals:
    """What became of the photos and of the files with them; ``stayed`` counts by reason."""

    photos: int = 0
    others: int = 0
    failed: int = 0
    not_sure: int = 0
    folders: set[Path] = field(default_factory=set)
    stayed: Counter[str] = field(default_factory=Counter)

    def add(self, group: PlacedGroup, outcomes: Sequence[Outcome]) -> None:
        """Count a group by what became of its files."""
        done = [one.file for one in outcomes if not (one.file.reason or one.error)]
        self.failed += sum(one.error is not None for one in outcomes)
        self.stayed.update(one.file.reason for one in outcomes if one.file.reason is not None)
        self.folders.update(file.target.parent for file in done)
        photos = sum(file.source in group.photos for file in done)
        self.photos += photos
        self.others += len(done) - photos
        self.not_sure += 0 if group.sure else photos


def run(words: list[str]) -> int:
    """Sort the photos; 0 if all went well, 1 if some could not be read or sorted."""
    options = _parse(words)
    with survey_photos(options) as surveyed:
        chosen = _choose(surveyed.survey, surveyed.classifier, options)
        photos = len(surveyed.survey.photos)
    # The index is closed: to close a file ends the locks that this process has on it.
    groups = _place(chosen, options)
    totals = _Totals()
    totals.stayed["sorted"] = photos - len(chosen)
    outcomes = _plan(groups) if options.dry_run else _sort(groups, options.way, words)
    try:
        _write(_counted(outcomes, totals), options)
    except BaseException:
        if totals.photos and not options.dry_run:
            done = f"{DONE[options.way]} {totals.photos} of {len(groups)} photos"
            say(f"stopped: {done}; pictell undo takes that back")
        raise
    if not options.quiet:
        _say_totals(totals, options)
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
        (photo, choose_folder(photo, result, labels, options.by))
        for photo, result in zip(found.photos, found.results(), strict=True)
        if wanted(photo.path)
    ]


def _place(chosen: list[tuple[Photo, PurePath]], options: argparse.Namespace) -> list[PlacedGroup]:
    from pictell.collection.placing import place

    photos, folders = [one for one, _ in chosen], [folder for _, folder in chosen]
    return list(place(photos, folders, Path(options.into), moves=options.way == "move"))


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


def _plan(groups: list[PlacedGroup]) -> Iterator[tuple[PlacedGroup, list[Outcome]]]:
    from pictell.collection.sorting import Outcome

    for group in groups:
        yield group, [Outcome(file) for file in group.files]


def _sort(
    groups: list[PlacedGroup], way: Way, words: list[str]
) -> Iterator[tuple[PlacedGroup, list[Outcome]]]:
    from pictell.collection.changes import Changes
    from pictell.collection.sorting import sort_groups

    with Changes.begin("sort", words=words) as changes:
        yield from sort_groups(changes, groups, way)


def _counted(
    outcomes: Iterator[tuple[PlacedGroup, list[Outcome]]], totals: _Totals
) -> Iterator[Outcome]:
    """The files of all groups; those that failed are named on stderr."""
    for group, some in outcomes:
        totals.add(group, some)
        for one in some:
            if one.error is not None:
                say(f"{one.file.source}: {_reason(one.error)}")
            yield one


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return "another program made a file with its name there: sort it again"
    return os_reason(error)


def _write(outcomes: Iterator[Outcome], options: argparse.Namespace) -> None:
    if options.format == "json":
        write_json([_record(one, options.way) for one in outcomes])
    elif options.format == "jsonl":
        import json

        lines = (json.dumps(_record(one, options.way), ensure_ascii=False) for one in outcomes)
        write(f"{json_escaped(line)}\n".encode() for line in lines)
    else:
        for one in outcomes:
            file = one.file
            if file.reason is not None:
                where = f": {file.target}" if "content" in file.reason else ""
                print(visible(f"{file.source}: skipped, {WHY[file.reason]}{where}"))
            elif one.error is None:
                print(visible(f"{file.source} → {file.target}"))


def _record(one: Outcome, way: Way) -> dict[str, str | None]:
    return {
        "source": str(one.file.source),
        "target": str(one.file.target),
        "action": "skip" if one.file.reason else way,
        "reason": one.file.reason,
        "error": None if one.error is None else _reason(one.error),
    }


def _say_totals(totals: _Totals, options: argparse.Namespace) -> None:
    done = f"{'would be ' if options.dry_run else ''}{DONE[options.way]}"
    others = f" and {_files(totals.others)} with them" if totals.others else ""
    folders = "1 folder" if len(totals.folders) == 1 else f"{len(totals.folders):,} folders"
    parts = [f"{_photos(totals.photos)}{others} {done} to {folders}"]
    stayed = totals.stayed.items()
    parts += [f"{_files(number)} skipped ({WHY[why]})" for why, number in stayed if number]
    if totals.not_sure:
        parts.append(f"{_photos(totals.not_sure)} in {NOT_SURE}")
    if totals.failed:
        parts.append(f"{_files(totals.failed)} failed")
    say(", ".join(parts))
    if totals.photos + totals.others and not options.dry_run:
        say("to take it back: pictell undo")


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number:,} photos"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    check_photo_options(options)
    if options.into is None:
        raise UsageError("no folder given: name one with --into FOLDER")
    if options.way is None:
        raise UsageError("give one of --copy, --link and --move")
    if options.into == STDIN or is_url(options.into):
        raise UsageError(f"--into {options.into}: give a folder of this machine")
    if os.path.lexists(options.into) and not os.path.isdir(options.into):
        raise UsageError(f"--into {options.into}: a file, not a folder")
    return options


def _by(text: str) -> tuple[str, ...]:
    """The parts of the folders' names, in their order."""
    parts = tuple(part.strip() for part in text.split(","))
    if not set(parts) <= set(BY) or len(set(parts)) < len(parts):
        raise argparse.ArgumentTypeError(f"must be date, label, or both with a comma, not {text!r}")
    return parts


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell sort", "PHOTO … --into FOLDER (--copy | --link | --move)", EXAMPLE)
    add = parser.add_argument
    add("--into", type=non_empty, metavar="FOLDER", help="sort into folders below FOLDER")
    ways = parser.add_mutually_exclusive_group()
    for way, text in WAYS.items():
        ways.add_argument(f"--{way}", action="store_const", const=way, dest="way", help=text)
    by = "label: animal/cat; date: 2024/06, by the camera's clock; or both with a comma (label)"
    add("--by", type=_by, default=("label",), metavar="KEY,KEY", help=by)
    add("-n", "--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_format(FORMATS)
    add_photo_options(parser)
    return parser
