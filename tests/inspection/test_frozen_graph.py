"""Frozen TensorFlow graphs: inputs, outputs and what is refused."""

from pathlib import Path

import pytest

from hostile_models import (
    attr,
    call,
    classifier,
    constant,
    frozen,
    function,
    node,
    placeholder,
    shape,
    weights,
)
from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.graphs import TensorSpec, Weights
from pictell.inspection import check_safe, inspect_weights
from pictell.inspection.protobuf import Message, new

REAL = attr(type=1)
DANGEROUS = [
    "ReadFile",
    "WriteFile",
    "PrintV2",
    "Print",
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "TextLineDataset",
    "TFRecordDatasetV2",
    "RestoreV2",
    "SaveV2",
    "ImmutableConst",
    "MatchingFiles",
    "RpcCall",
    "RemoteCall",
    "Abort",
    "DebugIdentity",
    "InitializeTableFromTextFileV2",
    "LoadAndRemapMatrix",
    "GenerateVocabRemapping",
    "FileSystemSetConfiguration",
    "CreateSummaryFileWriter",
    "DataServiceDatasetV4",
    "WholeFileReaderV2",
    "ParseTensor",
    "XlaCallModule",
    "SymbolicGradient",
    "MyCompanysOwnOp",
]


def refusal(content: Weights) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check_safe(content)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def test_a_small_graph() -> None:
    content = frozen(classifier())
    check_safe(content)
    found = inspect_weights(content)
    assert found.format == "frozen-graph"
    assert found.inputs == (TensorSpec("image", (None, 4, 4, 3), "float32"),)
    assert found.outputs == (TensorSpec("scores", None, "float32"),)
    assert found.activations == {"scores": "none"}
    assert found.ops["Const"] == 2


@pytest.mark.parametrize(
    ("path", "size", "output"),
    [
        ("mobilenet_v1_0.25_128_frozen/frozen_graph.pb", 128, "Predictions/Reshape_1"),
        ("mobilenet_v1_0.25_128_frozen/quantized_graph.pb", 128, "Predictions/Reshape_1"),
        ("mobilenet_v1_0.25_224_frozen/frozen_graph.pb", 224, "Predictions/Reshape_1"),
        ("panel_retrained_frozen/retrained_graph.pb", 128, "final_result"),
    ],
)
def test_real_graphs(shared: Path, path: str, size: int, output: str) -> None:
    content = weights("frozen-graph", (shared / "models" / path).read_bytes())
    check_safe(content)
    found = inspect_weights(content)
    assert found.inputs == (TensorSpec("input", (1, size, size, 3), "float32"),)
    (tensor,) = found.outputs
    assert tensor.name.endswith(output)
    assert (tensor.shape, tensor.dtype) == (None, "float32")
    assert found.activations == {tensor.name: "none"}


def test_any_node_can_be_the_output(shared: Path) -> None:
    path = shared / "models/panel_retrained_frozen/retrained_graph.pb"
    content = weights("frozen-graph", path.read_bytes())
    logits = "final_training_ops/Wx_plus_b/add"
    found = inspect_weights(content, [f"{logits}:0", "MobilenetV1/Predictions/Reshape"])
    assert [tensor.name for tensor in found.outputs] == [logits, "MobilenetV1/Predictions/Reshape"]
    assert found.activations[logits] == "softmax"


@pytest.mark.parametrize("name", ["import/final_result", "final", "final_result:1"])
def test_an_unknown_node_lists_the_likely_ones(shared: Path, name: str) -> None:
    path = shared / "models/panel_retrained_frozen/retrained_graph.pb"
    with pytest.raises(InvalidModelError) as caught:
        inspect_weights(weights("frozen-graph", path.read_bytes()), [name])
    message = str(caught.value)
    assert message.startswith(
        f"the graph has no node {name!r}: it has final_result, final_training_ops/Wx_plus_b/MatMul"
    )
    assert message.endswith(" more")
    assert message.count(",") == 9


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ([node("init", "NoOp", "^scores")], ["scores"]),
        ([node("unused", "Identity", "w", T=REAL)], ["scores"]),
        ([node("second", "Identity", "flat", T=REAL)], ["scores", "second"]),
        ([placeholder("keep_prob"), constant("more", 2)], ["scores"]),
        ([node("summary", "ScalarSummary", "scores")], ["scores"]),
    ],
)
def test_outputs_are_the_nodes_that_no_node_consumes(
    nodes: list[Message], names: list[str]
) -> None:
    found = inspect_weights(frozen([*classifier(), *nodes]))
    assert [tensor.name for tensor in found.outputs] == names


def test_without_inputs_every_end_is_an_output() -> None:
    found = inspect_weights(frozen([constant("a", 2), node("b", "Softmax", "a", T=REAL)]))
    assert found.inputs == ()
    assert [tensor.name for tensor in found.outputs] == ["b"]


