"""ONNX files: inputs, outputs, metadata and what is refused."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import pictell
from hostile_models import (
    branching,
    doubling,
    external_tensor,
    inner_graph,
    onnx_model,
    weights,
)
from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.graphs import TensorSpec
from pictell.inspection import check_safe, inspect_weights
from pictell.inspection.expansion import MAX_OPERATIONS, refuse_growth
from pictell.inspection.onnx import DTYPES, external_data, with_metadata

DEFAULT = Path(pictell.__file__).parent / "models/default/weights.onnx"
# An operation that opens a file.
EP_CONTEXT = helper.make_node(
    "EPContext", ["image"], ["x"], domain="com.microsoft", ep_cache_context="/etc/passwd"
)
YES = numpy_helper.from_array(np.array(True), "yes")


def refusal(model: onnx.ModelProto, **files: bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check_safe(weights("onnx", model.SerializeToString(), **files))
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def test_a_small_model() -> None:
    found = inspect_weights(weights("onnx", onnx_model().SerializeToString()))
    assert found.format == "onnx"
    assert found.inputs == (TensorSpec("image", (None, 3, 4, 4), "float32"),)
    assert found.outputs == (TensorSpec("scores", (None, 3), "float32"),)
    assert found.activations == {"scores": "none"}
    assert found.ops == {"Flatten": 1, "MatMul": 1, "Softmax": 1}
    check_safe(weights("onnx", onnx_model().SerializeToString()))


def test_the_default_model() -> None:
    content = weights("onnx", DEFAULT.read_bytes())
    check_safe(content)
    found = inspect_weights(content, ["logits"])
    assert found.inputs == (TensorSpec("image", (None, 224, 224, 3), "uint8"),)
    assert found.outputs == (TensorSpec("logits", (None, 1000), "float32"),)
    assert found.activations == {"logits": "softmax"}
    assert found.ops["Conv"] == 49


def test_the_outputs_are_those_of_the_runtime() -> None:
    session = onnxruntime.InferenceSession(DEFAULT.read_bytes())
    found = inspect_weights(weights("onnx", DEFAULT.read_bytes()))
    assert [tensor.name for tensor in found.outputs] == [o.name for o in session.get_outputs()]
    assert [tensor.name for tensor in found.inputs] == [i.name for i in session.get_inputs()]


def test_an_initializer_is_not_an_input() -> None:
    model = onnx_model()
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [48, 3]))
    assert len(inspect_weights(weights("onnx", model.SerializeToString())).inputs) == 1


def test_an_unknown_output_lists_the_known_ones() -> None:
    with pytest.raises(InvalidModelError, match=r"^the model has no output 'x': it has scores$"):
        inspect_weights(weights("onnx", onnx_model().SerializeToString()), ["x"])


def test_element_types_are_those_of_onnx() -> None:
    for number, name in enumerate(DTYPES):
        if name not in {"object", "string"}:
            assert helper.tensor_dtype_to_np_dtype(number).name == name


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        (["Softmax"], "none"),
        (["Sigmoid"], "independent"),
        (["HardSigmoid", "Reshape"], "independent"),
        (["Softmax", "Reshape", "Cast"], "none"),
        (["Gemm"], "softmax"),
        (["Conv", "GlobalAveragePool", "Flatten"], "softmax"),
        (["Conv", "Squeeze", "Identity"], "softmax"),
        (["LogSoftmax"], None),
        (["Relu"], None),
        (["Exp", "Div"], "none"),
        (["Sqrt", "Div"], None),
        ([], None),
        (["Softmax", *["Identity"] * 200], None),
    ],
)
def test_the_last_operation_decides_the_activation(ops: list[str], expected: str | None) -> None:
    names = ["logits", *(f"v{i}" for i in range(len(ops)))]
    nodes = [helper.make_node(op, [names[i]], [names[i + 1]]) for i, op in enumerate(ops)]
    content = onnx_model(*nodes, output=names[-1]).SerializeToString()
    if not ops:
        content = onnx_model(output="image").SerializeToString()
    assert list(inspect_weights(weights("onnx", content)).activations.values()) == [expected]


def test_a_graph_with_a_cycle_ends() -> None:
    nodes = [helper.make_node("Identity", ["b"], ["a"]), helper.make_node("Identity", ["a"], ["b"])]
    content = onnx_model(*nodes, output="a").SerializeToString()
    assert inspect_weights(weights("onnx", content)).activations == {"a": None}


# What a graph may do


@pytest.mark.parametrize(
    ("domain", "op"),
    [
        ("com.microsoft", "QGemm"),
        ("com.microsoft", "QLinearAdd"),
        ("com.microsoft", "FusedConv"),
        ("com.microsoft.nchwc", "Conv"),
        ("ai.onnx.ml", "ZipMap"),
        ("", "Conv"),
    ],
)
def test_what_only_computes_is_allowed(domain: str, op: str) -> None:
    extra = helper.make_node(op, ["image"], ["x"], domain=domain)
    check_safe(weights("onnx", onnx_model(extra).SerializeToString()))


@pytest.mark.parametrize(
    ("domain", "op"),
    [
        ("com.microsoft", "EPContext"),
        ("com.microsoft", "PythonOp"),
        ("com.microsoft", "Tokenizer"),
        ("ai.onnx.contrib", "PyCustomOp"),
        ("org.pytorch.aten", "ATen"),
        ("my.company", "Anything"),
        ("ai.onnx.preview.training", "Adam"),
        ("com.microsoft.nchwc", "EPContext"),
    ],
)
def test_other_operations_are_refused(domain: str, op: str) -> None:
    extra = helper.make_node(op, ["image"], ["x"], domain=domain)
    error = refusal(onnx_model(extra))
    assert type(error) is UnsafeModelError
    assert str(error).endswith(f" may do more than compute: {domain}.{op}")


def test_inside_a_graph_inside_a_graph() -> None:
    deepest = branching(inner_graph(EP_CONTEXT))
    error = refusal(onnx_model(branching(inner_graph(deepest)), initializers=[YES]))
    assert "EPContext" in str(error)


def test_the_operations_of_a_function_are_checked() -> None:
    def model(op: str, domain: str) -> onnx.ModelProto:
        body = helper.make_node(op, ["a"], ["b"], domain=domain)
        function = helper.make_function(
            "mine", "Twice", ["a"], ["b"], [body], [helper.make_opsetid("", 17)]
        )
        use = helper.make_node("Twice", ["image"], ["x"], domain="mine")
        return onnx_model(use, functions=[function], domains=["mine"])

    check_safe(weights("onnx", model("Relu", "").SerializeToString()))
    assert "EPContext" in str(refusal(model("EPContext", "com.microsoft")))


@pytest.mark.parametrize("domain", ["com.microsoft", "com.microsoft.experimental", "com.ms.x"])
def test_a_function_does_not_hide_an_operation_of_the_runtime(domain: str) -> None:
    harmless = helper.make_node("Relu", ["a"], ["b"])
    function = helper.make_function(
        domain, "EPContext", ["a"], ["b"], [harmless], [helper.make_opsetid("", 17)]
    )
    use = helper.make_node("EPContext", ["image"], ["x"], domain=domain)
    error = refusal(onnx_model(use, functions=[function], domains=[domain]))
    assert type(error) is UnsafeModelError


def test_the_default_of_an_attribute_is_checked() -> None:
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])],
        [helper.make_opsetid("", 17)],
        attribute_protos=[helper.make_attribute("g", inner_graph(EP_CONTEXT))],
    )  # fmt: skip
    assert "EPContext" in str(refusal(onnx_model(functions=[function], domains=["mine"])))


def test_functions_that_stand_for_too_many_operations() -> None:
    few = MAX_OPERATIONS.bit_length() - 1
    check_safe(weights("onnx", doubling(few).SerializeToString()))
    for levels in (few + 1, 28, 2000):
        error = refusal(doubling(levels))
        assert type(error) is UnsafeModelError
        assert f"'mine.F{levels - few - 1}' stands for more than" in str(error)


def test_a_graph_that_calls_a_large_function_often() -> None:
    levels = MAX_OPERATIONS.bit_length() - 2
    model = doubling(levels)
    check_safe(weights("onnx", model.SerializeToString()))
    calls = [
        helper.make_node("F0", ["scores"], [f"again{number}"], domain="mine") for number in range(4)
    ]
    model.graph.node.extend(calls)
    assert "the functions of the model stand for more" in str(refusal(model))


def test_graphs_that_calls_pass_on_are_counted() -> None:
    """A function uses the graph that it is given twice; graphs in graphs are given to it."""
    both = helper.make_node("If", ["c"], ["b"])
    for branch in ("then_branch", "else_branch"):
        both.attribute.append(
            onnx.AttributeProto(name=branch, ref_attr_name="g", type=onnx.AttributeProto.GRAPH)
        )
    function = helper.make_function(
        "mine", "Both", ["c"], ["b"], [both, both], [helper.make_opsetid("", 17)], ["g"]
    )
    graph = inner_graph(helper.make_node("Identity", ["yes"], ["inner"]))
    for _ in range(20):
        graph = inner_graph(helper.make_node("Both", ["yes"], ["inner"], domain="mine", g=graph))
    use = helper.make_node("Both", ["yes"], ["x"], domain="mine", g=graph)
    model = onnx_model(use, functions=[function], domains=["mine"], initializers=[YES])
    assert "the functions of the model stand for more" in str(refusal(model))


def test_a_function_that_calls_itself() -> None:
    body = helper.make_node("Again", ["a"], ["b"], domain="mine")
    function = helper.make_function(
        "mine", "Again", ["a"], ["b"], [body], [helper.make_opsetid("mine", 1)]
    )
    assert "'mine.Again' calls itself" in str(refusal(onnx_model(functions=[function])))


def test_each_function_is_measured_once() -> None:
    measured = list[str]()

    def measure(name: str, sizes: Mapping[str, int]) -> int:
        measured.append(name)
        return 1

    names = list(map(str, range(1000)))
    refuse_growth({name: names[: int(name)] for name in names}, measure)
    assert sorted(measured) == sorted(names)


def test_functions_of_a_stranger(shared: Path) -> None:
    content = Path(shared, "cases/hostile/func_exp.onnx").read_bytes()
    with pytest.raises(UnsafeModelError, match="stands for more than"):
        check_safe(weights("onnx", content))


def test_onnx_runtimes_own_format_in_disguise() -> None:
    # A producer's name puts the mark where ONNX Runtime looks for it.
    content = b"\x12\x06xxORTM" + onnx_model().SerializeToString()
    onnx.load_from_string(content)
    with pytest.raises(InvalidModelError, match="own format"):
        check_safe(weights("onnx", content))


# Weights in other files


def test_external_data_is_unique_and_sorted() -> None:
    names = ["z.bin", "a/b.bin", "z.bin"]
    tensors = [external_tensor(place, f"t{i}") for i, place in enumerate(names)]
    model = onnx_model(initializers=tensors)
    assert external_data(model.SerializeToString()) == ("a/b.bin", "z.bin")
    check_safe(weights("onnx", model.SerializeToString(), **{"a/b.bin": b"", "z.bin": b""}))
    assert str(refusal(model, **{"z.bin": b""})).endswith(" not part of it: a/b.bin")


def test_a_model_without_external_data() -> None:
    assert external_data(onnx_model().SerializeToString()) == ()


@pytest.mark.parametrize(
    "place", ["../../etc/passwd", "/etc/passwd", "", "a/../../b", "C:\\w", "*/_ORT_MEM_ADDR_/*"]
)
def test_external_data_that_leads_out_is_unsafe(place: str) -> None:
    model = onnx_model(initializers=[external_tensor(place)])
    assert type(refusal(model, **{place: b"x"})) is UnsafeModelError
    with pytest.raises(UnsafeModelError):
        external_data(model.SerializeToString())


def test_external_data_with_two_places_or_none_is_unsafe() -> None:
    two = external_tensor("a")
    entry = two.external_data.add()
    entry.key, entry.value = "location", "../b"
    none = external_tensor("a")
    del none.external_data[:]
    for tensor in (two, none):
        error = refusal(onnx_model(initializers=[tensor]), a=b"x")
        assert "does not name one file" in str(error)


def external_places() -> dict[str, onnx.ModelProto]:
    tensor = external_tensor("w.bin")
    sparse = helper.make_sparse_tensor(
        external_tensor("w.bin"), numpy_helper.from_array(np.array([0]), "i"), [4]
    )
    constant = helper.make_node("Constant", [], ["c"])
    constant.attribute.append(helper.make_attribute("value", tensor))
    sparse_constant = helper.make_node("Constant", [], ["c"])
    sparse_constant.attribute.append(helper.make_attribute("sparse_value", sparse))
    with_sparse = onnx_model()
    with_sparse.graph.sparse_initializer.append(sparse)
    function = helper.make_function(
        "mine", "F", ["a"], ["c"], [constant], [helper.make_opsetid("", 17)]
    )
    inner = inner_graph(initializers=[tensor])
    return {
        "attribute": onnx_model(constant),
        "sparse attribute": onnx_model(sparse_constant),
        "sparse": with_sparse,
        "inner graph": onnx_model(branching(inner), initializers=[YES]),
        "innermost": onnx_model(branching(inner_graph(branching(inner))), initializers=[YES]),
        "in an inner attribute": onnx_model(branching(inner_graph(constant)), initializers=[YES]),
        "function": onnx_model(functions=[function], domains=["mine"]),
    }


@pytest.mark.parametrize("place", external_places())
def test_only_the_main_weights_can_be_external(place: str) -> None:
    model = external_places()[place]
    assert "other than its main weights" in str(refusal(model, **{"w.bin": b"x"}))


# Metadata


def test_adding_metadata_keeps_the_graph() -> None:
    before = onnx_model()
    before.metadata_props.add(key="kept", value="1")
    before.metadata_props.add(key="changed", value="old")
    content = with_metadata(before.SerializeToString(), {"changed": "new", "näme": "Ä\n"})
    after = onnx.load_from_string(content)
    onnx.checker.check_model(after)
    assert after.graph == before.graph
    expected = {"kept": "1", "changed": "new", "näme": "Ä\n"}
    assert inspect_weights(weights("onnx", content)).metadata == expected
    session = onnxruntime.InferenceSession(content)
    assert session.get_modelmeta().custom_metadata_map == expected
    pictures = np.ones((2, 3, 4, 4), np.float32)
    (scores,) = session.run(None, {"image": pictures})
    (unchanged,) = onnxruntime.InferenceSession(before.SerializeToString()).run(
        None, {"image": pictures}
    )
    np.testing.assert_array_equal(scores, unchanged)


@given(st.dictionaries(st.text(), st.text()))
def test_any_metadata_is_read_back(entries: dict[str, str]) -> None:
    content = with_metadata(onnx_model().SerializeToString(), entries)
    assert inspect_weights(weights("onnx", content)).metadata == entries


# Damage


@pytest.mark.parametrize("content", [b"", b"\x08\x08", b"\xff", b"\x3a\x00"])
def test_invalid_models(content: bytes) -> None:
    for read in (check_safe, inspect_weights):
        with pytest.raises(InvalidModelError):
            read(weights("onnx", content))
