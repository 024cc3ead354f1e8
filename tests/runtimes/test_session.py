"""What all engines share, with an engine of a few lines: what fits, and batches of any size."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.runtimes.session import EngineSession
from pictell.types import Label, Layout, ModelSpec, TensorSpec
from real_models import spec

CLASSES = 5
FLOAT = TensorSpec("input", (None, 8, 8, 3), "float32")
SCORES = TensorSpec("scores", (None, CLASSES), "float32")


class MeanEngine:
    """Five times the mean of each picture, in whatever shape its output has."""

    def __init__(self, image: TensorSpec = FLOAT, output: TensorSpec = SCORES) -> None:
        self.inputs: Sequence[TensorSpec] = [image]
        self.outputs: Sequence[TensorSpec] = [output]
        self.batches: list[np.ndarray] = []

    def run(self, batch: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        self.batches.append(batch)
        means = batch.mean(axis=(1, 2, 3))
        shape = self.outputs[0].shape
        assert shape is not None
        values = np.stack([means] * CLASSES, axis=1).reshape(-1, *(size or 1 for size in shape[1:]))
        return [values.astype(self.outputs[0].dtype) for _ in outputs]


def small(**changes: Any) -> ModelSpec:
    return dataclasses.replace(spec("onnx", 8, CLASSES, "scores"), **changes)


def laid_out(layout: Layout) -> ModelSpec:
    return small(preprocess=dataclasses.replace(small().preprocess, layout=layout))


def opened(
    image: TensorSpec = FLOAT, output: TensorSpec = SCORES, spec: ModelSpec | None = None
) -> tuple[EngineSession, MeanEngine]:
    engine = MeanEngine(image, output)
    return EngineSession("mean", engine, spec or small()), engine


def image(*shape: int | None, dtype: str = "float32") -> TensorSpec:
    return TensorSpec("input", shape, dtype)


def output(*shape: int | None) -> TensorSpec:
    return TensorSpec("scores", shape, "float32")


@pytest.mark.parametrize(
    ("tensor", "spec", "message"),
    [
        (image(8, 8, 3), small(), r"shape \(8, 8, 3\), not that of a batch .* \(N, H, W, 3\) or"),
        (image(1, 8, 8, 1), small(), r"gives 3 channels \(RGB\), not 1"),
        (image(1, 8, 8, 4), small(), r"gives 3 channels \(RGB\), not 4"),
        (image(1, 3, 8, 8), small(), r"\(1, 3, 8, 8\): give --layout NCHW, not NHWC"),
        (image(None, 8, 8, 3), laid_out("NCHW"), r"\(N, 8, 8, 3\): give --layout NHWC, not"),
        (image(None, 16, 12, 3), small(), r"give --size 12x16, not 8x8"),
        (image(None, None, 12, 3), small(), r"give --size 12x8, not 8x8"),
        (
            image(None, 8, 8, 3, dtype="uint8"),
            small(),
            "takes uint8: give no --mean and no --scale",
        ),
        (image(None, 8, 8, 3, dtype="int8"), small(), "takes int8: give no --mean and no --scale"),
        (
            image(None, 8, 8, 3),
            small(preprocess=dataclasses.replace(small().preprocess, mean=None, std=None)),
            "takes float32, not a picture's bytes: give --mean and --scale",
        ),
    ],
)
def test_an_input_that_does_not_fit_says_what_to_state(
    tensor: TensorSpec, spec: ModelSpec, message: str
) -> None:
    with pytest.raises(InvalidModelError, match=message) as caught:
        opened(tensor, spec=spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "tensor", [image(None, None, None, 3), image(1, 8, 8, 3), TensorSpec("input", None, "float32")]
)
def test_what_is_not_known_may_be_right(tensor: TensorSpec) -> None:
    session, _ = opened(tensor)
    (scores,) = session.run(np.ones((2, 8, 8, 3), np.float32), ["scores"])
    assert scores.tolist() == [[1] * CLASSES] * 2


def test_an_unknown_input_lists_the_known_ones() -> None:
    with pytest.raises(InvalidModelError, match="no input 'data': it has input"):
        opened(spec=small(input_name="data"))


def test_a_graph_with_several_inputs_is_refused() -> None:
    engine = MeanEngine()
    engine.inputs = [FLOAT, TensorSpec("keep_prob", (), "float32")]
    with pytest.raises(InvalidModelError, match=r"several inputs \(input, keep_prob\)"):
        EngineSession("mean", engine, small())


def test_unknown_outputs_list_the_known_ones() -> None:
    for changes in ({"logits": "probs"}, {"embedding": "probs"}, {"feature_map": "probs"}):
        with pytest.raises(InvalidModelError, match="no output 'probs': it has scores"):
            opened(spec=small(**changes))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            CLASSES - 1,
            "4 labels for an output of 5 classes: if class 0 is background give "
            "--background, if the last has none --unlabelled 1$",
        ),
        (3, "if the last 2 have none give --unlabelled 2"),
        (CLASSES + 1, "6 labels for an output of 5 classes: these are labels of another model$"),
    ],
)
def test_labels_that_do_not_fit_the_output(labels: int, message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        opened(spec=small(labels=tuple(Label(str(index)) for index in range(labels))))


@pytest.mark.parametrize("shape", [(CLASSES,), (None, 2, CLASSES), (None, CLASSES, 7, 7), ()])
def test_an_output_that_is_no_list_of_classes_is_refused(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(InvalidModelError, match=r"has shape .*, not \(N, classes\)"):
        opened(output=output(*shape))


@pytest.mark.parametrize("shape", [(None, 1, 1, CLASSES), (None, CLASSES, 1, 1), (1, 1, CLASSES)])
def test_axes_of_size_one_are_no_part_of_the_classes(shape: tuple[int | None, ...]) -> None:
    session, _ = opened(output=output(*shape))
    (scores,) = session.run(np.ones((3, 8, 8, 3), np.float32), ["scores"])
    assert scores.shape == (3, CLASSES)


def test_a_feature_map_keeps_its_axes() -> None:
    engine = MeanEngine()
    engine.outputs = [SCORES, TensorSpec("map", (None, CLASSES, 1, 1), "float32")]
    session = EngineSession("mean", engine, small(feature_map="map", embedding="scores"))
    engine.outputs = [engine.outputs[1]]
    (found,) = session.run(np.ones((2, 8, 8, 3), np.float32), ["map"])
    assert found.shape == (2, CLASSES, 1, 1)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 3, 4, 16])
@pytest.mark.parametrize("fixed", ["input", "output"])
def test_a_fixed_batch_is_filled_and_cut(size: int, count: int, fixed: str) -> None:
    tensors = (image(size, 8, 8, 3), SCORES) if fixed == "input" else (FLOAT, output(size, CLASSES))
    session, engine = opened(*tensors)
    batch = np.arange(count, dtype=np.float32)[:, None, None, None] * np.ones(
        (1, 8, 8, 3), np.float32
    )
    (scores,) = session.run(batch, ["scores"])
    assert scores[:, 0].tolist() == list(range(count))
    assert {len(part) for part in engine.batches} == {size}
    assert len(engine.batches) == -(-count // size)


def test_one_part_is_not_copied() -> None:
    session, engine = opened()
    batch = np.ones((2, 8, 8, 3), np.float32)
    session.run(batch, ["scores"])
    assert engine.batches[0] is batch


def test_quantised_tensors_are_real_numbers_outside() -> None:
    quantised = dataclasses.replace(FLOAT, dtype="uint8", quantisation=(0.5, 10))
    stored = dataclasses.replace(SCORES, dtype="uint8", quantisation=(0.25, 4))
    session, engine = opened(quantised, stored)
    pixels = np.full((1, 8, 8, 3), 3.1, np.float32)
    (scores,) = session.run(pixels, ["scores"])
    assert engine.batches[0].dtype == np.uint8
    assert (engine.batches[0] == 16).all()
    assert scores.dtype == np.float32
    assert scores.tolist() == [[(16 - 4) * 0.25] * CLASSES]
    session.run(np.full((1, 8, 8, 3), -1000.0, np.float32), ["scores"])
    assert (engine.batches[1] == 0).all()


def test_bytes_reach_a_quantised_input_as_they_are() -> None:
    quantised = dataclasses.replace(FLOAT, dtype="uint8", quantisation=(0.5, 10))
    raw = small(preprocess=dataclasses.replace(small().preprocess, mean=None, std=None))
    session, engine = opened(quantised, spec=raw)
    session.run(np.full((1, 8, 8, 3), 200, np.uint8), ["scores"])
    assert (engine.batches[0] == 200).all()


class Failing(MeanEngine):
    def run(self, batch: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        raise ZeroDivisionError("it broke\nhere\nand there")


class TooFew(MeanEngine):
    def run(self, batch: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        return [np.zeros((1, CLASSES), np.float32)]


class TooMany(MeanEngine):
    def run(self, batch: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        return [np.zeros((7, CLASSES), np.float32)]


class Scalar(MeanEngine):
    def run(self, batch: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        return [np.float32(1).reshape(())]


class Maps(MeanEngine):
    def run(self, batch: np.ndarray, outputs: Sequence[str]) -> list[np.ndarray]:
        return [np.zeros((len(batch), CLASSES, 7, 7), np.float32)]


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (Failing(), "^mean failed: it broke$"),
        (TooFew(), r"^the output 'scores' has shape \(1, 5\) for 3 pictures$"),
        (TooMany(), r"^the output 'scores' has shape \(7, 5\) for 3 pictures$"),
        (Scalar(), r"^the output 'scores' has shape \(\) for 3 pictures$"),
        (Maps(), r"^the output 'scores' has shape \(3, 5, 7, 7\), not \(N, classes\)$"),
    ],
)
def test_an_engine_that_breaks_its_word_fails_in_one_line(engine: MeanEngine, message: str) -> None:
    engine.outputs = [TensorSpec("scores", None, "float32")]
    session = EngineSession("mean", engine, small())
    with pytest.raises(RuntimeFailedError, match=message):
        session.run(np.ones((3, 8, 8, 3), np.float32), ["scores"])
