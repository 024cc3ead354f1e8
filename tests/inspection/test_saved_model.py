"""SavedModels: the part that a signature runs, and what is refused."""

import pytest

from hostile_models import (
    call,
    classifier,
    constant,
    frozen,
    function,
    graph_def,
    node,
    placeholder,
    saved,
    signature,
    tensor_info,
    weights,
)
from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.graphs import TensorSpec, Weights
from pictell.inspection import check_safe, inspect_weights, saved_model
from pictell.inspection.protobuf import Message, new, parse

IMAGE, SCORES = tensor_info("image:0"), tensor_info("scores:0")


def refusal(content: Weights, read=check_safe) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read(content)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def part(content: Weights) -> Message:
    return parse("tensorflow", "GraphDef", saved_model.signature(content).graph)


def test_a_small_model() -> None:
    content = saved(
        classifier(),
        signatures={
            "serving_default": signature(
                {"picture": tensor_info("image:0", 1, (-1, 4, 4, 3))},
                {"classes": tensor_info("scores:0", 1, (-1, 3))},
            )
        },
    )
    check_safe(content)
    found = inspect_weights(content)
    assert found.format == "saved-model"
    assert found.inputs == (TensorSpec("picture", (None, 4, 4, 3), "float32"),)
    assert found.outputs == (TensorSpec("classes", (None, 3), "float32"),)
    assert found.activations == {"classes": "none"}
    assert found.ops["MatMul"] == 1
    called = saved_model.signature(content)
    assert (called.key, called.input_key, called.input_tensor) == (
        "serving_default",
        "picture",
        "image:0",
    )
    assert called.outputs == {"classes": "scores:0"}
    assert called.variables == {}


# Which signature, which graph


def test_the_only_signature_is_taken_whatever_its_name() -> None:
    init = signature({}, {"__saved_model_init_op": tensor_info("scores:0", 0)})
    usual = signature({"x": IMAGE}, {"y": SCORES})
    content = saved(classifier(), signatures={"mine": usual, "__saved_model_init_op": init})
    assert saved_model.signature(content).key == "mine"


def test_of_several_signatures_the_default_is_taken() -> None:
    usual = signature({"x": IMAGE}, {"y": SCORES})
    content = saved(classifier(), signatures={"a": usual, "serving_default": usual, "z": usual})
    assert saved_model.signature(content).key == "serving_default"
    content = saved(classifier(), signatures={"b": usual, "a": usual})
    for read in (check_safe, inspect_weights, saved_model.signature):
        given = (content, []) if read is inspect_weights else (content,)
        with pytest.raises(InvalidModelError) as caught:
            read(*given)
        assert str(caught.value) == (
            "the SavedModel has no signature 'serving_default': it has a, b"
        )


def test_no_signature() -> None:
    content = saved(classifier(), signatures={"empty": signature({}, {})})
    assert "it has none" in str(refusal(content))


@pytest.mark.parametrize("count", [0, 2])
def test_a_signature_needs_one_input(count: int) -> None:
    inputs = {f"x{number}": IMAGE for number in range(count)}
    content = saved(classifier(), signatures={"mine": signature(inputs, {"y": SCORES})})
    assert len(inspect_weights(content).inputs) == count
    assert f"has {count} inputs" in str(refusal(content, saved_model.signature))


def test_text_is_not_an_output() -> None:
    outputs = {"names": tensor_info("names:0", 7), "scores": SCORES}
    content = saved(
        [*classifier(), node("names", "LookupTableFindV2", "scores")],
        signatures={"mine": signature({"x": IMAGE}, outputs)},
    )
    check_safe(content)
    assert [tensor.name for tensor in inspect_weights(content).outputs] == ["scores"]
    assert "names" not in {node.name for node in part(content).node}
    with pytest.raises(InvalidModelError, match="has no output 'names': it has scores"):
        inspect_weights(content, ["names"])


def test_an_output_that_is_not_in_the_graph() -> None:
    outputs = {"y": tensor_info("nowhere:0")}
    content = saved(classifier(), signatures={"mine": signature({"x": IMAGE}, outputs)})
    assert str(refusal(content)) == "the signature's outputs are not in the graph: nowhere"


