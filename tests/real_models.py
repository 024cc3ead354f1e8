"""Published models with their specs, and images for them."""

from pathlib import Path

import numpy as np

from pictell.graphs import Weights
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess
from pictell.runtimes import Session
from pictell.types import Label, ModelSpec, PreprocessSpec, WeightsFormat

SLIM = (127.5, 127.5, 127.5)
V1_PROBABILITIES = "MobilenetV1/Predictions/Reshape_1"
V2_PROBABILITIES = "MobilenetV2/Predictions/Softmax"


def spec(
    kind: WeightsFormat,
    side: int,
    classes: int,
    output: str,
    *,
    input_name: str = "input",
    mean: tuple[float, float, float] | None = SLIM,
    **more: str,
) -> ModelSpec:
    """A spec for the models of TF-Slim, which give probabilities."""
    return ModelSpec(
        name="model",
        format=kind,
        weights=Path("weights"),
        sha256="",
        input_name=input_name,
        output_name=output,
        activation="none",
        preprocess=PreprocessSpec(side, side, "crop", 0.875, "bilinear", "NHWC", "RGB", mean, mean),
        labels=tuple(Label(str(index)) for index in range(classes)),
        licence="none",
        source="a test",
        **more,
    )


def frozen_graphs(shared: Path) -> dict[str, tuple[ModelSpec, Weights]]:
    models = shared / "models"
    small = models / "mobilenet_v1_0.25_128_frozen"
    large = models / "mobilenet_v1_0.25_224_frozen"
    panel = models / "panel_retrained_frozen"
    found = {
        "128": (small / "frozen_graph.pb", 128, 1001, V1_PROBABILITIES),
        "224": (large / "frozen_graph.pb", 224, 1001, V1_PROBABILITIES),
        "panel": (panel / "retrained_graph.pb", 128, 6, "final_result"),
        "quantized": (small / "quantized_graph.pb", 128, 1001, V1_PROBABILITIES),
    }
    return {
        name: (spec("frozen-graph", *facts), weights("frozen-graph", path))
        for name, (path, *facts) in found.items()
    }


def coral(shared: Path) -> dict[str, tuple[ModelSpec, Weights]]:
    """Quantised TFLite files, whose inputs are bytes."""
    found = {
        "mobilenet_v1_0.25_128_quant": (128, 1001, V1_PROBABILITIES, "input"),
        "mobilenet_v2_1.0_224_quant": (224, 1001, V2_PROBABILITIES, "input"),
        "tf2_mobilenet_v2_1.0_224_ptq": (224, 1001, "Identity", "input"),
        "mobilenet_v2_1.0_224_inat_bird_quant": (
            224,
            965,
            "prediction",
            "map/TensorArrayStack/TensorArrayGatherV3",
        ),
    }
    folder = shared / "models" / "coral"
    return {
        name: (
            spec("tflite", side, classes, output, input_name=input_name, mean=None),
            weights("tflite", folder / f"{name}.tflite"),
        )
        for name, (side, classes, output, input_name) in found.items()
    }


def run(session: Session, spec: ModelSpec, images: np.ndarray) -> np.ndarray:
    """The output that the spec names, for a batch of images."""
    return session.run({spec.input_name: images}, [spec.output_name])[spec.output_name]


def weights(kind: WeightsFormat, path: Path) -> Weights:
    return Weights(kind, {path.name: path.read_bytes()})


def pictures(shared: Path, spec: ModelSpec, count: int) -> np.ndarray:
    """``count`` images of ImageNet's validation set as a batch for the model."""
    paths = sorted((shared / "images" / "imagenet_val650").glob("*.JPEG"))
    chosen = paths[:: len(paths) // count][:count]
    decoded = [decode(path.read_bytes(), 10**8, spec.preprocess.width) for path in chosen]
    return np.concatenate([preprocess(picture, spec.preprocess) for picture in decoded])
