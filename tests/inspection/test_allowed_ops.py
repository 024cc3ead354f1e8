"""The allowed operations are in TensorFlow's registry, and only compute."""

import pytest

from pictell.inspection.activation import LOGITS, PROBABILITIES, TRANSPARENT
from pictell.inspection.allowed_ops import (
    ALLOWED,
    CONTROL_FLOW,
    LISTS,
    RANDOM,
    STATE,
    UNUSED,
    VARIABLES,
)

# Operations that TensorFlow calls stateful, by the kind of state.
STATEFUL = {
    "a random seed, advanced by each run": {
        *RANDOM.split(),
        "SampleDistortedBoundingBox",
        "SampleDistortedBoundingBoxV2",
    },
    "a list in memory that lives as long as one run": set(LISTS.split()),
    "whatever the functions do that it calls": set(CONTROL_FLOW.split()),
    "it must not be removed as unused: it stops the run": {
        "Assert",
        "CheckNumerics",
        "CheckNumericsV2",
    },
}
NEVER = """
    Abort Batch BatchFunction Copy CopyHost DatasetFromGraph DebugIdentity DebugIdentityV2
    EagerPyFunc FileSystemSetConfiguration GenerateVocabRemapping GetSessionTensor ImmutableConst
    LoadAndRemapMatrix MapDefun MatchingFiles ParseTensor Print PrintV2 PyFunc PyFuncStateless
    ReadFile RemoteCall SymbolicGradient Timestamp WholeFileReader WriteFile
""".split()
NEVER_PARTS = ("Dataset", "File", "Iterator", "Mutex", "Py", "Queue", "Reader", "Recv", "Rpc",
               "Send", "Session", "Sql", "Stage", "SummaryWriter", "TPU", "Xla")  # fmt: skip
# Operations with such a word in the name that only UNUSED may have.
NEVER_RUN = {"InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "ShardedFilename",
             "ShardedFilespec"}  # fmt: skip


@pytest.fixture(scope="module")
def registered():
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get


@pytest.mark.slow
def test_every_name_is_an_operation_of_tensorflow(registered) -> None:
    assert [name for name in sorted(ALLOWED | UNUSED) if registered(name) is None] == []


@pytest.mark.slow
def test_every_stateful_operation_has_a_known_reason(registered) -> None:
    explained = set().union(*STATEFUL.values())
    assert explained <= ALLOWED
    assert {name for name in ALLOWED if registered(name).is_stateful} <= explained


@pytest.mark.slow
def test_no_operation_takes_a_program_or_an_address_as_text(registered) -> None:
    # Text attributes that say how to compute, or are names of a value within the run.
    harmless = """
        align bad_indices_policy config config_proto data_format dct_method dense_keys description
        display_name dst_format encoding equation executor_type fill fill_mode frame_name
        input_quant_mode interpolation kernel_type labels message method mode noise padding
        placeholder round_mode separator sparse_keys src_format template tensor_array_name unit
    """.split()
    found = {
        attribute.name
        for name in ALLOWED
        for attribute in registered(name).attr
        if attribute.type in {"string", "list(string)"}
    }
    assert found == set(harmless)


def test_dangerous_operations_are_not_listed() -> None:
    assert ALLOWED.isdisjoint(NEVER)
    assert UNUSED.isdisjoint(NEVER)
    for name in ALLOWED | STATE | (UNUSED - NEVER_RUN):
        assert not any(part in name for part in NEVER_PARTS), name


def test_the_lists_do_not_overlap() -> None:
    assert ALLOWED.isdisjoint(UNUSED)
    assert VARIABLES <= STATE <= UNUSED
    assert TRANSPARENT.isdisjoint(PROBABILITIES | LOGITS)
    assert PROBABILITIES.isdisjoint(LOGITS)
