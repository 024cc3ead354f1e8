"""What all engines share, with an engine of a few lines: batches, quantised tensors, closing."""

import dataclasses
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pictell.errors import OutOfMemoryError, RuntimeFailedError, UsageError
from pictell.graphs import TensorSpec
from pictell.runtimes.session import EngineSession

CLASSES = 5
IMAGE = TensorSpec("input", (None, 8, 8, 3), "float32")
SCORES = TensorSpec("scores", (None, CLASSES), "float32")


class MeanEngine:
    """The mean of each image, once for each class, in the shape that its output states."""

    def __init__(self, image: TensorSpec = IMAGE, output: TensorSpec = SCORES) -> None:
        self.inputs: Sequence[TensorSpec] = [image]
        self.outputs: Sequence[TensorSpec] = [output]
        self.batches: list[np.ndarray] = []

    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        (batch,) = inputs.values()
        self.batches.append(batch)
        means = batch.mean(axis=(1, 2, 3))
        shape = self.outputs[0].shape
        assert shape is not None
        values = np.stack([means] * CLASSES, axis=1).reshape(-1, *(size or 1 for size in shape[1:]))
        return dict.fromkeys(outputs, values.astype(self.outputs[0].dtype))


def opened(
    image: TensorSpec = IMAGE, output: TensorSpec = SCORES
) -> tuple[EngineSession, MeanEngine]:
    engine = MeanEngine(image, output)
    return EngineSession("mean", engine, ["scores"]), engine


def run(session: EngineSession, images: np.ndarray) -> np.ndarray:
    return session.run({"input": images}, ["scores"])["scores"]


def images(count: int) -> np.ndarray:
    """Image n is n everywhere."""
    return np.arange(count, dtype=np.float32)[:, None, None, None] * np.ones((1, 8, 8, 3), "f")


@pytest.mark.parametrize("shape", [(None, 1, 1, CLASSES), (None, CLASSES, 1, 1), (1, 1, CLASSES)])
def test_scores_have_no_axes_of_size_one(shape: tuple[int | None, ...]) -> None:
    session, _ = opened(output=TensorSpec("scores", shape, "float32"))
    assert run(session, images(3)).shape == (3, CLASSES)


def test_other_outputs_keep_their_axes() -> None:
    engine = MeanEngine(output=TensorSpec("map", (None, CLASSES, 1, 1), "float32"))
    session = EngineSession("mean", engine)
    assert session.run({"input": images(2)}, ["map"])["map"].shape == (2, CLASSES, 1, 1)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 3, 4, 16])
@pytest.mark.parametrize("fixed", ["input", "output"])
def test_a_fixed_batch_size_takes_batches_of_any_size(size: int, count: int, fixed: str) -> None:
    changed = IMAGE if fixed == "input" else SCORES
    assert changed.shape is not None
    changed = dataclasses.replace(changed, shape=(size, *changed.shape[1:]))
    session, engine = opened(*((changed, SCORES) if fixed == "input" else (IMAGE, changed)))
    assert run(session, images(count))[:, 0].tolist() == list(range(count))
    assert {len(part) for part in engine.batches} == {size}
    assert len(engine.batches) == -(-count // size)


def test_a_batch_is_not_copied() -> None:
    session, engine = opened()
    batch = images(2)
    run(session, batch)
    assert engine.batches[0] is batch


def test_quantised_tensors_are_real_numbers_outside() -> None:
    quantised = dataclasses.replace(IMAGE, dtype="uint8", quantisation=(0.5, 10))
    stored = dataclasses.replace(SCORES, dtype="uint8", quantisation=(0.25, 4))
    session, engine = opened(quantised, stored)
    scores = run(session, np.full((1, 8, 8, 3), 3.1, np.float32))
    assert engine.batches[0].dtype == np.uint8
    assert (engine.batches[0] == 16).all()
    assert scores.dtype == np.float32
    assert scores.tolist() == [[(16 - 4) * 0.25] * CLASSES]
    run(session, np.full((1, 8, 8, 3), -1000.0, np.float32))
    assert (engine.batches[1] == 0).all()


def test_bytes_reach_a_quantised_input_as_they_are() -> None:
    session, engine = opened(dataclasses.replace(IMAGE, dtype="uint8", quantisation=(0.5, 10)))
    run(session, np.full((1, 8, 8, 3), 200, np.uint8))
    assert (engine.batches[0] == 200).all()


class SimilarityEngine:
    """Two inputs, one of them whole numbers, and a batch size of 2."""

    inputs = (TensorSpec("image", (2, 3), "float32"), TensorSpec("tokens", (2, 3), "int64"))
    outputs = (TensorSpec("similarity", (2, 1), "float32"),)

    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        assert {name: values.dtype for name, values in inputs.items()} == {
            "image": np.float32,
            "tokens": np.int64,
        }
        products = inputs["image"] * inputs["tokens"]
        return dict.fromkeys(outputs, products.sum(axis=1, keepdims=True))


def test_each_input_is_given_by_its_name() -> None:
    session = EngineSession("similarity", SimilarityEngine(), ["similarity"])
    image = np.arange(9.0).reshape(3, 3)
    tokens = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.int32)
    found = session.run({"tokens": tokens, "image": image}, ["similarity"])["similarity"]
    assert found.tolist() == [[0], [4], [8]]


