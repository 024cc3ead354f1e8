"""Pictures through a model: what is in flight is bounded."""

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
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
from pictell.images import tensor
from pictell.options import Limits
from pictell.pipeline.executor import Threads
from pictell.places import Url
from pictell.types import Source

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

    monkeypatch.setattr("pictell.budget.Ticket", Counting)
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


def large_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (900, 900), "grey").save(buffer, "PNG")
    return buffer.getvalue()


def decoded_together(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often two of four workers decoded a picture at the same time."""
    together, pair = [], threading.Barrier(2)

    def waiting(*arguments: object) -> object:
        with suppress(threading.BrokenBarrierError):
            pair.wait(0.3)
            together.append(True)
        if pair.broken:
            pair.reset()
        return preprocess(*arguments)

    preprocess = tensor.preprocess
    monkeypatch.setattr(tensor, "preprocess", waiting)
    model = ImageModel(fake.spec(["dark", "grey", "bright"]), fake.FakeSession(3), limits)
    pictures = [large_picture()] * 4
    results = list(Classifier(model, executor=Threads(4)).stream(pictures))
    assert [result.top.label for result in results] == ["grey"] * 4
    assert model.budget.held == 0
    return len(together)


def test_pictures_that_fit_into_the_memory_are_decoded_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert decoded_together(Limits(memory_budget=10**9), monkeypatch) > 0


@pytest.mark.parametrize("budget", [1, 5_000_000])
def test_large_pictures_wait_for_each_other(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if each is larger than the whole budget."""
    assert decoded_together(Limits(memory_budget=budget), monkeypatch) == 0


def test_models_share_the_memory_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(memory_budget=5_000_000)
    models = [ImageModel(fake.spec(["a", "b"]), fake.FakeSession(2), limits) for _ in range(2)]
    with models[0].budget.decoding.ticket() as other:
        other.reserve(5_000_000)
        done = threading.Event()

        def classify() -> None:
            Classifier(models[1]).classify(large_picture())
            done.set()

        threading.Thread(target=classify, daemon=True).start()
        assert not done.wait(0.5)
    assert done.wait(20)


def test_a_broken_picture_gives_its_memory_back() -> None:
    limits = Limits(memory_budget=1)
    model = ImageModel(fake.spec(["dark", "grey", "bright"]), fake.FakeSession(3), limits)
    pictures = [large_picture()[:-30] + bytes(18) + b"IEND", b"GIF89a", large_picture()] * 3
    results = list(Classifier(model, executor=Threads(4)).stream(pictures))
    assert [result.error is None for result in results] == [False, False, True] * 3
    assert model.budget.held == 0


HOSTILE = """
import json, sys
from pathlib import Path
import pictell

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

with pictell.load(limits=pictell.Limits(memory_budget=1)) as classifier:
    pictures = sys.argv[1:]
    list(classifier.stream([Path(picture) for picture in pictures]))
print(peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory was used")
def test_a_folder_of_bombs_costs_as_much_as_one_of_them(shared: Path) -> None:
    folder = shared / "cases" / "hostile"
    bombs = [folder / "webp_9999.webp", folder / "png_1x100M.png"]

    def peak(pictures: Sequence[Path]) -> int:
        command = [sys.executable, "-c", HOSTILE, *map(str, pictures)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        return int(run.stdout)

    alone = max(peak([one]) for one in bombs)
    assert peak(bombs * 3) < alone + 100_000_000
