"""``pictell batch PICTURE … --output TABLE``: label many pictures; run it again to go on."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pictell.cli import defaults
from pictell.cli.amounts import damaged, duration, pictures, rows, size
from pictell.cli.answer_options import (
    add_answer_options,
    add_limits,
    check_answer_options,
    load_classifier,
)
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import add_engine_options, add_model_options, report_crashes
from pictell.cli.output import say
from pictell.cli.parser import Parser, add_choice, non_empty, positive_int
from pictell.cli.pictures import check_list
from pictell.cli.progress import Progress
from pictell.cli.ray_options import LOCAL, add_ray_options, check_ray_options, label_on_ray
from pictell.errors import UsageError
from pictell.images.sources import STDIN
from pictell.reports.escape import visible
from pictell.reports.tables import TABLES, table_format

PART_SIZE = 2000

if TYPE_CHECKING:
    from pictell.batch.entries import Entry
    from pictell.batch.job import Job
    from pictell.batch.manifest import Plan
    from pictell.batch.output import Output
    from pictell.batch.part import Choice
    from pictell.batch.watch import Watch
    from pictell.classifier import Classifier

EXAMPLE = """\
Label many pictures into a table. Run the same command again to go on after an interruption, or for
what is new:

  pictell batch samples/ --output labels/
  pictell batch samples/ --output labels.jsonl
  pictell batch samples/ --output labels/ --dry-run
  pictell batch PHOTOS/ --output labels.parquet --exclude 'thumbs/*' --prune
  pictell batch --from-file LIST --output labels.csv --retry-failed
  pictell batch INBOX/ --output labels/ --watch
  pictell batch s3://BUCKET/photos/ --output s3://BUCKET/labels/
  pictell batch s3://BUCKET/a/ -o s3://BUCKET/b/ --engine ray --ray-address auto

