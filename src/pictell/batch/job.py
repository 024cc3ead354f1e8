"""A run on an output: what is missing is found, labelled part by part, and the table put in order.

Job.open   the lock; the options of earlier runs; what the parts say
plan       sources → what is new or has changed
run        each part: labelled, written whole, then noted in the manifest
finish     parts with rows that newer ones replace are written again; one file is made of all
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from pictell.batch.description import difference
from pictell.batch.entries import Entry
from pictell.batch.estimate import Estimate, measure, spread
from pictell.batch.manifest import Manifest, Plan
from pictell.batch.part import Choice, Labelled, MakeParts, label_parts
from pictell.batch.rows import PartFormat, Row, copy_row, make_row, to_fact
from pictell.batch.storage import JOB, OWN, Folder, LocalFolder, part_files, part_name, read_parts
from pictell.classifier import Classifier
from pictell.errors import OutputError, UsageError
from pictell.files import os_reason
from pictell.results import Result

MANIFEST, LOCK = "manifest.sqlite3", "lock"
PARTS_SUFFIX = ".parts"
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Output:
    """Where a table lies: the folder of its parts, of ``format`` files.

    ``file`` is the name of the one file that is made of them beside the folder, if the user gave
    one. ``state`` is the folder of this machine for the lock and the manifest.
    """

    folder: Folder
    format: str
    file: str | None
    state: Path


def open_output(text: str, format_: str | None, formats: Sequence[str]) -> Output:
    """The output that a user names: a folder, or a file whose suffix is one of ``formats``.

    Raises ``UsageError``.
    """
    if not text:
        raise UsageError("--output is empty: name a folder or a file")
    suffix = PurePosixPath(text).suffix.lower().removeprefix(".")
    is_file = suffix in formats and not text.endswith("/")
    if is_file and format_ not in {None, suffix}:
        raise UsageError(f"--output {text} is not {format_}: leave --format out")
    chosen = suffix if is_file else format_ or formats[0]
    file = PurePosixPath(text).name if is_file else None
    if "://" not in text:
        path = Path(f"{text}{PARTS_SUFFIX}" if is_file else text)
        return Output(LocalFolder(path), chosen, file, path / OWN)
    # Only runs with a storage pay for importing its library.
    from platformdirs import user_cache_path

    from pictell.batch.remote import RemoteFolder

    folder = RemoteFolder(f"{text}{PARTS_SUFFIX}" if is_file else text)
    cache = user_cache_path("pictell", appauthor=False) / "batch"
    return Output(folder, chosen, file, cache / sha256(folder.name.encode()).hexdigest()[:16])


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
    ) -> Iterator[Job]:
        """Open a table, or begin one, whose rows are made as ``description`` says (JSON).

        With ``dry``, nothing is written for a table that is not there. Raises ``UsageError`` for a
        table with another description, one that is in use, and a folder that is not a table.
        """
        # Before the lock, which makes a folder, and again in case another run has just ended.
        is_new = _check(output, description)
        if dry and is_new:
            yield cls(output, format_, Manifest(":memory:"))
            return
        with _locked(output):
            if _check(output, description):
                content = json.dumps(description, ensure_ascii=False, indent=2, sort_keys=True)
                output.folder.write(JOB, content.encode())
            if isinstance(output.folder, LocalFolder):
                output.folder.remove_drafts()
            manifest = Manifest(output.state / MANIFEST)
            try:
                job = cls(output, format_, manifest)
                job._read_new_parts()
                yield job
            finally:
                manifest.close()

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
            stamp = self._folder.write(self._name(part.number), part.content)
            self._manifest.put(part.number, stamp, part.facts)
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
        (content,) = read_parts(self._folder, [self._name(number)])
        try:
            rows = self._format.read(content)
            for row in rows:
                to_fact(row)
        except (KeyError, TypeError, ValueError) as error:
            raise OutputError(
                f"{self._folder.name}/{self._name(number)} is damaged: delete it, "
                "and its pictures are labelled again"
            ) from error
        return rows

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
        stamp = self._folder.write(self._name(number), self._format.write(rows))
        self._manifest.put(number, stamp, map(to_fact, rows))

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


def _check(output: Output, description: Mapping[str, Any]) -> bool:
    """Whether a table is new. Raises ``UsageError`` unless it is or has the same description."""
    name, known = output.folder.name, output.folder.read(JOB)
    if known is None:
        if output.folder.stamps():
            raise UsageError(f"{name} has parts of another program: give another --output")
        if output.file is not None and output.folder.exists_beside(output.file):
            raise UsageError(
                f"{output.file} exists and has no {name}, so no table of pictell is replaced: "
                "give another --output"
            )
        return True
    try:
        before = dict(json.loads(known))
    except ValueError as error:
        raise OutputError(f"{name}/{JOB} is damaged: give another --output") from error
    if found := difference(before, description):
        raise UsageError(
            f"{name} was made {found}: give the same options again, or another --output"
        )
    return False


@contextmanager
def _locked(output: Output) -> Iterator[None]:
    """Hold the lock of an output; the system releases it if the process is killed."""
    from filelock import FileLock, Timeout

    try:
        output.state.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output.state / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"another pictell batch is writing to {output.folder.name}: "
            "wait until it has ended, or give another --output"
        ) from None
    except OSError as error:
        raise OutputError(f"{output.folder.name} cannot be written: {os_reason(error)}") from error
    try:
        yield
    finally:
        lock.release()