def with_tags(*tags: list[str]) -> Weights:
    """Graphs with these tags, which are also the names of their signatures."""
    meta_graphs = []
    for some in tags:
        name = " ".join(some)
        content = saved(classifier(), signatures={name: signature({"x": IMAGE}, {"y": SCORES})})
        (meta_graph,) = parse("tensorflow", "SavedModel", content.graph).meta_graphs
        meta_graph.meta_info_def.tags[:] = some
        meta_graphs.append(meta_graph)
    model = new("tensorflow", "SavedModel", meta_graphs=meta_graphs)
    return weights("saved-model", model.SerializeToString())


def test_the_graph_with_the_serving_tag_is_used() -> None:
    content = with_tags(["train"], ["serve", "tpu"], ["serve"])
    assert saved_model.signature(content).key == "serve"
    assert saved_model.signature(with_tags([])).key == ""
    error = refusal(with_tags(["train"], ["eval"]))
    assert str(error) == "none of the SavedModel's graphs has the tag 'serve'"


@pytest.mark.parametrize("content", [b"", b"\x08\x01", b"\xff", b"\x12\x00"])
def test_invalid_saved_models(content: bytes) -> None:
    for read in (check_safe, inspect_weights):
        assert type(refusal(weights("saved-model", content), read)) is InvalidModelError


# The part that runs


def test_only_nodes_that_the_outputs_need_run() -> None:
    fine = function("fine", node("a", "Relu", "arg0"), returns="a:activations:0", arguments=1)
    deep = function("deep", call("c", "fine", "arg0"), returns="c:output:0", arguments=1)
    unused = function("unused", node("b", "SaveV2"))
    nodes = [*classifier(), call("end", "deep", "scores"), call("save", "unused"), placeholder("p")]
    outputs = {"y": tensor_info("end:0")}
    content = saved(
        nodes, fine, deep, unused, signatures={"mine": signature({"x": IMAGE}, outputs)}
    )
    check_safe(content)
    found = part(content)
    assert {node.name for node in found.node} == {node.name for node in classifier()} | {"end"}
    assert [f.signature.name for f in found.library.function] == ["deep", "fine"]
    assert set(inspect_weights(content).ops) >= {"Relu", "StatefulPartitionedCall"}
    assert "SaveV2" not in inspect_weights(content).ops


def test_devices_and_colocation_are_removed() -> None:
    nodes = classifier()
    for one in nodes:
        one.device = "/job:worker/device:GPU:7"
        one.attr["_class"].list.SetInParent()
    found = part(saved(nodes))
    assert not any(node.device or "_class" in node.attr for node in found.node)


def test_versions_are_kept() -> None:
    model = parse("tensorflow", "SavedModel", saved(classifier()).graph)
    versions = type(model.meta_graphs[0].graph_def.versions).FromString(b"\x08\x63")
    model.meta_graphs[0].graph_def.versions.CopyFrom(versions)
    content = weights("saved-model", model.SerializeToString())
    assert part(content).versions.SerializeToString() == b"\x08\x63"


@pytest.mark.parametrize("op", ["ReadFile", "WriteFile", "PyFunc", "TextLineDataset", "Mine"])
def test_operations_that_may_do_more_are_refused_anywhere(op: str) -> None:
    bad = node("bad", op)
    inner = function("inner", bad)
    for content in (
        saved([*classifier(), bad]),
        saved(classifier(), inner),
        saved([*classifier(), call("c", "outer")], function("outer", call("d", "inner")), inner),
    ):
        error = refusal(content)
        assert type(error) is UnsafeModelError
        assert op in str(error)


@pytest.mark.parametrize("op", ["SaveV2", "RestoreV2", "HashTableV2", "ShardedFilename"])
def test_operations_of_saving_are_refused_where_they_would_run(op: str) -> None:
    check_safe(saved([*classifier(), node("aside", op)]))
    chain = classifier()
    chain[-1].input.append("^before")
    assert type(refusal(saved([*chain, node("before", op)]))) is UnsafeModelError
    # The same in a function that the signature calls.
    nodes = [*classifier()[:-1], call("scores", "f", "logits")]
    for body in (node("a", op), call("a", "g", "arg0")):
        library = [function("f", body), function("g", node("b", op))]
        assert type(refusal(saved(nodes, *library))) is UnsafeModelError


