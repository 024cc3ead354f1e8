"""Write the small model that shows whether int8 products saturate on a processor."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from efficientnet_lite0 import IR_VERSION, OPSET

PROBE = Path(__file__).parent.parent / "src" / "pictell" / "runtimes" / "saturation_probe.onnx"


def build() -> onnx.ModelProto:
    """``product`` (N, M) int32 = ``a`` (N, K) uint8 x ``b`` (K, M) int8."""
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["product"])],
        "saturation-probe",
        [
            helper.make_tensor_value_info("a", TensorProto.UINT8, ["N", "K"]),
            helper.make_tensor_value_info("b", TensorProto.INT8, ["K", "M"]),
        ],
        [helper.make_tensor_value_info("product", TensorProto.INT32, ["N", "M"])],
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


if __name__ == "__main__":
    PROBE.write_bytes(build().SerializeToString(deterministic=True))
