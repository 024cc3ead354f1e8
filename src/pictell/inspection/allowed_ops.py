"""The TensorFlow operations that a graph may contain because they only compute.

They were chosen by hand from the registry of TensorFlow 2.21. The result of each depends only on
its inputs and attributes, or on a random seed, and image classifiers use it or contain it after
training: arithmetic, linear algebra, layers, images, quantisation, control flow, lists, text.

Excluded are operations that use files, the network, other processes, Python, the terminal, queues,
datasets, summaries or checkpoints; that read memory by address or name (ImmutableConst,
GetSessionTensor); that end the program (Abort) or wait; debug copies (DebugIdentity writes to
URLs); and all that are not reviewed yet.
"""

from __future__ import annotations

# Constants, placeholders, and operations that pass values on.
PLUMBING = """
    Const ControlTrigger EnsureShape FakeParam Identity IdentityN NoOp OnesLike Placeholder
    PlaceholderV2 PlaceholderWithDefault PreventGradient Snapshot StopGradient ZerosLike
"""
ARITHMETIC = """
    Abs AccumulateNV2 Acos Acosh Add AddN AddV2 All Angle Any ApproximateEqual ArgMax ArgMin Asin
    Asinh Atan Atan2 Atanh BesselI0e BesselI1e BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast Ceil
    ClipByValue Complex ComplexAbs Conj Cos Cosh Cross Cumprod Cumsum CumulativeLogsumexp Digamma
    Div DivNoNan Equal Erf Erfc Erfinv EuclideanNorm Exp Expm1 Floor FloorDiv FloorMod Greater
    GreaterEqual HistogramFixedWidth Imag InTopK InTopKV2 Inv Invert IsFinite IsInf IsNan L2Loss
    LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr Max Maximum
    Mean Min Minimum Mod Mul MulNoNan Neg NotEqual NthElement Pow Prod Range Real RealDiv
    Reciprocal RightShift Rint Round Rsqrt SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum
    Select SelectV2 Sigmoid Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum Tan Tanh TopK
    TopKV2 TruncateDiv TruncateMod UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
    UnsortedSegmentSum Xdivy Xlog1py Xlogy
"""
LINEAR_ALGEBRA = """
    BatchMatMul BatchMatMulV2 BatchMatMulV3 Cholesky Diag DiagPart Einsum FFT FFT2D IFFT IFFT2D
    IRFFT IRFFT2D MatMul MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart
    MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixInverse MatrixSetDiag
    MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve RFFT RFFT2D SparseMatMul
"""
SHAPES = """
    BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo Concat
    ConcatOffset ConcatV2 ConjugateTranspose DepthToSpace DynamicPartition DynamicStitch ExpandDims
    Fill Gather GatherNd GatherV2 InvertPermutation ListDiff MirrorPad OneHot Pack Pad PadV2
    ParallelConcat ParallelDynamicStitch Rank Reshape Reverse ReverseSequence ReverseV2 Roll
    ScatterNd Shape ShapeN Size Slice SpaceToBatch SpaceToBatchND SpaceToDepth SparseToDense Split
    SplitV Squeeze StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
    TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose Unique UniqueV2 UniqueWithCounts
    UniqueWithCountsV2 Unpack UnravelIndex Where
"""
LAYERS = """
    AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 Conv Conv2D Conv3D
    DataFormatDimMap DataFormatVecPermute DepthwiseConv2dNative Dilation2D Elu FractionalAvgPool
    FractionalMaxPool FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D
    FusedResizeAndPadConv2D LRN LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax
    Relu Relu6 Selu Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign
    SparseSoftmaxCrossEntropyWithLogits
"""
# What training leaves behind: the derivatives of the above are plain functions too.
DERIVATIVES = """
    AvgPool3DGrad AvgPoolGrad BiasAddGrad Conv2DBackpropFilter Conv2DBackpropInput
    Conv3DBackpropFilterV2 Conv3DBackpropInputV2 DepthwiseConv2dNativeBackpropFilter
    DepthwiseConv2dNativeBackpropInput EluGrad FusedBatchNormGrad FusedBatchNormGradV2
    FusedBatchNormGradV3 InvGrad LRNGrad LeakyReluGrad MaxPool3DGrad MaxPoolGrad MaxPoolGradV2
    MirrorPadGrad ReciprocalGrad Relu6Grad ReluGrad ResizeBicubicGrad ResizeBilinearGrad
    ResizeNearestNeighborGrad RsqrtGrad SeluGrad SigmoidGrad SoftplusGrad SoftsignGrad SqrtGrad
    StridedSliceGrad TanhGrad
"""
# The graphs of retrain.py (2016) contain a JPEG decoder before the input that pictell uses.
PICTURES = """
    AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression
    CropAndResize DecodeBmp DecodeGif DecodeImage DecodeJpeg DecodePng DrawBoundingBoxes
    ExtractGlimpse ExtractImagePatches HSVToRGB ImageProjectiveTransformV2
    ImageProjectiveTransformV3 NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
    NonMaxSuppressionV4 NonMaxSuppressionV5 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear
    ResizeNearestNeighbor SampleDistortedBoundingBox SampleDistortedBoundingBoxV2
    ScaleAndTranslate StatelessSampleDistortedBoundingBox
"""
QUANTISATION = """
    Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxArgsGradient FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsGradient FakeQuantWithMinMaxVarsPerChannel
    FakeQuantWithMinMaxVarsPerChannelGradient QuantizeAndDequantize QuantizeAndDequantizeV2
    QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeDownAndShrinkRange QuantizeV2
    QuantizedAdd QuantizedAvgPool QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd
    QuantizedConcat QuantizedConv2D QuantizedConv2DAndRelu QuantizedConv2DAndReluAndRequantize
    QuantizedConv2DAndRequantize QuantizedConv2DPerChannel QuantizedConv2DWithBias
    QuantizedConv2DWithBiasAndRelu QuantizedConv2DWithBiasAndReluAndRequantize
    QuantizedConv2DWithBiasAndRequantize QuantizedConv2DWithBiasSignedSumAndReluAndRequantize
    QuantizedConv2DWithBiasSumAndRelu QuantizedConv2DWithBiasSumAndReluAndRequantize
    QuantizedDepthwiseConv2D QuantizedDepthwiseConv2DWithBias
    QuantizedDepthwiseConv2DWithBiasAndRelu
    QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize QuantizedInstanceNorm QuantizedMatMul
    QuantizedMatMulWithBias QuantizedMatMulWithBiasAndDequantize QuantizedMatMulWithBiasAndRelu
    QuantizedMatMulWithBiasAndReluAndRequantize QuantizedMatMulWithBiasAndRequantize
    QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6 QuantizedReluX QuantizedReshape
    QuantizedResizeBilinear RequantizationRange RequantizationRangePerChannel Requantize
    RequantizePerChannel
"""
# Functions are called by name, and every function is checked.
CONTROL_FLOW = """
    Case Enter Exit If LoopCond Merge NextIteration PartitionedCall StatefulPartitionedCall
    StatelessCase StatelessIf StatelessWhile Switch While
"""
LISTS = """
    EmptyTensorList TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3
    TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
    TensorListResize TensorListScatter TensorListScatterV2 TensorListSetItem TensorListSplit
    TensorListStack
"""
RANDOM = """
    Multinomial ParameterizedTruncatedNormal RandomGamma RandomPoissonV2 RandomShuffle
    RandomStandardNormal RandomUniform RandomUniformInt StatelessMultinomial
    StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt
    StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
    StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""
# Class names, parsing of records, summaries that go nowhere. ParseTensor is excluded because it
# makes handles from bytes. A failed assertion ends one run with an error.
TEXT = """
    AsString Assert CheckNumerics CheckNumericsV2 DecodeBase64 DecodeRaw HistogramSummary
    ImageSummary MergeSummary ParseExample ParseExampleV2 ParseSingleExample ReduceJoin
    ScalarSummary StringFormat StringJoin StringLength StringLower StringStrip
    StringToHashBucketFast StringToNumber StringUpper Substr TensorSummary TensorSummaryV2
