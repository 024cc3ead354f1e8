"""Operations of ONNX that do nothing but compute.

All that the standard domains hold does. ``com.microsoft`` holds ONNX Runtime's own operations
(onnxruntime/docs/ContribOperators.md): listed are those that its quantiser and its optimiser
write into a classifier's graph. Not listed: EPContext, which loads a compiled program; PythonOp
and the like, which call into an interpreter; and all about text, sampling and training.
"""

from __future__ import annotations

OPTIMISED = frozenset(
    """
    Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu ConvTransposeWithDynamicPads
    CropAndResize DequantizeLinear DynamicQuantizeMatMul ExpandDims FastGelu FusedConv FusedGemm
    FusedMatMul FusedMatMulActivation Gelu GemmFastGelu GridSample GroupNorm
    Inverse MatMulInteger16 MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MultiHeadAttention
    MulInteger NhwcConv NhwcFusedConv NhwcMaxPool PackedMultiHeadAttention Pad QAttention QGemm
    QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool
    QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere
    QuantizeLinear QuickGelu Range ReduceSumInteger SkipGroupNorm SkipLayerNormalization
    SkipSimplifiedLayerNormalization TransposeMatMul Trilu UnfoldTensor Unique
    """.split()
)
# What ONNX Runtime's optimiser writes for convolutions in blocks of channels.
BLOCKED = frozenset(
    """
    AveragePool Conv GlobalAveragePool GlobalMaxPool MaxPool ReorderInput ReorderOutput Upsample
    """.split()
)
# Domain -> the operations allowed, None for all.
DOMAINS: dict[str, frozenset[str] | None] = {
    "": None,
    "ai.onnx": None,
    "ai.onnx.ml": None,
    "com.microsoft": OPTIMISED,
    "com.microsoft.nchwc": BLOCKED,
}
# Domains of operations built into ONNX Runtime: a function of the model by such a name would not
# be run, the operation would.
BUILT_IN = ("", "ai.onnx", "com.microsoft", "com.ms", "org.pytorch")


def is_built_in(domain: str) -> bool:
    """Whether ONNX Runtime has operations of its own in the domain, or may have."""
    return any(domain == name or (name and domain.startswith(f"{name}.")) for name in BUILT_IN)
