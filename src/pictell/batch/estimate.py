"""What a run would take: a few of its pictures are labelled, and nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from pictell.batch.entries import Entry
from pictell.batch.part import Choice, label_parts
from pictell.batch.rows import PartFormat, make_row
from pictell.classifier import Classifier
from pictell.results import Result

# A sample takes a second or two; the first pictures take longer than the rest.
WARM_UP, SAMPLE = 4, 64


class Estimate(NamedTuple):
    """``pictures`` were labelled, ``images_per_s``; their rows take ``row_bytes`` each."""

    pictures: int
    images_per_s: float
    row_bytes: float


def measure(
    classifier: Classifier, choice: Choice, format_: PartFormat, entries: Sequence[Entry]
) -> Estimate:
    """Label some entries, 1 or more. Raises what ``Classifier.stream`` raises."""
    next(label_parts(classifier, [entries[:WARM_UP]], choice))
    started = time.perf_counter()
    labelled = next(label_parts(classifier, [entries], choice))
    took_s = time.perf_counter() - started
    rows = [
        make_row(one.result, one.entry, one.sha256)
        for one in labelled
        if isinstance(one.result, Result)
    ]
    return Estimate(len(entries), len(entries) / took_s, len(format_.write(rows)) / len(rows))


def spread(chunks: Iterator[list[Entry]], total: int, wanted: int = SAMPLE) -> list[Entry]:
    """At most ``wanted`` of ``total`` entries, from the first to the last."""
    step = max(1, total // wanted)
    entries = chain.from_iterable(chunks)
    return [one for number, one in enumerate(entries) if number % step == 0][:wanted]