"""
ALLOWED = frozenset(
    f"""
    {PLUMBING} {ARITHMETIC} {LINEAR_ALGEBRA} {SHAPES} {LAYERS} {DERIVATIVES} {PICTURES}
    {QUANTISATION} {CONTROL_FLOW} {LISTS} {RANDOM} {TEXT}
    """.split()
)

# Variables. A frozen graph has none; those of a SavedModel get their values from its checkpoint.
VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})
# Operations that read and write variables in memory.
STATE = VARIABLES | frozenset(
    """
    Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp
    DestroyResourceOp DisableCopyOnRead IsVariableInitialized ReadVariableOp ResourceGather
    ResourceGatherNd RngReadAndSkip RngSkip VarIsInitializedOp VariableShape
    """.split()
)
# Operations of SavedModels that save, restore, initialise and train. pictell runs none of them:
# they are allowed only outside the part that the signature runs.
UNUSED = STATE | frozenset(
    """
    ApplyAdagrad ApplyAdam ApplyFtrl ApplyGradientDescent ApplyMomentum ApplyRMSProp
    HashTable HashTableV2 InitializeTable InitializeTableFromTextFile
    InitializeTableFromTextFileV2 InitializeTableV2 LookupTableExport LookupTableExportV2
    LookupTableFind LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableSize
    LookupTableSizeV2 MergeV2Checkpoints MutableHashTable MutableHashTableV2 ResourceApplyAdagrad
    ResourceApplyAdagradV2 ResourceApplyAdam ResourceApplyFtrl ResourceApplyGradientDescent
    ResourceApplyKerasMomentum ResourceApplyMomentum ResourceApplyRMSProp Restore RestoreSlice
    RestoreV2 Save SaveSlices SaveV2 ShardedFilename ShardedFilespec StaticRegexFullMatch
    """.split()
)
