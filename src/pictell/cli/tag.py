"""``pictell tag``: keywords into the sidecars of photos."""

from __future__ import annotations

import argparse
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import amounts
from pictell.cli.answer_options import answered
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write, write_json, write_json_lines
from pictell.cli.parser import Parser, add_choice
from pictell.cli.photo_options import (
    add_photo_options,
    check_photo_options,
    photo_sources,
    survey_photos,
)
from pictell.cli.progress import Progress
from pictell.errors import PictellError, UsageError
from pictell.files import os_reason
from pictell.images.unreadable import missing
from pictell.reports.escape import visible
from pictell.results import Status

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.collection.changes import Step
    from pictell.collection.sidecars import Plan, Target

EXAMPLE = """\
Write keywords into XMP sidecars, which photo programs read; the photos never change:

  pictell tag PHOTOS/
  pictell tag PHOTOS/ --dry-run
  pictell tag PHOTOS/ --status sure,likely --min-confidence 0.8
  pictell tag PHOTOS/ --labels-from samples/german.csv
  pictell tag PHOTOS/ --remove

IMG_1.jpg gets IMG_1.jpg.xmp. If it has no such sidecar but an IMG_1.xmp, the keywords go there: a
photo program made it. IMG_1.xmp also belongs to a raw file IMG_1.CR2, and to every other IMG_1.

digiKam, darktable and Immich read IMG_1.jpg.xmp. Lightroom reads sidecars of raw files only, and
only as IMG_1.xmp.

Everything else in a sidecar stays as it is, byte for byte. A keyword that you had before is
yours: pictell never removes it. A keyword of pictell that you delete is not written again until
--remove. A second run, with another model or threshold, replaces what pictell wrote before;
--remove takes it away, and pictell undo takes the last run back.
"""
FORMATS = ("text", "json", "jsonl")
# What says which keywords there are.
FOR_KEYWORDS = ("status", "model", "min_confidence", "max_depth", "flat", "labels_from")


