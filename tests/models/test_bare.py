"""A bare file becomes a spec: from the options, a preset, the catalogue and the file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import tensorflow
from onnx import TensorProto, helper

import pictell
from fitted_calibration import FITTED
from pictell import models, runtimes
from pictell.errors import InvalidModelError, ModelWarning, UnsafeModelError, UsageError
from pictell.graphs import Inspection, TensorSpec
from pictell.images.preprocess import preprocess
from pictell.inspection.onnx import with_metadata
from pictell.models.bare import describe
from pictell.models.calibration_file import read_calibration, to_toml
from pictell.models.examine import examine
from pictell.models.folder import create_model_folder, read_model_folder, read_weights
from pictell.models.folder import to_toml as folder_toml
from pictell.models.guess import Guess, guess
from pictell.models.labels import complete
from pictell.models.presets import PRESETS
from pictell.models.single_file import pack
from pictell.options import EngineOptions, ModelOptions
from pictell.types import Attachment, Label, PreprocessSpec
from pictures import as_decoded, photo_as
from real_models import run

IMAGENET = models.find("default").labels
TWO_LABELS = (Label("cat"), Label("dog"))


def write_graph(folder: Path, shape: list[object], *, last: str = "Softmax") -> Path:
    """An ONNX graph (N, 3, H, W) → (N, 2) that ends in the operation ``last``."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    if last != "Gemm":
        nodes.append(helper.make_node(last, ["logits"], ["scores"]))
    output = "logits" if last == "Gemm" else "scores"
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [3, 2], [1, 0, 0, 0, 0, 1])
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [shape[0], 2])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "two.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("cat\ndog\n")
    return path


