"""The embedding is found behind every usual last layer; a cut graph computes only that."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import pictell
from hostile_models import weights
from pictell.errors import InvalidModelError
from pictell.inspection import check_safe
from pictell.training.backbone import Taps, cut, find_embedding, find_taps
from small_networks import CHANNELS, HEIGHT, LAST_LAYERS, WIDTH, edited, network, run

DEFAULT = Path(pictell.__file__).parent / "models/default/weights.onnx"
IMAGES = np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH, 3)).astype(np.float32)


def refusal(model: bytes, output: str = "scores", declared: str | None = None) -> str:
    with pytest.raises(InvalidModelError) as caught:
        find_embedding(model, output, declared)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("last", LAST_LAYERS)
def test_the_embedding_of_a_classifier(last: str) -> None:
    assert find_embedding(network(last), "scores") == LAST_LAYERS[last][1]


@pytest.mark.parametrize("declared", [None, "embedding"])
def test_the_embedding_of_the_default_model(declared: str | None) -> None:
    assert find_embedding(DEFAULT.read_bytes(), "logits", declared) == "embedding"


def test_a_declared_embedding_counts() -> None:
    assert find_embedding(network(), "scores", "pooled") == "pooled"


@pytest.mark.parametrize(
    ("last", "declared", "words"),
    [
        ("gemm", "pool", "no operation of the model computes the embedding 'pool'"),
        ("gemm", "w", "no operation of the model computes the embedding 'w'"),
        ("quantised", "q", "the embedding 'q' is not a float tensor: name another"),
    ],
)
def test_a_wrong_declared_embedding(last: str, declared: str, words: str) -> None:
    assert refusal(network(last), declared=declared) == words


def test_an_unknown_output_lists_the_known_ones() -> None:
    assert refusal(network(), "x") == "the model has no output 'x': it has scores"


@pytest.mark.parametrize("op", ["Relu", "GlobalAveragePool", "Exp", "Unheard"])
def test_without_a_classifier_layer(op: str) -> None:
    model = edited(network())
    del model.graph.node[-1]
    model.graph.node.append(helper.make_node(op, ["pooled"], ["scores"]))
    message = refusal(model.SerializeToString())
    assert f"'scores', only {op}: state the embedding" in message


def test_a_convolution_of_a_map_is_no_classifier_layer() -> None:
    model = edited(network("conv"))
    model.graph.node[-2].input[0] = "relu"
    assert "no classifier layer" in refusal(model.SerializeToString())


def test_weights_that_the_picture_changes_are_no_classifier_layer() -> None:
    model = edited(network("matmul-add"))
    model.graph.node[-2].input[1] = "flat"
    assert "no classifier layer" in refusal(model.SerializeToString())


def test_a_cycle_ends() -> None:
    model = edited(network())
    del model.graph.node[-1]
    model.graph.node.extend(
        [helper.make_node("Identity", ["scores"], ["x"]), helper.make_node("Relu", ["x"], ["y"])]
    )
    model.graph.node.append(helper.make_node("Identity", ["x"], ["scores"]))
    assert "no classifier layer" in refusal(model.SerializeToString())


def test_a_layer_that_reads_integers() -> None:
    model = edited(network("quantised"))
    index = [node.op_type for node in model.graph.node].index("QuantizeLinear")
    pooling = helper.make_node(
        "QLinearGlobalAveragePool",
        ["qmap", "step", "zero", "step", "zero"],
        ["qpooled"],
        domain="com.microsoft",
    )
    flatten = helper.make_node("Flatten", ["qpooled"], ["q"])
    before = [*model.graph.node[:index], pooling, flatten]
    nodes = [*before, *model.graph.node[index + 1 :]]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert refusal(model.SerializeToString()).startswith("the classifier layer reads integers, 'q'")


# The other tensors


def test_the_taps_of_the_default_model() -> None:
    taps = find_taps(DEFAULT.read_bytes(), "logits", "embedding")
    assert taps.texture is not None
    assert "_blocks.15._depthwise_conv" in taps.texture
    assert (taps.embedding, taps.output) == ("embedding", "logits")


@pytest.mark.parametrize("depthwise", [True, False])
def test_the_taps_of_a_network(depthwise: bool) -> None:
    taps = find_taps(network(depthwise=depthwise), "scores")
    assert taps == Taps("flat", "texture" if depthwise else None, "scores")


def test_an_output_that_is_the_embedding_has_no_scores() -> None:
    assert find_taps(network("gemm"), "scores", "scores").output is None


# The cut


@pytest.mark.parametrize("last", LAST_LAYERS)
def test_a_cut_graph_gives_the_same_embedding(last: str) -> None:
    model, embedding = network(last), LAST_LAYERS[last][1]
    whole = edited(model)
    whole.graph.output.append(onnx.ValueInfoProto(name=embedding))
    _, expected = run(whole.SerializeToString(), IMAGES)
    part = cut(model, [embedding], "image")
    check_safe(weights("onnx", part))
    (found,) = run(part, IMAGES)
    assert np.array_equal(found, expected)
    assert found.reshape(2, -1).shape == (2, CHANNELS)
    names = {tensor.name for tensor in edited(part).graph.initializer}
    assert names == {"kernel"} | ({"step", "zero"} if last == "quantised-and-back" else set())


def test_the_default_model_loses_its_classifier() -> None:
    content = DEFAULT.read_bytes()
    part = cut(content, ["embedding"], "image")
    assert len(content) - len(part) > 1280 * 1000
    images = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), np.uint8)
    (expected,) = run(content, images, "embedding")
    (found,) = run(part, images)
    assert np.array_equal(found, expected)
    assert [value.name for value in edited(part).graph.output] == ["embedding"]
    onnx.checker.check_model(edited(part), full_check=True)


def test_what_a_branch_reads_is_kept() -> None:
    model = edited(network())
    branch = helper.make_graph(
        [helper.make_node("Mul", ["relu", "b1"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )
    condition = helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch)
    model.graph.node.insert(4, condition)
    pool = next(node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    pool.input[0] = "chosen"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32([2.0]), "b1"))
    part = cut(model.SerializeToString(), ["flat"], "image")
    assert {t.name for t in edited(part).graph.initializer} == {"kernel", "yes", "b1"}
    (plain,) = run(cut(network(), ["flat"], "image"), IMAGES)
    assert np.allclose(run(part, IMAGES)[0], 2 * plain)


def test_initializers_that_are_inputs_too() -> None:
    model = edited(network(), ir_version=3)
    for tensor in model.graph.initializer:
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(value)
    part = cut(model.SerializeToString(), ["flat"], "image")
    assert [value.name for value in edited(part).graph.input] == ["image", "kernel"]
    assert len(run(part, IMAGES)) == 1


@pytest.mark.parametrize(
    ("embedding", "input_name", "words"),
    [
        ("flat", "picture", "the model has no input 'picture': it has image"),
        ("nothing", "image", "no operation of the model computes 'nothing'"),
        ("image", "image", "no operation of the model computes 'image'"),
        ("turned", "image", "'turned' must depend on the input 'image' and no other"),
    ],
)
def test_a_wrong_cut(embedding: str, input_name: str, words: str) -> None:
    with pytest.raises(InvalidModelError, match=f"^{words}"):
        cut(network("weights-transposed-in-the-graph"), [embedding], input_name)


def test_a_second_input_is_refused() -> None:
    model = edited(network())
    model.graph.input.append(helper.make_tensor_value_info("gain", TensorProto.FLOAT, [1]))
    model.graph.node[-2].CopyFrom(helper.make_node("Mul", ["pooled", "gain"], ["flat"]))
    with pytest.raises(InvalidModelError, match=r"it depends on gain, image$"):
        cut(model.SerializeToString(), ["flat"], "image")


# Files that cannot be extended


@pytest.mark.parametrize("opset", [9, 10, 25])
def test_an_opset_out_of_range_is_named(opset: int) -> None:
    model = edited(network())
    model.opset_import[0].version = opset
    content = model.SerializeToString()
    assert refusal(content).startswith(f"the model has opset {opset}, training needs 11 to 24")
    with pytest.raises(InvalidModelError, match=f"opset {opset}"):
        cut(content, ["flat"], "image")


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    onnx.save(
        edited(network()),
        tmp_path / "model.onnx",
        save_as_external_data=True,
        size_threshold=0,
    )
    content = (tmp_path / "model.onnx").read_bytes()
    assert refusal(content).endswith("save it as one ONNX file first")


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, network()[:-40], b"\x08\x08"])
def test_damaged_bytes_are_refused(content: bytes) -> None:
    refusal(content)
    with pytest.raises(InvalidModelError):
        cut(content, ["flat"], "image")
