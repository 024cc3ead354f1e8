"""External data inside the file of an ONNX model."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection.onnx_merge import merge

VALUES = np.arange(4, dtype=np.float32)


def weights(data: bytes, **place: str) -> Weights:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=1)
    for key, value in {"location": "w.bin", **place}.items():
        tensor.external_data.add(key=key, value=value)
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [value])
    graph.initializer.append(tensor)
    model = helper.make_model(graph, doc_string="kept")
    return Weights("onnx", {"m.onnx": model.SerializeToString(), "w.bin": data})


@pytest.mark.parametrize("place", [{"offset": "4", "length": "16"}, {"offset": "4"}])
def test_the_values_are_inside(place: dict[str, str]) -> None:
    model = onnx.load_from_string(merge(weights(b"head" + VALUES.tobytes(), **place)))
    onnx.checker.check_model(model)
    assert model.doc_string == "kept"
    assert np.array_equal(numpy_helper.to_array(model.graph.initializer[0]), VALUES)


@pytest.mark.parametrize(
    "place",
    [{"offset": "17"}, {"offset": "-1"}, {"length": "17"}, {"length": "-1"}, {"offset": "one"}],
)
def test_values_outside_the_file_are_an_error(place: dict[str, str]) -> None:
    with pytest.raises(InvalidModelError, match="'w'"):
        merge(weights(VALUES.tobytes(), **place))


def test_a_model_of_one_file_stays_as_it_is() -> None:
    graph = weights(b"").graph
    assert merge(Weights("onnx", {"m.onnx": graph})) is graph
