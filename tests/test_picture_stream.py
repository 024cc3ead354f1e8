"""Pictures through a model: what is in flight is bounded."""

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

import fake_model as fake
from file_server import FileServer
from pictell import picture_stream
from pictell.classifier import Classifier
from pictell.image_model import ImageModel
from pictell.pipeline.executor import Threads
from pictell.types import Source, Url

T = TypeVar("T")
R = TypeVar("R")
PICTURES = 40


class Held(Threads):
    """Threads that begin no batch before ``go_on`` is set."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.go_on = threading.Event()

    def map_batches(
        self, function: Callable[[list[T]], Sequence[R]], items: Iterable[T], batch_size: int
    ) -> Iterator[list[R]]:
        def held(batch: list[T]) -> Sequence[R]:
            assert self.go_on.wait(20)
            return function(batch)

        return super().map_batches(held, items, batch_size)


def bitmap() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((300, 300, 3), 128, np.uint8)).save(buffer, "BMP")
    return buffer.getvalue()


def settled(count: Callable[[], int]) -> int:
    """A count that has stopped to grow."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        if count() != last:
            last, since = count(), time.monotonic()
        time.sleep(0.01)
    return last


def test_downloads_wait_while_the_budget_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bitmap()
    monkeypatch.setattr(picture_stream, "MAX_BYTES_IN_FLIGHT", 3 * len(content))
    reserved = 0

    class Counting(picture_stream.Ticket):
        def reserve(self, n_bytes: int) -> None:
            nonlocal reserved
            super().reserve(n_bytes)
            reserved += n_bytes

    monkeypatch.setattr("pictell.pipeline.budget.Ticket", Counting)
    executor = Held(workers=64)
    model = ImageModel(fake.spec(["dark", "grey", "bright"]), fake.FakeSession(3))
    with FileServer(picture=content) as server:
        url = Url(server.url("picture"), allow_private=True)
        results = Classifier(model, executor=executor).stream(
            [Source(str(number), url) for number in range(PICTURES)]
        )
        first: list[str] = []
        reader = threading.Thread(target=lambda: first.append(next(results).top.label))
        reader.start()
        # The oldest download may exceed the budget.
        assert settled(lambda: reserved) <= 4 * len(content)
        executor.go_on.set()
        reader.join()
        labels = first + [result.top.label for result in results]
    assert labels == ["grey"] * PICTURES


def test_a_stream_that_is_left_keeps_no_download_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_stream, "MAX_BYTES_IN_FLIGHT", 1)
    model = ImageModel(fake.spec(["dark", "grey", "bright"]), fake.FakeSession(3))
    before = set(threading.enumerate())
    with FileServer(picture=bitmap()) as server:
        url = Url(server.url("picture"), allow_private=True)
        results = Classifier(model).stream([Source("picture", url)] * PICTURES)
        assert next(results).top.label == "grey"
        results.close()  # type: ignore[attr-defined]
        deadline = time.monotonic() + 10
        while any(one.name.startswith("pictell") for one in {*threading.enumerate()} - before):
            assert time.monotonic() < deadline
            time.sleep(0.01)


UNDER_WAY = """
import test_picture_stream as t
t.picture_stream.MAX_BYTES_IN_FLIGHT = 1
model = t.ImageModel(t.fake.spec(["dark", "grey", "bright"]), t.fake.FakeSession(3))
url = t.Url({url!r}, allow_private=True)
results = t.Classifier(model).stream([t.Source("picture", url)] * 100)
print(next(results).top.label)
"""


def test_downloads_under_way_do_not_keep_the_program_from_ending() -> None:
    with FileServer(picture=bitmap()) as server:
        code = UNDER_WAY.format(url=server.url("picture"))
        here = Path(__file__).parent
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=here, capture_output=True, timeout=20
        )
    assert (run.stdout.strip(), run.stderr) == (b"grey", b"")
