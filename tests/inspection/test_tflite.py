"""TFLite files: inputs, outputs and what is refused."""

import struct
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from hostile_models import tflite, tflite_model, tflite_tensor, weights
from pictell.errors import InvalidModelError
from pictell.graphs import TensorSpec
from pictell.inspection import check_safe, inspect_weights, runnable
from pictell.inspection.tflite import DTYPES
from pictell.inspection.tflite_ops import BUILTIN_OPERATORS

OPS = schema.BuiltinOperator
CORAL = {
    "mobilenet_v1_0.25_128_quant.tflite": 1001,
    "mobilenet_v2_1.0_224_inat_bird_quant.tflite": 965,
    "mobilenet_v2_1.0_224_quant.tflite": 1001,
    "tf2_mobilenet_v2_1.0_224_ptq.tflite": 1001,
}


def check_and_inspect(content: bytes) -> None:
    check_safe(weights("tflite", content))
    inspect_weights(weights("tflite", content))


def refusal(content: bytes) -> str:
    with pytest.raises(InvalidModelError) as caught:
        check_and_inspect(content)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def numbers(enumeration: type) -> dict[str, int]:
    return {name: value for name, value in vars(enumeration).items() if name[0] != "_"}


def test_names_of_operations_are_those_of_the_schema() -> None:
    assert dict(enumerate(BUILTIN_OPERATORS)) == {
        number: name for name, number in numbers(OPS).items()
    }


def test_names_of_types_are_those_of_the_schema() -> None:
    for name, number in numbers(schema.TensorType).items():
        assert DTYPES[number] in {name.lower(), "object"}


def test_a_small_model() -> None:
    content = weights("tflite", tflite(tflite_model(OPS.FULLY_CONNECTED, OPS.SOFTMAX, batch=-1)))
    check_safe(content)
    found = inspect_weights(content)
    assert found.format == "tflite"
    assert found.inputs == (TensorSpec("image", (None, 4, 4, 3), "uint8", (0.5, 7)),)
    assert found.outputs == (TensorSpec("scores", (1, 3), "float32"),)
    assert found.activations == {"scores": "none"}
    assert found.ops == {"FULLY_CONNECTED": 1, "SOFTMAX": 1}


@pytest.mark.parametrize("name", CORAL)
def test_real_models_as_litert_sees_them(shared: Path, name: str) -> None:
    path = shared / "models/coral" / name
    content = weights("tflite", path.read_bytes())
    check_safe(content)
    found = inspect_weights(content)
    interpreter = Interpreter(str(path))
    for ours, theirs in (
        (found.inputs, interpreter.get_input_details()),
        (found.outputs, interpreter.get_output_details()),
    ):
        (tensor,), (details,) = ours, theirs
        assert tensor.name == details["name"]
        assert tensor.shape == tuple(details["shape"])
        assert tensor.dtype == details["dtype"].__name__
        assert tensor.quantisation == pytest.approx(details["quantization"])
    assert found.outputs[0].shape == (1, CORAL[name])
    assert set(found.activations.values()) == {"none"}
    # LiteRT adds one that stands for the operations it hands over to its XNNPACK.
    theirs = [op["op_name"] for op in interpreter._get_ops_details()]
    assert sum(found.ops.values()) == len([op for op in theirs if op != "DELEGATE"])


def test_a_custom_operation_is_refused(shared: Path) -> None:
    path = shared / "models/coral/invalid_models/model_invoking_error.tflite"
    assert refusal(path.read_bytes()) == "the model needs the custom operation fake-op-double"


@pytest.mark.parametrize("op", ["FlexReadFile", "Mine"])
def test_any_custom_operation_is_refused(op: str) -> None:
    message = refusal(tflite(tflite_model(OPS.SOFTMAX, op)))
    assert message == f"the model needs the custom operation {op}"


def test_the_operation_of_detectors_is_named_as_such() -> None:
    message = refusal(tflite(tflite_model(OPS.SOFTMAX, "TFLite_Detection_PostProcess")))
    assert message.startswith("a detector, ")
    assert message.endswith("pictell reads models that classify")


def test_weights_in_other_files_are_refused() -> None:
    model = tflite_model(OPS.SOFTMAX)
    group = schema.ExternalBufferGroupT()
    group.name = "/etc/passwd"
    model.externalBufferGroups = [group]
    assert "other files" in refusal(tflite(model))


def test_an_unknown_operation_is_named() -> None:
    message = refusal(tflite(tflite_model(5_000)))
    assert message.endswith("unknown operation 5000")


def test_an_operation_in_the_old_field() -> None:
    model = tflite_model(OPS.SOFTMAX)
    model.operatorCodes[0].builtinCode = 0
    assert inspect_weights(weights("tflite", tflite(model))).ops == {"SOFTMAX": 1}


def test_quantisation_per_channel_is_ignored() -> None:
    model = tflite_model(OPS.SOFTMAX)
    quantisation = model.subgraphs[0].tensors[0].quantization
    quantisation.scale, quantisation.zeroPoint = [0.5, 0.25], [0, 0]
    assert inspect_weights(weights("tflite", tflite(model))).inputs[0].quantisation is None


