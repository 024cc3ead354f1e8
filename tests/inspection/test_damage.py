"""Damaged files raise only pictell's own errors, and soon."""

import subprocess
import sys
from pathlib import Path

import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator
from hypothesis import given
from hypothesis import strategies as st

from hostile_models import (
    call,
    classifier,
    frozen,
    function,
    node,
    onnx_model,
    saved,
    tflite,
    tflite_model,
)
from pictell.errors import ModelError
from pictell.graphs import Weights
from pictell.inspection import check_safe, inspect_weights, saved_model
from pictell.inspection.onnx import external_data
from pictell.inspection.sniff import sniff_format
from pictell.reports.escape import visible
from pictell.types import WeightsFormat

LIBRARY = function("f", node("a", "Relu", "arg0"), returns="a:activations:0", arguments=1)
WHOLE: dict[WeightsFormat, bytes] = {
    "onnx": onnx_model().SerializeToString(),
    "tflite": tflite(tflite_model(BuiltinOperator.FULLY_CONNECTED, BuiltinOperator.SOFTMAX)),
    "frozen-graph": frozen([*classifier(), call("c", "f", "scores")], LIBRARY).graph,
    "saved-model": saved([*classifier(), call("c", "f", "scores")], LIBRARY).graph,
}
# The functions that read each format.
READERS = {
    "onnx": (check_safe, inspect_weights, lambda content: external_data(content.graph)),
    "tflite": (check_safe, inspect_weights),
    "frozen-graph": (check_safe, inspect_weights),
    "saved-model": (check_safe, inspect_weights, saved_model.signature),
}


def complaints(kind: WeightsFormat, content: bytes) -> list[str]:
    """The messages of the errors that the readers raise."""
    found = []
    for reader in READERS[kind]:
        try:
            reader(Weights(kind, {"graph": content}))
        except ModelError as error:
            found.append(str(error))
    # Names in a damaged file may have any characters; the reports escape them.
    assert all(len(visible(message).splitlines()) == 1 for message in found)
    return found


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_anywhere(kind: WeightsFormat, tmp_path: Path) -> None:
    assert complaints(kind, WHOLE[kind]) == []
    path = tmp_path / "saved_model.pb"
    for length in range(len(WHOLE[kind])):
        complaints(kind, WHOLE[kind][:length])
        path.write_bytes(WHOLE[kind][:length])
        try:
            sniff_format(path)
        except ModelError:
            continue


@pytest.mark.parametrize("name", ["frozen_graph.pb", "mobilenet_v1_0.25_128_quant.tflite"])
def test_real_models_cut_anywhere(shared: Path, name: str) -> None:
    (path, *_) = sorted((shared / "models").rglob(name))
    content, kind = path.read_bytes(), sniff_format(path)
    # The last hundredths of the TFLite file are an archive of labels.
    for part in range(1, 95):
        assert complaints(kind, content[: len(content) * part // 100])


@pytest.mark.parametrize("kind", WHOLE)
@given(data=st.data())
def test_changed_anywhere(kind: WeightsFormat, data: st.DataObject) -> None:
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    complaints(kind, bytes(content))


@pytest.mark.parametrize("kind", WHOLE)
@given(content=st.binary(max_size=300))
def test_any_bytes(kind: WeightsFormat, content: bytes) -> None:
    complaints(kind, content)
    complaints(kind, content[:4] + b"TFL3" + content[4:])


@given(content=st.binary(max_size=300))
def test_any_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "model"
    path.write_bytes(content)
    try:
        kind = sniff_format(path)
    except ModelError:
        return
    complaints(kind, content)


@pytest.mark.parametrize(
    "use",
    [
        "import pictell, pictell.inspection, pictell.models",
        "import pictell; pictell.load()",
    ],
)
def test_the_default_model_loads_without_a_reader(use: str) -> None:
    check = (
        "import sys; assert not {'google.protobuf', 'pictell.inspection.onnx'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", f"{use}; {check}"], check=True)