def test_text_is_not_an_input() -> None:
    text = node("contents", "Placeholder", dtype=attr(type=7))
    assert len(inspect_weights(frozen([*classifier(), text])).inputs) == 1


def test_a_placeholder_without_a_shape() -> None:
    bare = node("image", "Placeholder", dtype=attr(type=4))
    unknown = node(
        "image",
        "Placeholder",
        dtype=attr(type=4),
        shape=attr(shape=new("tensorflow", "TensorShapeProto", unknown_rank=True)),
    )
    for one in (bare, unknown):
        assert inspect_weights(frozen([one])).inputs == (TensorSpec("image", None, "uint8"),)


def ending(*nodes: Message, name: str = "end") -> TensorSpec:
    (tensor,) = inspect_weights(frozen([*classifier(), *nodes]), [name]).outputs
    return tensor


def test_shapes_that_the_graph_was_saved_with() -> None:
    shapes = attr(list=new("tensorflow", "ListValue", shape=[shape(-1, 8), shape(1)]))
    assert ending(node("end", "Softmax", "logits", _output_shapes=shapes)).shape == (None, 8)
    assert ending(node("end", "Softmax", "logits", _output_shapes=attr())).shape is None
    (image,) = inspect_weights(frozen(classifier()), ["image"]).outputs
    assert image.shape == (None, 4, 4, 3)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (node("end", "Softmax", "logits", T=REAL), "float32"),
        (node("end", "Cast", "logits", T=REAL, DstT=attr(type=9)), "int64"),
        (node("end", "ArgMax", "logits", "x", T=REAL, output_type=attr(type=3)), "int32"),
        (node("end", "Dequantize", "logits", T=attr(type=12)), "float32"),
        (node("end", "ArgMax", "logits", "x", T=REAL), "int64"),
        (node("end", "Mystery", "logits"), "object"),
        (node("end", "Identity", "logits", T=attr(type=101)), "float32"),
        (node("end", "Identity", "logits", T=attr(type=7)), "string"),
        (node("end", "Identity", "logits", T=attr(type=999)), "object"),
        (node("end", "Identity", "logits", T=attr(type=-7)), "object"),
    ],
)
def test_types_of_outputs(end: Message, expected: str) -> None:
    assert ending(end).dtype == expected


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("end", "Identity", "scores")], "none"),
        ([node("end", "Sigmoid", "logits")], "independent"),
        ([node("end", "LogSoftmax", "logits")], None),
        ([node("end", "Identity", "logits")], "softmax"),
        ([node("end", "RealDiv", "e", "s"), node("e", "Exp", "logits")], "none"),
        ([call("end", "f", "flat")], "none"),
        ([call("end", "g", "flat", op="PartitionedCall")], "none"),
        ([call("end", "itself", "flat")], None),
        ([call("end", "missing", "flat")], None),
    ],
)
def test_activations_also_inside_functions(nodes: list[Message], expected: str | None) -> None:
    library = [
        function("f", node("s", "Softmax", "arg0"), returns="s:softmax:0", arguments=1),
        function("g", call("c", "f", "arg0"), returns="c:output:0", arguments=1),
        function("itself", call("c", "itself", "arg0"), returns="c:output:0", arguments=1),
    ]
    found = inspect_weights(frozen([*classifier(), *nodes], *library), ["end"])
    assert found.activations == {"end": expected}


# What a graph may do


@pytest.mark.parametrize("op", DANGEROUS)
def test_operations_that_do_more_than_compute_are_refused(op: str) -> None:
    bad = node("bad", op, "image")
    inner = function("inner", bad)
    graphs = [
        frozen([*classifier(), bad]),
        frozen(classifier(), inner),
        frozen([*classifier(), call("c", "outer")], function("outer", call("d", "inner")), inner),
    ]
    for graph in graphs:
        error = refusal(graph)
        assert type(error) is UnsafeModelError
        assert str(error).endswith(f" may do more than compute: {op}")


def test_many_refused_operations_are_counted() -> None:
    error = refusal(frozen([node(op, op) for op in DANGEROUS if not op.startswith("Restore")]))
    assert str(error).endswith(f" and {len(DANGEROUS) - 11} more")