def test_operations_of_saving_are_refused_in_a_frozen_graph() -> None:
    assert type(refusal(frozen([*classifier(), node("aside", "SaveV2")]))) is UnsafeModelError


# Values of variables


def restoring(*keys: bytes, slices: tuple[bytes, ...] = ()) -> list[Message]:
    def texts(name: str, values: tuple[bytes, ...]) -> Message:
        one = constant(name, len(values), dtype=7)
        one.attr["value"].tensor.string_val.extend(values)
        return one

    return [
        texts("keys", keys),
        texts("slices", slices or (b"",) * len(keys)),
        node("restore", "RestoreV2", "prefix", "keys", "slices"),
    ]


def with_variables(*more: Message, op: str = "VariableV2") -> list[Message]:
    return [one if one.name != "w" else node("w", op) for one in classifier()] + list(more)


@pytest.mark.parametrize("value", ["restore:1", "again"], ids=["straight", "through an identity"])
def test_keys_come_from_the_operations_that_restore(value: str) -> None:
    more = [*restoring(b"other", b"layer/w"), node("again", "Identity", "restore:1")]
    content = saved(with_variables(*more, node("assign", "Assign", "w", value)))
    check_safe(content)
    assert saved_model.signature(content).variables == {"w": "layer/w"}


def test_keys_come_from_the_function_that_restores() -> None:
    nodes = [
        *restoring(b"layer/w"),
        node("again", "Identity", "restore:tensors:0"),
        node("assign", "AssignVariableOp", "arg1", "again:output:0"),
    ]
    restore = function("restore", *nodes, arguments=2)
    more = call("run", "restore", "prefix", "w")
    content = saved(with_variables(more, op="VarHandleOp"), restore)
    assert saved_model.signature(content).variables == {"w": "layer/w"}


@pytest.mark.parametrize(
    "more",
    [
        [],
        [node("assign", "Assign", "w", "restore")],
        [*restoring(b"a"), node("assign", "Assign", "w", "restore:1")],
        [*restoring(b"a", slices=(b"4 0,2",)), node("assign", "Assign", "w", "restore")],
        [*restoring(b"a"), node("b", "Mul", "restore"), node("assign", "Assign", "w", "b")],
        [node("restore", "RestoreV2"), node("assign", "Assign", "w", "restore")],
        [node("b", "Identity", "b"), node("assign", "Assign", "w", "b")],
    ],
)
def test_a_variable_without_a_value(more: list[Message]) -> None:
    error = refusal(saved(with_variables(*more)), saved_model.signature)
    assert str(error) == "the model does not say how to restore w"


def test_malicious_restores_take_no_longer() -> None:
    many = 20_000
    names = [f"w{n}" for n in range(many)]
    assigned = [node(f"a{n}", "Assign", names[n], f"restore:{n}") for n in range(many)]
    variables = [node("w", "VariableV2"), *(node(name, "VariableV2") for name in names)]
    graph = [*restoring(*(b"k%d" % n for n in range(many))), *variables, *assigned]
    content = saved([*with_variables(*graph), node("more", "Assign", "w", "restore:7")])
    assert saved_model.signature(content).variables == {"w": "k7"}
    arguments = [f"arg{n}" for n in range(many)]
    body = [node(f"a{n}", "Assign", arguments[n], f"restore:{n}") for n in range(many)]
    keys = restoring(*(b"k%d" % n for n in range(many)))
    library = function("f", *keys, *body, arguments=many)
    calls = [call(f"c{n}", "f", "w") for n in range(many)]
    content = saved([*with_variables(), *calls], library)
    assert saved_model.signature(content).variables == {"w": "k0"}


def test_reading_does_not_change_the_graph() -> None:
    content = saved(classifier())
    before = content.graph
    check_safe(content)
    inspect_weights(content)
    saved_model.signature(content)
    assert content.graph == before == saved(classifier()).graph
    assert graph_def(classifier()).node[0].name == "image"