A folder gets numbered parts, each of which is written whole or not at all. docs/batch.md explains
the table.
"""


def run(words: list[str]) -> int:
    """Label what is new or has changed; 1 if the table has pictures that failed."""
    options = _parse(words)
    from pictell.batch.description import describe
    from pictell.batch.job import Job
    from pictell.batch.output import open_output
    from pictell.batch.part import Choice

    output = open_output(options.output, options.format, TABLES)
    table_format(output.format)
    if options.watch:
        _check_watch(options, output)
    report_crashes(options.model)
    # With workers of Ray, only they need a GPU.
    wait = options.engine == LOCAL or options.engine_options.device == "cpu"
    with load_classifier(options, wait=wait) as classifier:
        length = _embedding_length(classifier) if options.embedding else None
        choice = Choice(options.top_k, options.embedding)
        description = describe(classifier.spec, options.engine_options, choice) | {
            "format": output.format,
            **{key: getattr(options, key) for key in ("min_confidence", "max_depth", "flat")},
        }
        table = table_format(output.format, length)
        options.format = output.format
        with Job.open(output, table, description, dry=options.dry_run, adopt=options.adopt) as job:
            batch = _Batch(options, classifier, choice, job)
            return batch.estimate() if options.dry_run else batch.label()


class _Batch:
    """What the command does with a table that is open."""

    def __init__(
        self, options: argparse.Namespace, classifier: Classifier, choice: Choice, job: Job
    ) -> None:
        # Imported only if the command line is right.
        from pictell.cli.batch_entries import NamedEntries

        self._options, self._classifier, self._choice, self._job = options, classifier, choice, job
        self._named = NamedEntries(options)
        self._status = 0

    def label(self) -> int:
        """Label what is new or has changed; 1 if the table has pictures that failed."""
        try:
            watch = self._watch()
            named = self._named if watch is None else watch.complete(self._named)
            self._pass(named, prune=self._options.prune, retry_failed=self._options.retry_failed)
            for entries in watch.arrivals() if watch else ():
                self._pass(filter(self._named.wants, entries), arrived=True)
        except KeyboardInterrupt:
            say(f"stopped: run the same command again to go on with {self._options.output}")
            raise
        failed = SOME_FAILED if self._job.counts()[1] else 0
        return max(self._status, self._named.exit_status, failed)

    def estimate(self) -> int:
        """Print what a run would do and take; 1 if a source cannot be listed."""
        plan = self._job.plan(self._named, retry_failed=self._options.retry_failed)
        again = f", {plan.again:,} of them again" if plan.again else ""
        print(f"{pictures(plan.listed)} named, {plan.planned:,} to label{again}")
        if plan.gone:
            print(f"{pictures(plan.gone)} of the table not named any more")
        if plan.planned:
            one = self._job.estimate(self._classifier, self._choice, plan)
            took = duration(plan.planned / one.images_per_s)
            print(
                f"about {took} at {one.images_per_s:.0f} a second, measured on "
                f"{pictures(one.pictures)}\n"
                f"{size(plan.planned_bytes)} to read, about "
                f"{size(plan.planned * one.row_bytes)} of {self._options.format} to write"
            )
        if not self._options.quiet:
            self._named.say_what_is_left_out()
        return self._named.exit_status

    def _pass(
        self,
        entries: Iterable[Entry],
        *,
        prune: bool = False,
        retry_failed: bool = False,
        arrived: bool = False,
    ) -> None:
        """Label what is new among the entries, and put the table in order.

        Those that have ``arrived`` are not all of the table; their rows fill the last part.
        """
        started, options = time.monotonic(), self._options
        with Progress("listing", quiet=options.quiet) as listing:
            plan = self._job.plan(listing.count(entries), retry_failed=retry_failed)
        if arrived and not plan.planned:
            return
        with Progress(total=plan.planned, quiet=options.quiet) as progress:
            if options.engine == LOCAL:
                self._job.run(
                    self._classifier, self._choice, options.part_size, progress.watch, fill=arrived
                )
            elif plan.planned:
                label_on_ray(options, self._classifier, self._choice, self._job, progress.watch)
        if prune:
            self._prune(plan)
        self._job.finish()
        self._status = max(self._status, progress.exit_status)
        if not options.quiet:
            self._print_summary(plan, time.monotonic() - started)
            if progress.warned:
                say(f"{damaged(progress.warned)}: see warnings in the table")
            if not arrived:
                self._say_what_is_left(plan)

    def _prune(self, plan: Plan) -> None:
        if not self._named.all_listed or not plan.listed:
            say("no row is dropped, because not all pictures could be listed")
        else:
            self._job.prune()

    def _print_summary(self, plan: Plan, seconds: float) -> None:
        labelled = f"{pictures(plan.planned)} labelled in {duration(seconds)}"
        rate = f" ({plan.planned / seconds:.0f} a second)" if plan.planned else ""
        output, (number, _) = visible(self._options.output), self._job.counts()
        # With --watch another line comes much later.
        print(f"{labelled}{rate}; {output} has {rows(number)}", flush=True)

    def _say_what_is_left(self, plan: Plan) -> None:
        self._named.say_what_is_left_out()
        if failed := self._job.counts()[1]:
            say(f"{rows(failed)} failed: --retry-failed tries again")
        if plan.gone and plan.listed and self._named.all_listed and not self._options.prune:
            say(f"{rows(plan.gone)} of pictures not named any more: --prune drops such rows")

    def _watch(self) -> Watch | None:
        if not self._options.watch:
            return None
        from pictell.batch.watch import Watch

        return Watch(self._options.pictures)


def _check_watch(options: argparse.Namespace, output: Output) -> None:
    """Raise ``UsageError`` unless the pictures can be watched."""
    from pictell.batch.watch import check_folders

    if output.file is not None:
        raise UsageError("--watch adds to parts: give a folder as --output")
    check_folders(options.pictures)


def _embedding_length(classifier: Classifier) -> int:
    import numpy as np

    return len(classifier.embed([np.zeros((8, 8, 3), np.uint8)])[0])


def _parse(words: list[str]) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse(words)
    if not options.pictures and options.from_file is None:
        parser.error("no picture given: name a folder, a file or a URL")
    if STDIN in options.pictures:
        raise UsageError("standard input is one picture, which pictell labels: leave batch out")
    if options.watch and (options.from_file is not None or options.dry_run):
        raise UsageError("--watch watches folders: leave --from-file and --dry-run out")
    if options.output.startswith("memory://"):
        raise UsageError("--output memory:// is lost when the command ends: give a folder")
    check_list(options.from_file)
    if options.null and options.from_file is None:
        raise UsageError("--null needs a list: give --from-file")
    check_ray_options(options)
    check_answer_options(options)
    defaults.fill(options, "model", "min_confidence")
    return options


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell batch", "PICTURE … --output TABLE [OPTION …]", EXAMPLE)
    add = parser.add_argument
    named = "a folder with everything below it, a file, a pattern, a URL, or a prefix of S3"
    add("pictures", nargs="*", metavar="PICTURE", help=named)
    table = "a folder for the parts, or a file .jsonl, .csv or .parquet that is made of them"
    add("-o", "--output", required=True, metavar="TABLE", help=table)
    add_choice(parser, "--format", TABLES, f"the format of the parts ({TABLES[0]})")
    add("-k", "--top-k", type=positive_int, default=5, metavar="N", help="classes in a row (5)")
    add("--embedding", action="store_true", help="add the embedding of each picture")
    add("-m", "--model", metavar="M", help="a model's name, folder or file (default)")
    add("-q", "--quiet", action="store_true", help="no progress and no summary; only errors")
    _add_choice_options(parser)
    _add_work_options(parser)
    add_ray_options(parser)
    add_answer_options(parser)
    add_limits(parser, isolate=True)
    add_model_options(parser, output="--output-name")
    add_engine_options(parser)
    return parser


def _add_choice_options(parser: Parser) -> None:
    add = parser.add_argument_group("which pictures").add_argument
    add("--from-file", metavar="LIST", help="the pictures listed in LIST, one a line; - is stdin")
    add("-0", "--null", action="store_true", help="NUL separates the entries of LIST")
    add("--allow-private", action="store_true", help="allow private hosts in URLs of LIST")
    add("--proxy", metavar="URL", help="fetch pictures through this HTTP proxy")
    for option, meaning in (("--include", "only"), ("--exclude", "no")):
        text = f"{meaning} names that end as GLOB says, such as '*.jpg' or 'thumbs/*'; repeatable"
        add(option, action="append", type=non_empty, default=[], metavar="GLOB", help=text)


def _add_work_options(parser: Parser) -> None:
    add = parser.add_argument_group("what to do").add_argument
    add("--dry-run", action="store_true", help="only say how many, how long and how much")
    add("--retry-failed", action="store_true", help="try pictures that failed again")
    add(
        "--prune", action="store_true", help="drop the rows of pictures that are not named any more"
    )
    adopt = "take parts whose .pictell/job.json is lost, as made with the same options"
    add("--adopt", action="store_true", help=adopt)
    watch = "go on with pictures that arrive in the folders, until Ctrl-C"
    add("--watch", action="store_true", help=watch)
    largest = f"pictures in a part, 1 or more ({PART_SIZE})"
    add("--part-size", type=positive_int, default=PART_SIZE, metavar="N", help=largest)