def test_a_name_that_the_graph_does_not_have() -> None:
    session, _ = opened()
    with pytest.raises(UsageError, match="no input 'image': it has input"):
        session.run({"image": images(1)}, ["scores"])
    with pytest.raises(UsageError, match="no output 'map': it has scores"):
        session.run({"input": images(1)}, ["map"])
    with pytest.raises(UsageError, match="needs the input 'input'"):
        session.run({}, ["scores"])


class Failing(MeanEngine):
    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        raise ZeroDivisionError("it broke\nhere\nand there")


class OutOfMemory(MeanEngine):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        raise self.error


class Gives(MeanEngine):
    """An engine whose output always has one shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self._values = np.zeros(shape, np.float32)

    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        return dict.fromkeys(outputs, self._values)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Failing(), "^mean failed: it broke$"),
        (Gives(1, CLASSES), r"has shape \(1, 5\) for a batch of 3$"),
        (Gives(7, CLASSES), r"has shape \(7, 5\) for a batch of 3$"),
        (Gives(), r"has shape \(\) for a batch of 3$"),
        (Gives(3, CLASSES, 7, 7), r"has shape \(3, 5, 7, 7\), not \(N, classes\)$"),
    ],
)
def test_a_runtime_that_fails_is_reported_in_one_line(engine: MeanEngine, message: str) -> None:
    engine.outputs = [TensorSpec("scores", None, "float32")]
    session = EngineSession("mean", engine, ["scores"])
    with pytest.raises(RuntimeFailedError, match=message):
        run(session, images(3))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("while running Mul node: std::bad_alloc")]
)
def test_a_runtime_that_runs_out_of_memory(error: Exception) -> None:
    session = EngineSession("mean", OutOfMemory(error))
    with pytest.raises(OutOfMemoryError, match="not enough memory to run the model"):
        run(session, images(3))


def test_a_closed_session_runs_no_more() -> None:
    session, _ = opened()
    with ThreadPoolExecutor(8) as threads:
        for closing in [threads.submit(session.close) for _ in range(8)]:
            closing.result()
    with pytest.raises(UsageError, match="the model is closed: load it again"):
        run(session, images(1))


def test_a_run_in_flight_ends_and_then_the_engine_is_freed() -> None:
    running, closed = threading.Event(), threading.Event()

    class Waiting(MeanEngine):
        def run(
            self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]
        ) -> dict[str, np.ndarray]:
            running.set()
            assert closed.wait(30)
            return super().run(inputs, outputs)

    session = EngineSession("waiting", engine := Waiting(), ["scores"])
    freed = weakref.ref(engine)
    del engine
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(run, session, images(2))
        assert running.wait(30)
        session.close()
        assert freed() is not None
        closed.set()
        assert found.result()[:, 0].tolist() == [0, 1]
    assert freed() is None
