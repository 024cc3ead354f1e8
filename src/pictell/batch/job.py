"""A run on an output: what is missing is found, labelled part by part, and the table put in order.

Job.open   the lock; the options of earlier runs; what the parts say
plan       sources → what is new or has changed
run        each part: labelled, written whole, then noted in the manifest
finish     parts with rows that newer ones replace are written again; one file is made of all
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from pictell.batch.entries import Entry
from pictell.batch.estimate import Estimate, measure, spread
from pictell.batch.manifest import Manifest, Plan
from pictell.batch.output import Output, check_output, writing
from pictell.batch.part import Choice, Labelled, MakeParts, label_parts
from pictell.batch.rows import Fact, PartFormat, Row, copy_row, make_row, to_fact
from pictell.batch.storage import part_files, part_name, read_parts, read_rows
from pictell.classifier import Classifier
from pictell.results import Result

MANIFEST = "manifest.sqlite3"
CHUNK = 1000


class Job:
    """A table that one process works on. Every method raises ``OutputError``."""

    def __init__(self, output: Output, format_: PartFormat, manifest: Manifest) -> None:
        self._folder, self._output = output.folder, output
        self._format = format_
        self._manifest = manifest

    @classmethod
    @contextmanager
    def open(
        cls,
        output: Output,
        format_: PartFormat,
        description: Mapping[str, Any],
        *,
        dry: bool = False,
        adopt: bool = False,
    ) -> Iterator[Job]:
        """Open a table, or begin one, whose rows are made as ``description`` says (JSON).

        With ``dry``, nothing is locked or written; only plan and estimate then. ``adopt`` takes
        parts that are not known to be made so. Raises ``UsageError`` for a table with another
        description, one that is in use, and a folder that is not a table.
        """
        # Before the lock, which makes a folder.
        check_output(output, format_, description, adopt=adopt)
        lock = nullcontext() if dry else writing(output, format_, description, adopt=adopt)
        with lock, closing(Manifest(output.state / MANIFEST, in_memory=dry)) as manifest:
            job = cls(output, format_, manifest)
            job._read_new_parts()
            yield job

    def plan(self, entries: Iterable[Entry], *, retry_failed: bool = False) -> Plan:
        """Find what is new, has changed or, with ``retry_failed``, has failed."""
        return self._manifest.plan(entries, retry_failed=retry_failed)

    def estimate(self, classifier: Classifier, choice: Choice, plan: Plan) -> Estimate:
        """What the plan would take, measured on some of its pictures; it plans 1 or more."""
        entries = spread(self._manifest.planned(CHUNK), plan.planned)
        return measure(classifier, choice, self._format, entries)

    def run(
        self,
        classifier: Classifier,
        choice: Choice,
        part_size: int,
        watch: Callable[[Result], object] = lambda result: None,
        *,
        fill: bool = False,
    ) -> None:
        """Label what is planned. A run that is killed loses what is not written yet.

        ``watch`` gets each result. With ``fill``, the rows go to the last part while that has fewer
        than ``part_size``. Raises what ``Classifier.stream`` raises.
        """
        # A part is written while the next one is labelled.
        with ThreadPoolExecutor(1) as writer:
            written = Future[None]()
            written.set_result(None)
            parts = self._manifest.planned(part_size)
            for labelled in label_parts(
                classifier, parts, choice, find=self._manifest.find, watch=watch
            ):
                written.result()
                written = writer.submit(self._add, labelled, part_size if fill else 0)
            written.result()

    def run_elsewhere(
        self, make: MakeParts, part_size: int, watch: Callable[[Result], object]
    ) -> None:
        """Label what is planned in processes that do not know the table.

        The same content in two parts is run in each. Raises what ``make`` raises.
        """
        first = max(self._manifest.stamps(), default=0) + 1
        for part in make(self._format, enumerate(self._manifest.planned(part_size), first)):
            self._put(part.number, part.content, part.facts)
            for outcome in part.outcomes:
                watch(outcome)

    def prune(self) -> None:
        """Drop the rows of sources that the plan does not name, with ``finish``."""
        self._manifest.prune()

    def finish(self) -> None:
        """Drop rows that newer ones replace, so that each source has one; make the one file."""
        for number in self._manifest.stale():
            if rows := self._current_rows(number):
                self._write(number, rows)
            else:
                self._folder.remove(self._name(number))
                self._manifest.forget(number)
        if self._output.file is not None:
            parts = read_parts(self._folder, map(self._name, sorted(self._manifest.stamps())))
            self._folder.write_beside(
                self._output.file, lambda file: self._format.join(parts, file)
            )

    def counts(self) -> tuple[int, int]:
        """How many rows there are, and how many of them failed."""
        return self._manifest.counts()

    def _read_new_parts(self) -> None:
        """Read the parts that the manifest does not know as they are now."""
        there, known = part_files(self._folder, self._output.format), self._manifest.stamps()
        for number in known.keys() - there.keys():
            self._manifest.forget(number)
        for number in sorted(there):
            if known.get(number) != there[number]:
                facts = [to_fact(row) for row in self._read(number)]
                self._manifest.put(number, there[number], facts)

    def _read(self, number: int) -> list[Row]:
        return read_rows(self._folder, self._name(number), self._format)

    def _current_rows(self, number: int) -> list[Row]:
        """The rows of a part without those that newer ones replace or that were pruned."""
        current = self._manifest.uris(number)
        return [row for row in self._read(number) if row["uri"] in current]

    def _add(self, labelled: Sequence[Labelled], fill_to: int) -> None:
        """Write rows to the last part, if that has fewer than ``fill_to``, or to a new one."""
        rows = self._rows(labelled)
        last = max(self._manifest.stamps(), default=0)
        uris = self._manifest.uris(last)
        # Old rows are dropped by ``finish``: copies may still be made of them.
        if 0 < len(uris) < fill_to and uris.isdisjoint(row["uri"] for row in rows):
            self._write(last, self._current_rows(last) + rows)
        else:
            self._write(last + 1, rows)

    def _write(self, number: int, rows: Sequence[Row]) -> None:
        self._put(number, self._format.write(rows), map(to_fact, rows))

    def _put(self, number: int, content: bytes, facts: Iterable[Fact]) -> None:
        known = self._manifest.stamps().get(number)
        stamp = self._folder.write(self._name(number), content, known)
        self._manifest.put(number, stamp, facts)

    def _rows(self, labelled: Sequence[Labelled]) -> list[Row]:
        """The rows of a part. Those of contents that the table has are copied from there."""
        of_part = defaultdict[int, set[str]](set)
        for one in labelled:
            if isinstance(one.result, tuple):
                number, uri = one.result
                of_part[number].add(uri)
        known = {
            (number, row["uri"]): row
            for number, uris in of_part.items()
            for row in self._read(number)
            if row["uri"] in uris
        }
        return [
            copy_row(known[one.result], one.entry, one.sha256)
            if isinstance(one.result, tuple)
            else make_row(one.result, one.entry, one.sha256)
            for one in labelled
        ]

    def _name(self, number: int) -> str:
        return part_name(number, self._output.format)
