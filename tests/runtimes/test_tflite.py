"""TFLite files, in LiteRT and in OpenVINO."""

import dataclasses
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from pictell import runtimes
from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.graphs import Weights
from pictell.options import EngineOptions
from pictell.types import ModelSpec
from real_models import coral, pictures, run, spec, weights

NAMES = [
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v2_1.0_224_quant",
    "tf2_mobilenet_v2_1.0_224_ptq",
    "mobilenet_v2_1.0_224_inat_bird_quant",
]


def opened(spec: ModelSpec, weights: Weights, runtime: str = "litert") -> runtimes.Session:
    return runtimes.open_session(spec, weights, EngineOptions(runtime=runtime))


def directly(files: Weights, images: np.ndarray) -> np.ndarray:
    """The outputs of LiteRT without pictell, one image at a time, as real numbers."""
    interpreter = Interpreter(model_content=files.graph, num_threads=1)
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for picture in images:
        interpreter.set_tensor(image["index"], picture[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(scores["index"])[0].astype(np.float32))
    scale, zero_point = scores["quantization"]
    return (np.stack(rows) - np.float32(zero_point)) * np.float32(scale)


@pytest.mark.parametrize("name", NAMES)
def test_litert_gives_the_same_bits_as_without_pictell(shared: Path, name: str) -> None:
    model, files = coral(shared)[name]
    images = pictures(shared, model, 5)
    found = run(opened(model, files), model, images)
    np.testing.assert_array_equal(found, directly(files, images))
    assert found.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_openvino_comes_close(shared: Path, name: str) -> None:
    """It computes in float between the quantised steps.

    On all 650 pictures the largest difference in any score is at most 10 steps of 1/256 for nine
    pictures in ten, 33 for the worst, and 96 to 98.6 in 100 have the same first answer.
    """
    model, files = coral(shared)[name]
    images = pictures(shared, model, 20)
    found = run(opened(model, files, "openvino"), model, images)
    expected = directly(files, images)
    steps = np.abs(found - expected).max(axis=1) * 256
    assert np.median(steps) <= 6
    assert steps.max() <= 40
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.85


def test_normalised_images_are_quantised(shared: Path) -> None:
    """With scale 1/128, zero point 128, mean 128 and std 128 the stored values are the pixels."""
    model, files = coral(shared)["mobilenet_v1_0.25_128_quant"]
    images = pictures(shared, model, 3)
    number = (128.0, 128.0, 128.0)
    normalised = dataclasses.replace(
        model, preprocess=dataclasses.replace(model.preprocess, mean=number, std=number)
    )
    found = run(opened(normalised, files), model, (images.astype(np.float32) - 128) / 128)
    np.testing.assert_array_equal(found, directly(files, images))


def changed(content: bytes, change: Any) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def any_batch(model: Any) -> None:
    (graph,) = model.subgraphs
    tensor = graph.tensors[graph.inputs[0]]
    tensor.shapeSignature = [-1, *tensor.shape[1:]]


@pytest.mark.parametrize("count", [1, 3, 16])
@pytest.mark.parametrize("free", [False, True], ids=["fixed", "free"])
def test_batches_of_any_size(shared: Path, count: int, free: bool) -> None:
    model, files = coral(shared)["mobilenet_v1_0.25_128_quant"]
    images = pictures(shared, model, count)
    expected = directly(files, images)
    if free:
        # The last reshape of this one fixes a batch of 1 again: its embedding's does not.
        model = dataclasses.replace(model, output_name="MobilenetV1/Logits/AvgPool_1a/AvgPool")
        content = changed(files.graph, lambda model: (any_batch(model), pooled(model)))
        session = opened(dataclasses.replace(model, labels=model.labels[:256]), with_graph(content))
        many = run(session, model, images)
        ones = [run(session, model, image[None]) for image in images]
        np.testing.assert_array_equal(many, np.concatenate(ones))
        assert many.shape == (count, 256)
    else:
        found = run(opened(model, files), model, images)
        np.testing.assert_array_equal(found, expected)


def pooled(model: Any) -> None:
    """Make the pooled features the output."""
    (graph,) = model.subgraphs
    names = [tensor.name for tensor in graph.tensors]
    graph.outputs = [names.index(b"MobilenetV1/Logits/AvgPool_1a/AvgPool")]


def with_graph(content: bytes) -> Weights:
    return Weights("tflite", {"model.tflite": content})


def test_batches_of_changing_size_in_one_session(shared: Path) -> None:
    model, files = coral(shared)["mobilenet_v1_0.25_128_quant"]
    images = pictures(shared, model, 7)
    session, expected = opened(model, files), directly(files, images)
    for count in (1, 5, 2, 7, 1):
        found = run(session, model, images[:count])
        np.testing.assert_array_equal(found, expected[:count])


def test_litert_refuses_a_batch_of_another_shape(shared: Path) -> None:
    model, files = coral(shared)["mobilenet_v1_0.25_128_quant"]
    with pytest.raises(RuntimeFailedError, match=r"^litert failed: ") as caught:
        run(opened(model, files), model, np.zeros((1, 3, 128, 128), np.uint8))
    assert "\n" not in str(caught.value)


def test_a_custom_operation_is_refused_in_one_line(shared: Path) -> None:
    path = shared / "models" / "coral" / "invalid_models" / "model_invoking_error.tflite"
    model = dataclasses.replace(coral(shared)[NAMES[0]][0], input_name="")
    with pytest.raises(InvalidModelError, match=r"litert refuses the weights: .*fake-op") as caught:
        opened(model, weights("tflite", path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ["litert", "openvino"])
@pytest.mark.parametrize("content", [b"", b"hello", "half"])
def test_an_invalid_model_is_refused_in_one_line(
    shared: Path, engine: str, content: bytes | str, capfd: pytest.CaptureFixture[str]
) -> None:
    model, files = coral(shared)[NAMES[0]]
    graph = content if isinstance(content, bytes) else files.graph[: len(files.graph) // 2]
    with pytest.raises(InvalidModelError) as caught:
        opened(model, with_graph(graph), engine)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("engine", ["litert", "openvino"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_name": "scores"}, "no output 'scores': it has MobilenetV1/Predictions/Reshape_1"),
        ({"input_name": "data"}, "no input 'data': it has input"),
        ({"labels": ()}, "0 labels for an output of 1001 classes"),
        (
            {"preprocess": spec("tflite", 96, 1001, "scores").preprocess},
            "give --size 128x128, not 96x96",
        ),
    ],
)
def test_a_spec_that_does_not_fit(
    shared: Path, engine: str, changes: dict[str, Any], message: str
) -> None:
    model, files = coral(shared)[NAMES[0]]
    with pytest.raises(InvalidModelError, match=message):
        opened(dataclasses.replace(model, **changes), files, engine)