def missing(path: Path, options: ModelOptions) -> str:
    with pytest.raises(InvalidModelError) as caught:
        describe(path, options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_names_size_layout_and_activation_come_from_the_file(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    spec = describe(path, ModelOptions(labels=labels, preset="torchvision"))
    assert (spec.name, spec.format, spec.weights) == ("two", "onnx", path)
    assert (spec.input_name, spec.output_name, spec.activation) == ("image", "scores", "none")
    assert spec.labels == TWO_LABELS
    assert spec.preprocess == PreprocessSpec(
        width=32,
        height=24,
        resize_mode="crop",
        crop_fraction=0.875,
        interpolation="bilinear",
        layout="NCHW",
        channels="RGB",
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    )


def test_mean_and_std_alone_squash_the_whole_picture(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32], last="Gemm")
    spec = describe(path, ModelOptions(labels=labels, mean=(1, 2, 3), std=(4, 5, 6)))
    assert spec.activation == "softmax"
    assert (spec.preprocess.resize_mode, spec.preprocess.crop_fraction) == ("squash", 1.0)
    assert spec.preprocess.interpolation == "bilinear"
    assert (spec.preprocess.mean, spec.preprocess.std) == ((1, 2, 3), (4, 5, 6))


def test_options_override_the_preset(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    options = ModelOptions(labels=labels, preset="caffe", crop_fraction=0.5, channels="RGB")
    spec = describe(path, options)
    assert (spec.preprocess.crop_fraction, spec.preprocess.channels) == (0.5, "RGB")
    assert spec.preprocess.mean == PRESETS["caffe"].mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ModelOptions(), "give --mean and --std, or --preset (inception, tf-slim, retrain, "),
        (ModelOptions(mean=(9, 9, 9)), "mean and std belong together: give std too"),
        (ModelOptions(std=(1, 1, 1)), "mean and std belong together: give mean too"),
        (
            ModelOptions(preset="unit", input_name="data"),
            "the model has no input 'data': it has image",
        ),
        (ModelOptions(preset="unit", output_name="data"), "no output 'data': it has scores"),
    ],
)
def test_the_message_says_what_is_missing_or_wrong(
    tmp_path: Path, labels: Path, options: ModelOptions, message: str
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    assert message in missing(path, replace(options, labels=labels))


def test_raw_pixels_are_given_by_a_preset(tmp_path: Path, labels: Path) -> None:
    """Mean 0 and std 1 mean raw pixels to some libraries, and pixels in 0..1 to others."""
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    with pytest.raises(UsageError, match=r"ambiguous: give the preset unit .* or raw .*Rescaling"):
        describe(path, ModelOptions(labels=labels, mean=(0, 0, 0), std=(1, 1, 1)))
    spec = describe(path, ModelOptions(labels=labels, preset="raw"))
    assert (spec.preprocess.mean, spec.preprocess.std) == ((0, 0, 0), (1, 1, 1))
    packed = tmp_path / "packed.onnx"
    packed.write_bytes(pack(spec, read_weights(spec)))
    assert describe(packed, ModelOptions()).preprocess == spec.preprocess


def test_values_for_pixels_in_0_to_1_are_refused_in_a_packed_file(
    tmp_path: Path, labels: Path
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    spec = describe(path, ModelOptions(labels=labels, preset="torchvision"))
    toml = folder_toml(spec).replace("123.675, 116.28, 103.53", "0.485, 0.456, 0.406")
    entries = {"pictell.model": toml, "pictell.labels": "cat\ndog\n"}
    path.write_bytes(with_metadata(path.read_bytes(), entries))
    assert "multiply both by 255" in missing(path, ModelOptions())


def test_a_crop_fraction_needs_a_resize_mode(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    options = ModelOptions(labels=labels, mean=(117, 117, 117), std=(1, 1, 1), crop_fraction=0.875)
    with pytest.raises(UsageError, match="give --resize-mode crop or squash"):
        describe(path, options)
    for more in ({"resize_mode": "crop"}, {"preset": "torchvision"}):
        found = describe(path, replace(options, **more)).preprocess
        assert (found.resize_mode, found.crop_fraction) == ("crop", 0.875)


def test_without_labels_there_is_no_model(tmp_path: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    assert missing(path, ModelOptions(preset="unit")) == (
        "two.onnx: the model has no labels: give --labels FILE"
    )


def test_pictures_of_any_size_need_a_size(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, "H", "W"])
    options = ModelOptions(labels=labels, preset="unit")
    assert missing(path, options) == (
        "two.onnx: the input 'image' takes images of any size: give --size"
    )
    spec = describe(path, replace(options, size=(40, 30)))
    assert (spec.preprocess.width, spec.preprocess.height) == (40, 30)


def test_an_unknown_layout_must_be_given(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", "C", 24, 32])
    options = ModelOptions(labels=labels, preset="unit")
    assert "the channel axis of the input 'image' is unknown: give --layout" in missing(
        path, options
    )
    assert describe(path, replace(options, layout="NCHW")).preprocess.width == 32


def test_an_unknown_activation_must_be_given(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32], last="LogSoftmax")
    options = ModelOptions(labels=labels, preset="unit")
    assert "does not show whether it gives probabilities: give --activation" in missing(
        path, options
    )
    assert describe(path, replace(options, activation="softmax")).activation == "softmax"


def test_an_unknown_preset_lists_the_known_ones(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    with pytest.raises(UsageError, match="unknown preset 'best': give one of inception, tf-slim"):
        describe(path, ModelOptions(labels=labels, preset="best"))


def test_background_and_unlabelled_outputs_get_names(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    labels.write_text("cat\n")
    options = ModelOptions(labels=labels, preset="unit")
    message = missing(path, options)
    assert "1 labels for an output of 2 classes: give --background" in message
    assert "--unlabelled 1" in message
    for spec, names in (
        (describe(path, replace(options, background=True)), ["background", "cat"]),
        (describe(path, replace(options, unlabelled=1)), ["cat", "unlabelled output 1"]),
    ):
        assert [label.name for label in spec.labels] == names


def test_labels_of_another_model_differ_from_a_missing_line(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    labels.write_text("a\nb\nc\n")
    message = missing(path, ModelOptions(labels=labels, preset="unit"))
    assert message == (
        "two.onnx: 3 labels for an output of 2 classes: these labels are for another model"
        " (the labels begin with 'a' and 'b')"
    )


def test_one_message_lists_everything_that_is_missing(tmp_path: Path) -> None:
    message = missing(write_graph(tmp_path, ["N", 3, "H", "W"], last="LogSoftmax"), ModelOptions())
    for words in ("give --activation", "give --size", "give --labels", "give --mean"):
        assert words in message


def test_background_and_unlabelled_go_together(tmp_path: Path) -> None:
    assert [label.name for label in complete([Label("cat")], background=True, unlabelled=1)] == [
        "background", "cat", "unlabelled output 2"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "size", "mean"),
    [
        ("mobilenet_v1_0.25_128_frozen/frozen_graph.pb", 128, (127.5, 127.5, 127.5)),
        ("mobilenet_v1_0.25_128_frozen/quantized_graph.pb", 128, (127.5, 127.5, 127.5)),
        ("mobilenet_v1_0.25_224_frozen/frozen_graph.pb", 224, (127.5, 127.5, 127.5)),
        ("coral/mobilenet_v2_1.0_224_quant.tflite", 224, None),
        ("coral/tf2_mobilenet_v2_1.0_224_ptq.tflite", 224, None),
        ("coral/mobilenet_v1_0.25_128_quant.tflite", 128, None),
    ],
)
def test_published_files_are_recognised_by_their_checksum(
    shared: Path, file: str, size: int, mean: tuple[float, float, float] | None
) -> None:
    spec = describe(shared / "models" / file, ModelOptions())
    assert (spec.preprocess.width, spec.preprocess.height) == (size, size)
    assert (spec.preprocess.mean, spec.preprocess.crop_fraction) == (mean, 0.875)
    assert spec.activation == "none"
    assert spec.labels == (Label("background"), *IMAGENET)
    assert spec.licence == "Apache-2.0"


def test_labels_in_the_options_override_those_of_the_catalogue(shared: Path) -> None:
    folder = shared / "models" / "mobilenet_v1_0.25_128_frozen"
    spec = describe(folder / "frozen_graph.pb", ModelOptions(labels=folder / "labels.txt"))
    assert spec.labels == (Label("background"), *IMAGENET)


def test_the_retrained_graph_needs_its_two_files_and_a_preset(shared: Path) -> None:
    folder = shared / "models" / "panel_retrained_frozen"
    path, labels = folder / "retrained_graph.pb", folder / "retrained_labels.txt"
    assert "give --mean and --std, or --preset" in missing(path, ModelOptions(labels=labels))
    spec = describe(path, ModelOptions(labels=labels, preset="tf-slim"))
    assert (spec.input_name, spec.output_name, spec.activation) == ("input", "final_result", "none")
    assert len(spec.labels) == 6


def test_an_onnx_file_carries_its_spec_and_labels(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    spec = describe(path, ModelOptions(labels=labels, preset="caffe"))
    packed = tmp_path / "packed.onnx"
    packed.write_bytes(pack(spec, read_weights(spec)))
    found = describe(packed, ModelOptions())
    assert found == replace(spec, weights=packed, sha256=found.sha256)
    assert read_weights(found).graph == packed.read_bytes()
    onnx.checker.check_model(onnx.load(packed))
    with pytest.raises(UsageError, match=r"packed.onnx has its own labels and preprocessing"):
        describe(packed, ModelOptions(labels=labels))


def test_an_onnx_file_carries_its_taxonomy_and_calibration(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    kinds = Attachment("kinds.tsv", "animal\tanimal\t-\ncat\tanimal\n")
    bare = describe(path, ModelOptions(labels=labels, preset="caffe"))
    assert (bare.taxonomy, bare.calibration) == (None, None)
    fitted = Attachment("calibration.toml", f"# the cat's\n{to_toml(FITTED, bare.sha256)}")
    spec = replace(bare, taxonomy=kinds, calibration=fitted)
    packed, folder = tmp_path / "packed.onnx", tmp_path / "folder"
    packed.write_bytes(pack(spec, read_weights(spec)))
    found = describe(packed, ModelOptions())
    assert read_calibration(found) == read_calibration(spec) == FITTED
    create_model_folder(folder, found, read_weights(found))
    again = read_model_folder(folder)
    assert again.taxonomy == replace(kinds, name="taxonomy.tsv")
    # Unchanged except for the weights.
    text = fitted.text.replace(bare.sha256, again.sha256)
    assert again.calibration == Attachment("calibration.toml", text)
    assert read_calibration(again) == FITTED

    # Packing again without them removes them from the graph.
    packed.write_bytes(pack(replace(again, taxonomy=None, calibration=None), read_weights(again)))
    found = describe(packed, ModelOptions())
    assert (found.taxonomy, found.calibration) == (None, None)


def test_a_calibration_for_other_weights_is_refused_in_a_packed_file(
    tmp_path: Path, labels: Path
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    spec = describe(path, ModelOptions(labels=labels, preset="caffe"))
    stale = replace(spec, calibration=Attachment("calibration.toml", to_toml(FITTED, "1" * 64)))
    packed = tmp_path / "packed.onnx"
    packed.write_bytes(pack(stale, read_weights(spec)))
    with pytest.raises(
        InvalidModelError, match=r"^pictell.calibration: .* run pictell calibrate again"
    ):
        read_calibration(describe(packed, ModelOptions()))


def test_an_onnx_file_names_no_file_beside_it(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    spec = describe(path, ModelOptions(labels=labels, preset="caffe"))
    (tmp_path / "taxonomy.tsv").write_text("nonsense")
    text = folder_toml(replace(spec, taxonomy=Attachment("kinds.tsv", "")))
    assert 'taxonomy = "taxonomy.tsv"' in text
    entries = {"pictell.model": text, "pictell.labels": "cat\ndog\n"}
    packed = tmp_path / "packed.onnx"
    packed.write_bytes(with_metadata(path.read_bytes(), entries))
    assert describe(packed, ModelOptions()).taxonomy is None


def test_only_an_onnx_file_can_carry_its_spec(shared: Path) -> None:
    spec = describe(
        shared / "models" / "coral" / "mobilenet_v1_0.25_128_quant.tflite", ModelOptions()
    )
    with pytest.raises(UsageError, match="only an ONNX model can carry its spec"):
        pack(spec, read_weights(spec))


def test_pickles_are_refused_before_anything_else(tmp_path: Path, labels: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(UnsafeModelError, match="pickle"):
        describe(path, ModelOptions(labels=labels))


def inspection(image: TensorSpec, output: str = "out", classes: int = 10) -> Inspection:
    return Inspection(
        "tflite", (image,), (TensorSpec(output, (1, classes), "float32"),), {}, {}, {}
    )


def quantised(dtype: str, scale: float, zero_point: int) -> TensorSpec:
    return TensorSpec("image", (1, 224, 224, 3), dtype, (scale, zero_point))


FLOATS = TensorSpec("image", (1, 224, 224, 3), "float32")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (inspection(quantised("uint8", 1 / 128, 128)), ("tf-slim", "likely")),
        (inspection(quantised("int8", 1 / 127.5, 0)), ("tf-slim", "likely")),
        (inspection(quantised("int8", 1 / 255, -128)), ("unit", "likely")),
        (inspection(quantised("int8", 1.0, 0)), None),
        (inspection(quantised("int8", 1.0, -128)), ("raw", "likely")),
        (inspection(FLOATS, "MobilenetV1/Predictions/Reshape_1"), ("tf-slim", "likely")),
        (inspection(FLOATS, "final_result"), ("retrain", "possible")),
        (
            inspection(replace(FLOATS, name="Placeholder"), "final_result"),
            ("retrain-hub", "possible"),
        ),
        (inspection(FLOATS, "output", 1008), ("inception", "likely")),
        (inspection(replace(FLOATS, shape=(None, 3, 224, 224))), ("torchvision", "possible")),
        (inspection(FLOATS), None),
    ],
)  # fmt: skip
def test_a_guess_names_a_preset_and_its_reason(
    found: Inspection, expected: tuple[str, str] | None
) -> None:
    guessed = guess(found)
    if expected is None:
        assert guessed is None
    else:
        assert isinstance(guessed, Guess)
        assert (guessed.preset, guessed.sure) == expected
        assert guessed.reason


@pytest.mark.slow
def test_a_retrained_inception_takes_pixels_after_its_jpeg_decoder(
    tmp_path: Path, labels: Path
) -> None:
    """As in graphs of ``retrain.py`` of 2016, whose only placeholder takes a JPEG file."""
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default() as graph:
        encoded = v1.placeholder(tensorflow.string, [], name="DecodeJpeg/contents")
        decoded = tensorflow.image.decode_jpeg(encoded, channels=3, name="DecodeJpeg")
        batch = tensorflow.expand_dims(tensorflow.cast(decoded, tensorflow.float32), 0)
        resized = v1.image.resize_bilinear(batch, [20, 24])
        normalised = tensorflow.multiply(resized - 128.0, 1 / 128, name="Mul")
        pooled = tensorflow.reduce_mean(normalised, [1, 2])
        tensorflow.nn.softmax(pooled[:, :2], name="final_result")
    path = tmp_path / "output_graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    options = ModelOptions(labels=labels, preset="tf-slim", size=(24, 20))
    assert "the model has no input 'mul'" in missing(path, replace(options, input_name="mul"))
    spec = describe(path, replace(options, input_name="Mul:0"))
    assert spec.input_name == "Mul"
    pixels = np.full((50, 60, 3), (255, 0, 0), np.uint8)
    red = np.exp([1.0, -1.0]) / np.exp([1.0, -1.0]).sum()
    for runtime in ("tensorflow", "openvino"):
        session = runtimes.open_session(spec, read_weights(spec), EngineOptions(runtime=runtime))
        found = run(session, spec, preprocess(as_decoded(pixels), spec.preprocess))
        np.testing.assert_allclose(found, [red], atol=1e-5)


def test_names_that_end_in_a_number_of_an_output(tmp_path: Path, labels: Path) -> None:
    """As in ONNX and TFLite files that come from TensorFlow."""
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    model = onnx.load(path)
    model.graph.input[0].name = model.graph.node[0].input[0] = "images:0"
    model.graph.output[0].name = model.graph.node[-1].output[0] = "Softmax:0"
    onnx.save(model, path)
    options = ModelOptions(
        labels=labels, preset="unit", input_name="images:0", output_name="Softmax:0"
    )
    spec = describe(path, options)
    assert (spec.input_name, spec.output_name) == ("images:0", "Softmax:0")


def test_another_output_has_its_own_activation(shared: Path) -> None:
    path = shared / "models" / "mobilenet_v1_0.25_224_frozen" / "frozen_graph.pb"
    spec = describe(path, ModelOptions(output_name="MobilenetV1/Logits/SpatialSqueeze"))
    assert spec.activation == "softmax"


def test_a_labels_file_may_be_called_imagenet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    monkeypatch.chdir(tmp_path)
    Path("imagenet").write_text("mine\nyours\n")
    spec = describe(path, ModelOptions(labels="imagenet", preset="unit"))
    assert [label.name for label in spec.labels] == ["mine", "yours"]


def test_the_message_about_the_bare_default_weights_lists_what_they_need() -> None:
    message = missing(models.find("default").weights, ModelOptions())
    assert "the model has 2 outputs: give --output with one of logits, " in message
    assert "give --labels FILE" in message


@pytest.mark.parametrize("name", ["jpeg", "png", "webp-lossy"])
def test_a_picture_is_not_a_model(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model"
    path.write_bytes(photo_as(name))
    with pytest.raises(InvalidModelError, match=r"^model: a picture, not a model"):
        describe(path, ModelOptions())


@pytest.mark.parametrize(
    ("options", "differ"),
    [
        (ModelOptions(preset="inception"), "mean and std"),
        (ModelOptions(mean=(127.5,) * 3, std=(1.0,) * 3), "std"),
        (ModelOptions(channels="BGR"), "order of the colours"),
        (ModelOptions(preset="retrain"), None),
        (ModelOptions(), None),
    ],
)
def test_a_published_file_warns_of_another_recipe(
    shared: Path, options: ModelOptions, differ: str | None
) -> None:
    folder = shared / "models" / "mobilenet_v1_0.25_128_frozen"
    options = replace(options, labels=folder / "labels.txt")
    if differ is None:
        pictell.load(folder / "frozen_graph.pb", options=options, wait=False).close()
        return
    with pytest.warns(ModelWarning, match=f"with another {differ}$") as caught:
        pictell.load(folder / "frozen_graph.pb", options=options, wait=False).close()
    assert caught[0].filename == __file__


def test_one_output_has_no_softmax(shared: Path) -> None:
    """It would be 1 for every picture."""
    cases = shared / "cases"
    options = ModelOptions(labels=cases / "models" / "l1.txt", preset="raw")
    model = cases / "models" / "logit1.onnx"
    with pytest.raises(InvalidModelError, match="--activation sigmoid"):
        describe(model, replace(options, activation="softmax"))
    assert len(describe(model, replace(options, activation="sigmoid")).labels) == 1


def test_an_input_of_a_type_that_no_option_helps_is_refused_at_once(
    tmp_path: Path, labels: Path
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    model.graph.node.insert(0, helper.make_node("Cast", ["image"], ["numbers"], to=1))
    model.graph.node[1].input[0] = "numbers"
    onnx.save(model, path)
    for options in (ModelOptions(labels=labels), ModelOptions(labels=labels, preset="unit")):
        message = missing(path, options)
        assert "takes int8: export the model with an input of float32 or uint8" in message
        assert "--mean" not in message


def test_an_unknown_mean_names_the_likely_preset_first(shared: Path, labels: Path) -> None:
    path = shared / "models" / "panel_retrained_frozen" / "retrained_graph.pb"
    message = missing(path, ModelOptions(labels=labels))
    assert message.index("give --preset retrain ") < message.index("give --mean and --std, or")


@pytest.mark.parametrize("layer", ["sequential/rescaling_1/mul", "model/normalization/Sub"])
def test_a_layer_that_rescales_leads_to_raw_pixels(
    tmp_path: Path, labels: Path, layer: str
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    model = onnx.load(path)
    model.graph.node[0].name = layer
    onnx.save(model, path)
    assert "give --preset raw if it is right (likely: " in missing(path, ModelOptions())
    found = examine(path, ModelOptions(labels=labels))
    assert "likely preset raw" in found.preprocessing
    model.graph.node[0].name = "model/batch_normalization/Sub"
    onnx.save(model, path)
    assert "--preset raw" not in examine(path, ModelOptions(labels=labels)).preprocessing


@pytest.mark.parametrize("shape", [["N", 3, 24, 1], ["N", 1, 24, 3], ["N", 3, 24, 3]])
def test_two_axes_that_may_be_the_channels_need_a_layout(
    tmp_path: Path, labels: Path, shape: list[object]
) -> None:
    path = write_graph(tmp_path, shape)
    options = ModelOptions(labels=labels, preset="unit")
    assert missing(path, options) == (
        "two.onnx: the channel axis of the input 'image' is unknown: give --layout"
    )
    found = describe(path, replace(options, layout="NHWC")).preprocess
    assert (found.height, found.width) == (shape[1], 24)
    if shape[1] != shape[3]:
        grey = describe(path, replace(options, channels="grey")).preprocess
        assert grey.layout == ("NCHW" if shape[1] == 1 else "NHWC")


def edited(path: Path, edit: Callable[[onnx.ModelProto], object]) -> Path:
    model = onnx.load(path)
    edit(model)
    onnx.save(model, path)
    return path


def add_input(model: onnx.ModelProto) -> None:
    size = helper.make_tensor_value_info("size", TensorProto.FLOAT, ["N", 3, 24, 32])
    model.graph.input.append(size)


def add_custom_operation(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "mine"
    model.opset_import.append(helper.make_opsetid("mine", 1))


@pytest.mark.parametrize("edit", [add_input, add_custom_operation])
def test_a_model_that_is_refused_gets_no_model_toml(
    tmp_path: Path, labels: Path, edit: Callable[[onnx.ModelProto], object]
) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    given = ModelOptions(preset="unit", input_name="image")
    # Without labels it is a draft.
    assert examine(path, given).toml
    edited(path, edit)
    for options in (given, replace(given, labels=labels), ModelOptions(input_name="image")):
        found = examine(path, options)
        assert found.refusal or found.missing
        assert found.toml == ""


def test_a_stored_model_that_is_refused_shows_no_model_toml(tmp_path: Path, labels: Path) -> None:
    path = write_graph(tmp_path, ["N", 3, 24, 32])
    spec = describe(path, ModelOptions(labels=labels, preset="unit"))
    create_model_folder(tmp_path / "mine", replace(spec, output_name="other"), read_weights(spec))
    found = examine(tmp_path / "mine", ModelOptions())
    assert found.missing is not None
    assert found.toml == ""
