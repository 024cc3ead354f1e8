"""Published models through pictell, beside the same models called without it.

    python benchmarks/runtimes_accuracy.py

On ``imagenet_val650``, unweighted. pictell recognises each model by the checksum of its file. The
other figures are of TensorFlow or LiteRT called directly, with TF-Slim's preprocessing by
TensorFlow's operations. The last column gives the directly called model pictell's own tensors: it
is the share of pictures with the same best label.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

import pictell
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side, wants_fast_dct

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
PICTURES = SHARED / "images" / "imagenet_val650"
OUTPUT = "MobilenetV1/Predictions/Reshape_1:0"
# Class 0 of every one of these models is background.
BACKGROUND = 1
TOP = 5
# The central part of each side.
CROP_FRACTION = 0.875
GRAPHS = {
    "mobilenet_v1_0.25_128_frozen/frozen_graph.pb": ("tensorflow", "openvino"),
    "mobilenet_v1_0.25_224_frozen/frozen_graph.pb": ("tensorflow", "openvino"),
    "mobilenet_v1_0.25_128_frozen/quantized_graph.pb": ("tensorflow",),
}
TFLITES = {
    "coral/mobilenet_v1_0.25_128_quant.tflite": ("litert", "openvino"),
    "coral/mobilenet_v2_1.0_224_quant.tflite": ("litert", "openvino"),
    "coral/tf2_mobilenet_v2_1.0_224_ptq.tflite": ("litert", "openvino"),
}

v1 = tf.compat.v1
Image = NDArray[np.float32]
# From one picture (1, size, size, 3), 0..255, to the scores of all classes (classes,).
Run = Callable[[Image], NDArray[np.generic]]
Best = list[list[int]]


def prepared(path: Path, size: int) -> Image:
    """TF-Slim's recipe by TensorFlow's own operations: (1, size, size, 3), 0..255."""
    decoded = tf.io.decode_jpeg(path.read_bytes(), channels=3)
    central = tf.image.central_crop(decoded, CROP_FRACTION)[tf.newaxis]
    return np.asarray(tf.raw_ops.ResizeBilinear(images=central, size=(size, size)))


def open_graph(path: Path) -> tuple[int, Run]:
    """The input's size, and a frozen graph in a session of its own."""
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(v1.GraphDef.FromString(path.read_bytes()), name="")
    session = v1.Session(graph=graph)
    size = graph.get_tensor_by_name("input:0").shape[1]
    return size, lambda image: session.run(OUTPUT, {"input:0": image / 127.5 - 1})[0]


def open_tflite(path: Path) -> tuple[int, Run]:
    """The input's size, and a TFLite file in an interpreter; it takes bytes."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    image_place, output_place = (
        details[0]["index"]
        for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    def run(image: Image) -> NDArray[np.generic]:
        interpreter.set_tensor(image_place, np.rint(image).astype(np.uint8))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(output_place)[0])

    return int(interpreter.get_input_details()[0]["shape"][1]), run


def best_directly(images: Iterable[Image], run: Run) -> Best:
    """The best classes of each picture, the lower index first where scores are equal."""
    scores = (run(image) for image in images)
    order = (np.argsort(-row.astype(float), kind="stable")[:TOP] for row in scores)
    return [[int(index) for index in best] for best in order]


def tensors_of_pictell(paths: list[Path], classifier: pictell.Classifier) -> Iterator[Image]:
    """What pictell makes of the pictures, brought back to 0..255."""
    spec = classifier.spec.preprocess
    side, fast_dct = shortest_useful_side(spec), wants_fast_dct(spec)
    for path in paths:
        picture = decode(path.read_bytes(), pictell.Limits().max_pixels, side, fast_dct=fast_dct)
        tensor = preprocess(picture, spec).astype(np.float32)
        yield tensor if spec.mean is None else (tensor + 1) * 127.5


def best_by_pictell(paths: list[Path], classifier: pictell.Classifier) -> Best:
    """The best classes of each picture by pictell."""
    results = classifier.stream(paths, top_k=TOP)
    return [[prediction.class_index for prediction in one.predictions] for one in results]


def accuracies(best: Best, classes: list[int]) -> tuple[float, float]:
    """The share of pictures whose class is the best, and among the five best, in percent."""
    first = np.mean([row[0] == wanted for row, wanted in zip(best, classes, strict=True)])
    among = np.mean([wanted in row for row, wanted in zip(best, classes, strict=True)])
    return 100 * float(first), 100 * float(among)


def rows(paths: list[Path], classes: list[int]) -> Iterator[str]:
    """One row per model and engine."""
    for name, engines in (GRAPHS | TFLITES).items():
        path = SHARED / "models" / name
        size, run = open_graph(path) if name in GRAPHS else open_tflite(path)
        directly = accuracies(best_directly((prepared(one, size) for one in paths), run), classes)
        for runtime in engines:
            classifier = pictell.load(path, engine=pictell.EngineOptions(runtime))
            best = best_by_pictell(paths, classifier)
            ours = accuracies(best, classes)
            alike = best_directly(tensors_of_pictell(paths, classifier), run)
            same = 100 * np.mean(
                [one[0] == other[0] for one, other in zip(best, alike, strict=True)]
            )
            figures = " | ".join(f"{figure:.1f}" for figure in (*ours, *directly))
            yield f"| {name} | {runtime} | {figures} | {ours[0] - directly[0]:+.1f} | {same:.1f} |"


def main() -> None:
    """Print the table."""
    with PICTURES.joinpath("labels.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    paths = [PICTURES / row["file"] for row in table]
    classes = [int(row["class_index"]) + BACKGROUND for row in table]
    print("| model | engine | top-1 | top-5 | directly, top-1 | top-5 | differs by | same |")
    print("|---" * 8 + "|")
    for row in rows(paths, classes):
        print(row, flush=True)


if __name__ == "__main__":
    main()