def test_an_output_must_be_one_of_the_graph() -> None:
    content = weights("tflite", tflite(tflite_model(OPS.SOFTMAX)))
    assert [tensor.name for tensor in inspect_weights(content, ["scores"]).outputs] == ["scores"]
    with pytest.raises(InvalidModelError, match=r"^the model has no output 'x': it has scores$"):
        inspect_weights(content, ["x"])


def test_operations_of_inner_graphs_count() -> None:
    model = tflite_model(OPS.WHILE)
    model.subgraphs += tflite_model(OPS.SOFTMAX).subgraphs
    assert inspect_weights(weights("tflite", tflite(model))).ops == {"WHILE": 2}


@pytest.mark.parametrize("field", ["inputs", "outputs"])
@pytest.mark.parametrize("number", [-1, 2, 2**31 - 1])
def test_a_missing_tensor(field: str, number: int) -> None:
    model = tflite_model(OPS.SOFTMAX)
    setattr(model.subgraphs[0], field, [number])
    assert refusal(tflite(model)) == "the model is damaged or cut short"


def test_a_missing_operation() -> None:
    model = tflite_model(OPS.SOFTMAX)
    model.subgraphs[0].operators[0].opcodeIndex = 1
    assert refusal(tflite(model)) == "the model is damaged or cut short"


def test_an_unknown_type() -> None:
    model = tflite_model(OPS.SOFTMAX)
    model.subgraphs[0].tensors[0].type = 99
    assert refusal(tflite(model)).endswith("unknown type 99")


def test_no_graph() -> None:
    model = tflite_model(OPS.SOFTMAX)
    model.subgraphs = []
    assert refusal(tflite(model)) == "the model has no graph"


def test_a_name_that_is_not_text() -> None:
    model = tflite_model(OPS.SOFTMAX)
    model.subgraphs[0].tensors[0] = tflite_tensor(b"\xff\xfe", 1)
    assert refusal(tflite(model)) == "the model is damaged or cut short"


def test_a_graph_with_a_cycle_ends() -> None:
    model = tflite_model(OPS.RESHAPE, OPS.RESHAPE)
    model.subgraphs[0].operators[0].inputs = [2]
    assert inspect_weights(weights("tflite", tflite(model))).activations == {"scores": None}


@pytest.mark.parametrize(("tensors", "sizes"), [(20_000, 5_000), (250_000, 0)])
def test_many_references_to_the_same_bytes_end(tensors: int, sizes: int) -> None:
    """A list that names one tensor many times: 100 million numbers in a small file."""
    builder = flatbuffers.Builder()
    shape = builder.CreateNumpyVector(np.ones(sizes, np.int32))
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, shape)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, tensors)
    for _ in range(tensors):
        builder.PrependUOffsetTRelative(tensor)
    tensor_list = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensor_list)
    subgraph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    with pytest.raises(InvalidModelError, match=r"^the model is damaged or cut short$"):
        inspect_weights(weights("tflite", bytes(builder.Output())))


def test_no_offset_leads_out_of_the_file() -> None:
    content = tflite(tflite_model(OPS.SOFTMAX))
    for at in range(len(content) - 4):
        for value in (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content)):
            changed = content[:at] + struct.pack("<I", value) + content[at + 4 :]
            try:
                check_and_inspect(changed)
            except InvalidModelError:
                continue


RANDOM = ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR")


@pytest.mark.parametrize("name", RANDOM)
def test_random_operations_are_refused_on_the_way_to_the_output(name: str) -> None:
    model = tflite_model(getattr(OPS, name), OPS.RELU, OPS.SOFTMAX)
    content = weights("tflite", tflite(model))
    check_safe(content)
    with pytest.raises(InvalidModelError, match=rf"t0 \({name}\)"):
        runnable(content, ["scores"])
    model.subgraphs[0].operators[1].inputs = [0]
    beside = weights("tflite", tflite(model))
    assert runnable(beside, ["scores"]) == (beside, ())


def test_random_operations_are_refused_in_a_branch() -> None:
    model = tflite_model(OPS.IF, OPS.SOFTMAX)
    model.subgraphs += tflite_model(OPS.RELU).subgraphs
    content = weights("tflite", tflite(model))
    assert runnable(content, ["scores"]) == (content, ())
    model.subgraphs += tflite_model(OPS.RELU).subgraphs
    code = schema.OperatorCodeT()
    code.builtinCode = OPS.RANDOM_UNIFORM
    model.operatorCodes.append(code)
    model.subgraphs[2].operators[0].opcodeIndex = 2
    with pytest.raises(InvalidModelError, match="RANDOM_UNIFORM"):
        runnable(weights("tflite", tflite(model)), ["scores"])


def test_every_random_operation_of_tflite_is_known() -> None:
    words = ("RANDOM", "RNG", "MULTINOMIAL", "BERNOULLI", "SAMPLE", "DROPOUT", "SHUFFLE")
    assert {name for name in BUILTIN_OPERATORS if any(word in name for word in words)} == set(
        RANDOM
    )