def run(words: list[str]) -> int:
    """Tag the photos, or remove the keywords of pictell; return the exit status."""
    options = _parse(words)
    options.words = words
    return _remove(options) if options.remove else _tag(options)


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell tag", "[OPTION …] PHOTO …", EXAMPLE)
    add = parser.add_argument
    remove = "take away the keywords that pictell wrote; needs no model"
    add("--remove", action="store_true", help=remove)
    forms = "IMG_1.jpg.xmp or IMG_1.xmp (the one there is, else name)"
    add_choice(parser, "--sidecar", ("name", "stem"), forms)
    statuses = "write the answers with these statuses: sure, likely (sure)"
    add("--status", type=answered, metavar="S,S", help=statuses)
    add("-n", "--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_format(FORMATS)
    add_photo_options(parser)
    return parser


def _parse(words: list[str]) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse(words)
    given = parser.given(options)
    idle = [given[name] for name in FOR_KEYWORDS if name in given]
    if options.remove and idle:
        raise UsageError(f"{idle[0]} has no effect with --remove: leave one out")
    check_photo_options(options)
    if options.flat:
        raise UsageError("--flat gives no answers, which are the keywords: leave it out")
    options.status = options.status or (Status.SURE,)
    return options


def _tag(options: argparse.Namespace) -> int:
    from pictell.collection.keywords import Labels
    from pictell.collection.sidecars import targets_to_tag

    with survey_photos(options, _check_answers) as surveyed:
        labels, survey = Labels(surveyed.classifier.scorer.tree), surveyed.survey
        photos = [
            (photo.path, labels.keywords(result, options.status))
            for photo, result in zip(survey.photos, survey.results(), strict=True)
        ]
    without = sum(not keywords for _, keywords in photos)
    targets = targets_to_tag(photos, options.sidecar)
    return max(surveyed.exit_status, _change(targets, options, without))


def _check_answers(classifier: Classifier) -> None:
    """Raise ``UsageError`` for a model that gives no answers."""
    if not classifier.scorer.judges:
        raise UsageError(
            f"the model {classifier.spec.name} has no calibration and gives no answers, which are "
            "the keywords: run pictell calibrate, or use another model"
        )


def _remove(options: argparse.Namespace) -> int:
    from pictell.collection.sidecars import targets_to_untag

    photos = list[Path]()
    with Progress(quiet=options.quiet) as progress:
        for source in photo_sources(options, progress.skip):
            photo = source.content
            if isinstance(photo, Path) and os.path.lexists(photo):
                photos.append(photo)
                continue
            error = missing(source.name) if isinstance(photo, Path) else photo
            why = error.message if isinstance(error, PictellError) else "not a file"
            say(f"{source.name}: {why}")
            progress.exit_status = SOME_FAILED
    return max(progress.exit_status, _change(targets_to_untag(photos, options.sidecar), options))


def _change(targets: list[Target], options: argparse.Namespace, without: int = 0) -> int:
    """Change the sidecars and say how; return the exit status.

    ``without`` is the number of photos without keywords.
    """
    from pictell.collection.sidecars import plans

    done = Counter[str]()
    found = plans(targets, remove=options.remove)
    changes = _dry(found) if options.dry_run else _made(found, options.words)
    try:
        _write(_counted(changes, done), options)
    except BaseException:
        if _changed(done) and not options.dry_run:
            total = sum(1 for one in targets if one.keywords or os.path.lexists(one.path))
            say(
                f"stopped: {_changed(done):,} of {_sidecars(total)} "
                f"{'are changed' if options.remove else 'are written'}; "
                "pictell undo takes that back"
            )
        raise
    if not options.quiet:
        _summarise(done, without, options)
    return SOME_FAILED if done["failed"] else 0


def _counted(
    changes: Iterable[tuple[Plan, str | None]], done: Counter[str]
) -> Iterator[tuple[Plan, str, str | None]]:
    """The plans with their outcomes; those that failed are named on stderr."""
    for plan, error in changes:
        outcome = _outcome(plan, error)
        done[outcome] += 1
        if error is not None:
            say(f"{plan.target.path}: {error}")
        yield plan, outcome, error


def _write(changes: Iterable[tuple[Plan, str, str | None]], options: argparse.Namespace) -> None:
    if options.format == "text":
        write(line for plan, _, error in changes if error is None for line in _lines(plan))
        return
    records = (record for change in changes for record in _records(*change))
    if options.format == "json":
        write_json(list(records))
    else:
        write_json_lines(records)


def _dry(found: Iterable[Plan]) -> Iterator[tuple[Plan, str | None]]:
    for plan in found:
        yield plan, plan.error


def _made(found: Iterable[Plan], words: Sequence[str]) -> Iterator[tuple[Plan, str | None]]:
    """Make the changes. Gives each plan with why it was not carried out, if so."""
    from pictell.collection.changes import Changes

    planned: deque[Plan] = deque()

    def steps() -> Iterator[Step]:
        for plan in found:
            planned.append(plan)
            if plan.step is not None:
                yield plan.step

    with Changes.begin("tag", words=words) as changes:
        for made in changes.make(steps()):
            while planned[0].step is None:
                yield from _dry([planned.popleft()])
            error = None if made.error is None else f"cannot be written: {os_reason(made.error)}"
            yield planned.popleft(), error
        yield from _dry(planned)


def _outcome(plan: Plan, error: str | None) -> str:
    if error is not None:
        return "failed"
    if plan.step is None:
        return "absent" if plan.tagged.content is None else "unchanged"
    return "removed" if plan.step.action == "remove" else "written"


def _lines(plan: Plan) -> Iterator[bytes]:
    """A line for each photo whose keywords change: ``a.jpg  + cat  - dog``."""
    changes = [("+", plan.tagged.added), ("-", plan.tagged.removed)]
    words = "  ".join(f"{sign} {', '.join(names)}" for sign, names in changes if names)
    if words:
        for photo in plan.target.photos:
            yield f"{visible(str(photo))}  {visible(words)}\n".encode()


def _records(plan: Plan, outcome: str, error: str | None) -> Iterator[dict[str, object]]:
    """A record for each photo; several may have one sidecar."""
    for photo in plan.target.photos:
        yield {
            "source": str(photo),
            "sidecar": str(plan.target.path),
            "outcome": outcome,
            "added": plan.tagged.added,
            "removed": plan.tagged.removed,
            "error": error,
        }


def _summarise(done: Counter[str], without: int, options: argparse.Namespace) -> None:
    would = "would be " if options.dry_run else ""
    main, other = ("removed", "written") if options.remove else ("written", "removed")
    counts = [f"{_sidecars(done[main])} {would}{main}"]
    counts += [f"{done[other]:,} {would}{other}"] if done[other] else []
    counts += [f"{done[name]:,} {name}" for name in ("unchanged", "failed") if done[name]]
    text = ", ".join(counts)
    if without:
        text += f"; {amounts.photos(without)} without a {' or '.join(options.status)} answer"
    say(text)
    if _changed(done) and not options.dry_run:
        say("to take it back: pictell undo")


def _changed(done: Counter[str]) -> int:
    return done["written"] + done["removed"]


def _sidecars(number: int) -> str:
    return f"{number:,} sidecar{'' if number == 1 else 's'}"
