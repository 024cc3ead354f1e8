"""Pictures decoded in other processes: the same answers, and a hostile one costs only itself."""

import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fake_model as fake
import pictell
from command import ROOT
from damaged_pictures import damaged
from pictell.classifier import Classifier
from pictell.image_model import ImageModel, Prepared
from pictell.images.tensor import from_plain_tensor, to_plain_tensor
from pictell.isolation import IsolatedModel
from pictell.options import Limits
from pictell.types import ModelSpec, Source
from pictures import encoded, slow_jpeg
from system import children, work_s
from waiting import wait_until

LABELS = ["dark", "grey", "bright"]
SAMPLES = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in {".jpg", ".png"})
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, or Linux's limit")


def isolated(**limits: float) -> Classifier:
    model = IsolatedModel(
        fake.spec(LABELS), fake.FakeSession(len(LABELS)), Limits(isolate=True, **limits)
    )
    return Classifier(model)


def png(level: int, side: int = 40) -> bytes:
    return encoded(Image.new("RGB", (side, side), (level,) * 3), "PNG")


def labels(results: Iterator[pictell.Result]) -> list[str]:
    return [one.error.code if one.error else one.top.label for one in results]


def test_warnings_cross_from_one_process_to_another() -> None:
    spec, content = fake.spec(LABELS).preprocess, damaged(png(200), "damaged", "truncated")
    plain = to_plain_tensor(content, None, spec, Limits())
    assert len(plain) == 6
    assert from_plain_tensor(plain, spec).warnings == ("damaged", "truncated")
    for made_up in (("owned",), ("damaged", "\x1b[2J"), (b"damaged",), 7, ([],)):
        with pytest.raises((TypeError, ValueError)):
            from_plain_tensor((*plain[:-1], made_up), spec)


def specs() -> list[ModelSpec]:
    spec = fake.spec(LABELS)
    size = replace(spec.preprocess, width=20, height=10)
    normal = replace(size, mean=(127.0, 120.0, 110.0), std=(128.0, 127.0, 126.0))
    return [
        replace(spec, preprocess=one)
        for one in (
            size,
            replace(normal, layout="NCHW", channels="BGR", resize_mode="crop"),
            replace(normal, interpolation="bilinear-tf1", crop_fraction=0.875),
        )
    ]


@pytest.mark.parametrize("spec", specs())
@pytest.mark.parametrize("box", [None, (10.0, 20.0, 200.0, 100.0)])
def test_a_picture_becomes_the_same_tensor(
    spec: ModelSpec, box: tuple[float, float, float, float] | None
) -> None:
    session = fake.FakeSession(len(LABELS))
    here, there = ImageModel(spec, session), IsolatedModel(spec, session, Limits(isolate=True))
    image = Image.open(SAMPLES[0])
    contents = [*SAMPLES, SAMPLES[0].read_bytes(), image, np.asarray(image)]
    for content in contents:
        found: list[Prepared] = [
            model.prepare(Source("a picture", content, box)) for model in (here, there)
        ]
        assert found[0].tensor.dtype == found[1].tensor.dtype
        assert np.array_equal(found[0].tensor, found[1].tensor)
        assert found[0][3:5] == found[1][3:5]
        assert min(found[1].decode_ms, found[1].preprocess_ms) > 0
    there.close()


def test_a_picture_that_fails_fails_in_the_same_way() -> None:
    broken = png(1)[:-30]
    with isolated(max_pixels=2000) as classifier:
        for content, code in ((broken, "broken_picture"), (b"text", "not_a_picture")):
            with pytest.raises(pictell.errors.DecodeError) as caught:
                classifier.classify(content)
            assert caught.value.code == code
        with pytest.raises(pictell.errors.PictureTooLargeError) as too_large:
            classifier.classify(png(1, side=50))
    assert (too_large.value.width, too_large.value.max_pixels) == (50, 2000)


@linux
def test_a_picture_that_takes_too_much_memory_costs_itself_alone() -> None:
    pictures = [png(10), png(128), png(250)]
    pictures[1:1] = [png(0, side=7000)] * 2
    with isolated(max_memory=64 * 1024 * 1024) as classifier:
        found = labels(classifier.stream(pictures))
    assert found == ["dark", "out_of_memory", "out_of_memory", "grey", "bright"]


@pytest.mark.parametrize("budget", [1, 10**8])
def test_large_pictures_wait_for_memory(budget: int) -> None:
    """Each needs more than a process gets at first, and the second budget has room for one."""
    pictures = [png(10, side=3500), png(128, side=3500), png(250, side=3500), png(10)]
    with isolated(memory_budget=budget) as classifier:
        assert labels(classifier.stream(pictures)) == ["dark", "grey", "bright", "dark"]
        assert classifier.model.budget.held == 0


def test_a_picture_that_takes_too_long_costs_itself_alone() -> None:
    with isolated(decode_timeout_s=1) as classifier:
        found = labels(classifier.stream([png(10), slow_jpeg(), png(128), png(250)]))
    assert found == ["dark", "decoder_timeout", "grey", "bright"]


@linux
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_picture_whose_decoder_crashes_costs_itself_alone(number: signal.Signals) -> None:
    before = children(os.getpid())
    with isolated() as classifier:
        assert classifier.classify(png(128)).top.label == "grey"
        (process,) = children(os.getpid()) - before
        started, found = work_s(process), list[str]()
        stream = classifier.stream([slow_jpeg()])
        thread = threading.Thread(target=lambda: found.extend(labels(stream)))
        thread.start()
        wait_until(lambda: work_s(process) > started + 0.2)
        os.kill(process, number)
        thread.join()
        after = labels(classifier.stream([png(10), png(250)]))
    assert (found, after) == (["decoder_crashed"], ["dark", "bright"])
    wait_until(lambda: children(os.getpid()) == before)


@linux
def test_hostile_pictures_leave_the_next_ones_whole(shared: Path) -> None:
    hostile = sorted((shared / "cases" / "hostile").glob("*.png"))
    hostile += sorted((shared / "cases" / "hostile").glob("*.webp"))
    with isolated(max_memory=100 * 1024 * 1024) as classifier:
        results = list(classifier.stream([*hostile, *SAMPLES]))
    assert [one.error is None for one in results] == [False] * len(hostile) + [True] * len(SAMPLES)


def test_every_odd_picture_has_the_same_result(odd: Path) -> None:
    with isolated() as classifier:
        there = list(classifier.stream([odd]))
    plain = Classifier(ImageModel(fake.spec(LABELS), fake.FakeSession(len(LABELS))))
    here = list(plain.stream([odd]))
    assert len(here) > 100
    for one, other in zip(here, there, strict=True):
        assert one.source == other.source
        assert (one.error and one.error.message) == (other.error and other.error.message)
        assert one.predictions == other.predictions


def test_an_isolated_classifier_is_loaded_closed_and_pickled() -> None:
    limits = Limits(isolate=True)
    with pictell.load(limits=limits) as classifier:
        assert isinstance(classifier.model, IsolatedModel)
        result = classifier.classify(SAMPLES[0])
        with pickle.loads(pickle.dumps(classifier)) as again:
            assert again.classify(SAMPLES[0]).predictions == result.predictions
    with pictell.load() as plain:
        assert plain.classify(SAMPLES[0]).predictions == result.predictions
