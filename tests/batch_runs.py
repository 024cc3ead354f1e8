"""Runs of a batch on one table, and pictures for them."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pictell
from pictell.batch.entries import Entry
from pictell.batch.job import Job
from pictell.batch.listing import find_entries
from pictell.batch.manifest import Plan
from pictell.batch.output import open_output
from pictell.batch.part import Choice
from pictell.batch.storage import LocalFolder
from pictell.images.sources import expand_path
from pictell.reports.tables import TABLES, table_format
from pictell.results import Result

DESCRIPTION = {"layout": 1, "model": "fake"}


def draw(path: Path, shade: int) -> Path:
    """A grey picture; every shade is another content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade,) * 3).save(path)
    return path


def bomb(path: Path) -> None:
    """A PNG of a few kilobytes that takes 200 MB of memory."""
    side = 7000
    rows = zlib.compress(bytes(side * (1 + 4 * side)), 9)
    header = side.to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0"
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            len(content).to_bytes(4, "big")
            + kind
            + content
            + zlib.crc32(kind + content).to_bytes(4, "big")
            for kind, content in chunks
        )
    )


class Runs:
    """Runs of the batch on one table."""

    def __init__(self, classifier: pictell.Classifier, output: str) -> None:
        self.classifier, self.output = classifier, output
        self.ran = list[str]()

    def __call__(
        self,
        photos: Path,
        *,
        part_size: int = 3,
        retry_failed: bool = False,
        prune: bool = False,
        fill: bool = False,
        adopt: bool = False,
        format_: str | None = None,
        folder: LocalFolder | None = None,
        description: dict[str, Any] = DESCRIPTION,
    ) -> Plan:
        """One run, as the command does it; ``ran`` has the pictures that went through the model."""
        self.ran.clear()
        output = open_output(self.output, format_, TABLES)
        output = replace(output, folder=folder or output.folder)
        with Job.open(output, table_format(output.format), description, adopt=adopt) as job:
            plan = job.plan(self.entries(photos), retry_failed=retry_failed)
            job.run(self.classifier, Choice(), part_size, self._watch, fill=fill)
            if prune:
                job.prune()
            job.finish()
        return plan

    def entries(self, folder: Path) -> Iterable[Entry]:
        return find_entries(expand_path(str(folder)), lambda name, error: pytest.fail(name))

    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of all parts by the name of the file; fails if a source has two."""
        found = dict[str, dict[str, Any]]()
        for path in sorted(Path(self.output).glob("part-*.jsonl")):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                assert row["uri"] not in {one["uri"] for one in found.values()}
                found[Path(row["source"]).name] = row
        return found

    def _watch(self, result: Result) -> None:
        self.ran.append(Path(result.source).name)
