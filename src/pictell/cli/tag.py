"""``pictell tag``: keywords into the sidecars of photos."""

from __future__ import annotations

import argparse
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write, write_json
from pictell.cli.parser import Parser, add_choice
from pictell.cli.photo_options import add_photo_options, check_photo_options, survey_photos
from pictell.cli.pictures import named_sources
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
yours: pictell never removes it. A keyword of pictell that you delete is not written again. A second
run, with another model or threshold, replaces what pictell wrote before; --remove takes it
away, and pictell undo takes the last run back.
"""
# Answers have one of these.
STATUSES = (Status.SURE, Status.LIKELY)


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
    add("--status", type=_statuses, default=(Status.SURE,), metavar="S,S", help=statuses)
    add("-n", "--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_format(("text", "json"))
    add_photo_options(parser)
    return parser


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    # A shell gives the sidecars too: pictell tag PHOTOS/*
    photos = [one for one in options.pictures if not one.lower().endswith(".xmp")]
    if options.pictures and not photos:
        raise UsageError(f"{options.pictures[0]} is a sidecar: give its photo, or a folder")
    options.pictures = photos
    check_photo_options(options)
    if options.flat:
        raise UsageError("--flat gives no answers, which are the keywords: leave it out")
    return options


def _statuses(text: str) -> tuple[Status, ...]:
    words = [word.strip() for word in text.split(",")]
    if not set(words) <= {*STATUSES}:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(STATUSES)}, not {text!r}")
    return tuple(map(Status, words))


def _tag(options: argparse.Namespace) -> int:
    from pictell.collection.keywords import Labels
    from pictell.collection.sidecars import targets_to_tag

    with survey_photos(options, _check_answers) as surveyed:
        labels, survey = Labels(surveyed.classifier.scorer.tree), surveyed.survey
        photos = [
            (photo.path, labels.keywords(result, options.status))
            for photo, result in zip(survey.photos, survey.results(), strict=True)
        ]
    return max(surveyed.exit_status, _change(targets_to_tag(photos, options.sidecar), options))


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
        for source in named_sources(options, progress.skip):
            photo = source.content
            if isinstance(photo, Path) and os.path.lexists(photo):
                photos.append(photo)
                continue
            error = missing(source.name) if isinstance(photo, Path) else photo
            why = error.message if isinstance(error, PictellError) else "not a file"
            say(f"{source.name}: {why}")
            progress.exit_status = SOME_FAILED
    return max(progress.exit_status, _change(targets_to_untag(photos, options.sidecar), options))


def _change(targets: list[Target], options: argparse.Namespace) -> int:
    """Change the sidecars and say how; return the exit status."""
    from pictell.collection.sidecars import plans

    done = Counter[str]()
    records = list[dict[str, object]]()
    found = plans(targets, remove=options.remove)
    for plan, error in _dry(found) if options.dry_run else _made(found, options.words):
        outcome = _outcome(plan, error)
        done[outcome] += 1
        if error is not None:
            say(f"{plan.target.path}: {error}")
        if options.format == "json":
            records.append(_record(plan, outcome, error))
        elif error is None and plan.step is not None:
            write(_lines(plan))
    if options.format == "json":
        write_json(records)
    if not options.quiet:
        _summarise(done, options)
    return SOME_FAILED if done["failed"] else 0


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
        return "unchanged"
    return "removed" if plan.step.action == "remove" else "written"


def _lines(plan: Plan) -> Iterator[bytes]:
    """A line for each photo: ``a.jpg  + cat  - dog``."""
    changes = [("+", plan.tagged.added), ("-", plan.tagged.removed)]
    words = "  ".join(f"{sign} {', '.join(names)}" for sign, names in changes if names)
    for photo in plan.target.photos:
        yield f"{visible(str(photo))}  {visible(words)}\n".encode()


def _record(plan: Plan, outcome: str, error: str | None) -> dict[str, object]:
    return {
        "photos": [str(photo) for photo in plan.target.photos],
        "sidecar": str(plan.target.path),
        "outcome": outcome,
        "added": plan.tagged.added,
        "removed": plan.tagged.removed,
        "error": error,
    }


def _summarise(done: Counter[str], options: argparse.Namespace) -> None:
    would = "would be " if options.dry_run else ""
    counts = [f"{done[outcome]:,} {would}{outcome}" for outcome in ("written", "removed")]
    counts += [f"{done['unchanged']:,} unchanged"]
    if done["failed"]:
        counts.append(f"{done['failed']:,} failed")
    say(f"sidecars: {', '.join(counts)}")
    if done["written"] + done["removed"] and not options.dry_run:
        say("to take it back: pictell undo")