@pytest.mark.parametrize(
    "make",
    [
        lambda name: call("c", name),
        lambda name: node(
            "c", "While", "image",
            cond=attr(func=new("tensorflow", "NameAttrList", name="fine")),
            body=attr(func=new("tensorflow", "NameAttrList", name=name)),
        ),
        lambda name: node(
            "c", "Case", "image",
            branches=attr(list=new("tensorflow", "ListValue", func=[
                new("tensorflow", "NameAttrList", name=name)])),
        ),
        lambda name: node(
            "c", "PartitionedCall", "image",
            f=attr(func=new("tensorflow", "NameAttrList", name="fine", attr={
                "g": attr(func=new("tensorflow", "NameAttrList", name=name))})),
        ),
    ],
)  # fmt: skip
def test_only_the_graphs_own_functions_are_called(make) -> None:
    fine = function("fine", node("a", "Relu", "arg0"), arguments=1)
    check_safe(frozen([*classifier(), make("fine")], fine))
    error = refusal(frozen([*classifier(), make("WriteFile")], fine))
    assert type(error) is UnsafeModelError
    assert str(error).startswith("the graph calls 'WriteFile', ")


def test_references_are_not_passed_to_functions() -> None:
    fine = function("fine", node("a", "Relu", "arg0"), arguments=1)
    tensor = new("tensorflow", "TensorProto", dtype=21)
    handed = new("tensorflow", "NameAttrList", name="fine", attr={"v": attr(tensor=tensor)})
    error = refusal(
        frozen([*classifier(), node("c", "PartitionedCall", "image", f=attr(func=handed))], fine)
    )
    assert "reference to memory" in str(error)


def test_functions_that_call_each_other_in_a_circle_are_refused() -> None:
    one = function("one", node("x", "two", "arg0"), returns="x:y:0", arguments=1)
    two = function("two", call("x", "one", "arg0"), returns="x:output:0", arguments=1)
    assert "calls itself" in str(refusal(frozen(classifier(), one, two)))


@pytest.mark.parametrize("levels", [20, 2000])
def test_functions_that_each_call_the_next_one_twice_are_refused(levels: int) -> None:
    def doubling(number: int) -> Message:
        first = call("x", f"f{number + 1}", "arg0")
        second = call("y", f"f{number + 1}", "x:output:0")
        return function(f"f{number}", first, second, returns="y:output:0", arguments=1)

    last = function(f"f{levels}", node("x", "Relu", "arg0"), returns="x:y:0", arguments=1)
    start = [*classifier(), call("c", "f0", "image")]
    error = refusal(frozen(start, *map(doubling, range(levels)), last))
    assert "stands for more than" in str(error)


def test_a_function_may_be_called_by_its_name() -> None:
    check_safe(
        frozen([*classifier(), node("c", "mine", "image")], function("mine", node("a", "NoOp")))
    )
    assert "mine" in str(refusal(frozen([*classifier(), node("c", "mine", "image")])))


@pytest.mark.parametrize("dtype", [20, 21])
def test_references_in_a_file_are_refused(dtype: int) -> None:
    error = refusal(frozen([*classifier(), constant("forged", dtype=dtype)]))
    assert type(error) is UnsafeModelError
    assert str(error).startswith("the graph has a reference to memory")


@pytest.mark.parametrize("op", ["VariableV2", "Variable", "VarHandleOp"])
def test_a_graph_with_variables_must_be_frozen(op: str) -> None:
    for graph in (
        frozen([*classifier(), node("v", op), node("s", "SaveV2")]),
        frozen(classifier(), function("f", node("v", op))),
    ):
        error = refusal(graph)
        assert type(error) is InvalidModelError
        assert f"({op}): freeze it first" in str(error)


@pytest.mark.parametrize("content", [b"", b"\x22\x00", b"\x0a\x00", b"\xff", b"\x0a\x03\x0a\x01x"])
def test_invalid_graphs(content: bytes) -> None:
    for read in (check_safe, inspect_weights):
        with pytest.raises(InvalidModelError):
            read(weights("frozen-graph", content))


def test_malicious_graphs_take_no_longer() -> None:
    many = 20_000
    chain = [node(f"i{n}", "Identity", f"i{n - 1}" if n else "image", T=REAL) for n in range(many)]
    ends = [node(f"e{n}", "Add", chain[-1].name, chain[-1].name, T=REAL) for n in range(many)]
    content = frozen([placeholder(), *chain, *ends])
    assert len(inspect_weights(content, [end.name for end in ends[:100]]).outputs) == 100
    with pytest.raises(InvalidModelError) as caught:
        inspect_weights(content)
    assert str(caught.value).startswith("the graph ends in e0, e1, ")
    assert str(caught.value).endswith(f"e9 and {many - 10} more: give --output")


def test_malicious_calls_take_no_longer() -> None:
    many, ends = 20_000, 100
    inner = [node(f"i{n}", "Identity", f"i{n - 1}" if n else "arg0") for n in range(many)]
    library = function("f", *inner, returns=f"i{many - 1}:output:0", arguments=1)
    calls = [call(f"e{n}", "f", "image") for n in range(ends)]
    found = inspect_weights(frozen([placeholder(), *calls], library))
    assert set(found.activations.values()) == {None}
