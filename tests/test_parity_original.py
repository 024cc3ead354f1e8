"""The program of 2018 as the oracle: a frozen graph, its steps in TensorFlow 1 sessions."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

import inception_v1
import pictell
from command import environment
from command import pictell as run_pictell
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, resize_bilinear_tf1, shortest_useful_side
from pictell.types import PreprocessSpec
from pictures import MAX_PIXELS, as_decoded, encoded

v1 = tf.compat.v1

SIZE = 224
MEAN, STD = 117.0, 1.0
SPEC = PreprocessSpec(
    SIZE, SIZE, "squash", 1.0, "bilinear-tf1", "NHWC", "RGB", mean=(MEAN,) * 3, std=(STD,) * 3
)
OPTIONS = {"preset": "inception", "size": (SIZE, SIZE), "output_name": "output", "unlabelled": 7}

Normalise = Callable[[bytes], np.ndarray]
Run = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def normalise() -> Iterator[Normalise]:
    """The original's preprocessing of one picture: (1, 224, 224, 3) float32."""
    with tf.Graph().as_default(), v1.Session() as session:
        contents = v1.placeholder(tf.string)
        decoded = tf.cast(tf.io.decode_jpeg(contents, channels=3), tf.float32)
        resized = tf.raw_ops.ResizeBilinear(images=tf.expand_dims(decoded, 0), size=[SIZE, SIZE])
        normalised = tf.divide(tf.subtract(resized, [MEAN]), [STD])
        yield lambda data: session.run(normalised, {contents: data})


@pytest.fixture(scope="module")
def decode_as_original() -> Iterator[Normalise]:
    """Only its decoder: (H, W, 3) uint8."""
    with tf.Graph().as_default(), v1.Session() as session:
        contents = v1.placeholder(tf.string)
        decoded = tf.io.decode_jpeg(contents, channels=3)
        yield lambda data: session.run(decoded, {contents: data})


def open_graph(content: bytes, output: str) -> Run:
    """The original's session of the model: the output for one picture."""
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(v1.GraphDef.FromString(content), name="")
    session = v1.Session(graph=graph)
    return lambda batch: session.run(output, {"input:0": batch})[0]


def photos() -> list[np.ndarray]:
    return [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.astronaut()]


@pytest.mark.parametrize("size", [(1, 1), (13, 17), (224, 224), (299, 299), (400, 301)])
def test_the_resize_equals_tensorflow_1s_exactly(size: tuple[int, int]) -> None:
    for whole in photos():
        for pixels in (whole, whole[:100, 7:84], whole[:1, :5], whole[:224, :224]):
            with tf.Graph().as_default(), v1.Session() as session:
                images = tf.cast(pixels[np.newaxis], tf.float32)
                (expected,) = session.run(tf.raw_ops.ResizeBilinear(images=images, size=size))
            height, width = size
            np.testing.assert_array_equal(resize_bilinear_tf1(pixels, width, height), expected)


def test_a_lossless_picture_gives_the_tensor_of_the_original(normalise: Normalise) -> None:
    for pixels in photos():
        # The JPEG operation also reads PNG.
        data = encoded(Image.fromarray(pixels), "PNG")
        picture = decode(data, MAX_PIXELS, shortest_useful_side(SPEC))
        np.testing.assert_array_equal(preprocess(picture, SPEC), normalise(data))


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A graph and a labels file in the format of the original."""
    folder = tmp_path_factory.mktemp("inception")
    graph, labels = folder / "graph.pb", folder / "labels.txt"
    graph.write_bytes(inception_v1.frozen_graph())
    labels.write_text(inception_v1.labels(), encoding="utf-8")
    return graph, labels


@pytest.fixture(scope="module")
def original_lines(
    two_files: tuple[Path, Path], normalise: Normalise
) -> list[tuple[bytes, list[tuple[str, float]]]]:
    """Pictures, each with the five labels and probabilities of the original."""
    graph, labels = two_files
    names = labels.read_text(encoding="utf-8").splitlines()
    run = open_graph(graph.read_bytes(), "output:0")
    answers = []
    for pixels in photos():
        data = encoded(Image.fromarray(pixels), "PNG")
        probabilities = run(normalise(data))
        best = (-probabilities).argsort()[:5]
        answers.append((data, [(names[index], float(probabilities[index])) for index in best]))
    return answers


@pytest.mark.parametrize("runtime", ["tensorflow", "openvino"])
def test_the_two_files_of_the_original_give_its_five_lines(
    runtime: str,
    two_files: tuple[Path, Path],
    original_lines: list[tuple[bytes, list[tuple[str, float]]]],
) -> None:
    graph, labels = two_files
    classifier = pictell.load(
        graph,
        options=pictell.ModelOptions(labels=labels, **OPTIONS),
        engine=pictell.EngineOptions(runtime=runtime),
    )
    results = classifier.stream([data for data, _ in original_lines])
    for result, (_, lines) in zip(results, original_lines, strict=True):
        found = [(prediction.label, prediction.score) for prediction in result.predictions]
        assert [label for label, _ in found] == [label for label, _ in lines]
        np.testing.assert_allclose([p for _, p in found], [p for _, p in lines], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["tensorflow", "openvino"])
def test_the_command_gives_the_originals_five_lines(
    runtime: str,
    two_files: tuple[Path, Path],
    original_lines: list[tuple[bytes, list[tuple[str, float]]]],
) -> None:
    graph, labels = two_files
    (data, lines), *_ = original_lines
    words = f"--preset inception --size 224 --output output --unlabelled 7 --runtime {runtime}"
    run = run_pictell(
        *("--model", graph, "--labels", labels, *words.split(), "--format", "json", "-"),
        input=data,
        encoding=None,
        env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
    )
    assert (run.returncode, run.stderr) == (0, b"")
    (result,) = json.loads(run.stdout)
    found = {prediction["label"]: prediction["score"] for prediction in result["predictions"]}
    assert list(found) == [label for label, _ in lines]
    np.testing.assert_allclose(list(found.values()), [p for _, p in lines], atol=1e-4)


@pytest.fixture(scope="module")
def jpegs(shared: Path) -> list[bytes]:
    folder = shared / "images" / "imagenet_train333"
    return [path.read_bytes() for path in sorted(folder.glob("*.JPEG"))]


@pytest.mark.slow
def test_pixels_decoded_by_tensorflow_give_the_tensor_of_the_original(
    jpegs: list[bytes], normalise: Normalise, decode_as_original: Normalise
) -> None:
    for data in jpegs:
        tensor = preprocess(as_decoded(decode_as_original(data)), SPEC)
        np.testing.assert_array_equal(tensor, normalise(data))


@pytest.mark.slow
@pytest.mark.parametrize("size", [128, 224])
def test_most_jpegs_get_the_best_label_of_the_original(
    size: int, shared: Path, jpegs: list[bytes], decode_as_original: Normalise
) -> None:
    """Others differ because TensorFlow smooths subsampled colours and Pillow does not."""
    folder = shared / "models" / f"mobilenet_v1_0.25_{size}_frozen"
    output = "MobilenetV1/Predictions/Reshape_1:0"
    run = open_graph((folder / "frozen_graph.pb").read_bytes(), output)
    half = (127.5, 127.5, 127.5)
    spec = PreprocessSpec(size, size, "squash", 1.0, "bilinear-tf1", "NHWC", "RGB", half, half)
    same = [
        run(preprocess(as_decoded(decode_as_original(data)), spec)).argmax()
        == run(preprocess(decode(data, MAX_PIXELS, fast_dct=True), spec)).argmax()
        for data in jpegs
    ]
    assert np.mean(same) >= 0.98
