"""The mean of values that random operations make."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.inspection.noise import Analysis, Noise, Number, unknown_number

SHARES = st.floats(0.1, 0.9)
Graph = dict[str, tuple[str, Sequence[str]]]
UNIFORM = Noise(0.5, (0.0, 1.0))


def analysis(graph: Graph, numbers: dict[str, float], unknown: str = "") -> Analysis[str]:
    def source(name: str, trial: int) -> Number | Noise | None:
        if name == unknown:
            return unknown_number(name, trial)
        if name in numbers:
            return Number(numbers[name])
        return UNIFORM if name.startswith("uniform") else None

    return Analysis(graph.get, source)


def inverted(kept: Sequence[str]) -> Graph:
    """Dropout whose mask has the probability of ``kept``, and whose scale is 1 / keep."""
    return {"mask": ("GreaterEqual", kept), "m": ("Cast", ["mask"]), "x": ("Div", ["in", "keep"]),
            "y": ("Mul", ["m", "x"])}  # fmt: skip


@given(SHARES)
def test_a_mask_and_its_scale_are_the_identity(keep: float) -> None:
    graph = inverted(["keep", "uniform"])
    assert analysis(graph, {"keep": keep}).identities(graph) == {"y": "in"}
    assert analysis(graph, {}, unknown="keep").identities(graph) == {"y": "in"}


@given(SHARES, SHARES)
def test_another_scale_is_not(keep: float, other: float) -> None:
    found = analysis(inverted(["other", "uniform"]), {"keep": keep, "other": other})
    assert bool(found.identities(["y"])) == (abs(other / keep - 1) <= 0.01)


@given(
    st.floats(-3, 3), st.floats(-3, 3).filter(lambda one: abs(one) > 0.1), st.floats(-3, 3),
    st.sampled_from(["Greater", "Less", "GreaterEqual", "LessEqual"]), st.booleans(),
)  # fmt: skip
def test_the_mean_of_a_mask_is_that_of_many_numbers(
    shift: float, factor: float, limit: float, op: str, turned: bool
) -> None:
    numbers = {"shift": shift, "factor": factor, "limit": limit}
    order = ["limit", "b"] if turned else ["b", "limit"]
    graph: Graph = {
        "a": ("Mul", ["factor", "uniform"]),
        "b": ("Sub", ["a", "shift"]),
        "mask": (op, order),
    }
    values = {"b": np.arange(0, 1, 1e-5) * factor - shift, "limit": limit}
    compare = np.greater if "Greater" in op else np.less
    mean = float(np.mean(compare(*(values[one] for one in order))))
    if not 0.05 < mean < 0.95:
        return
    graph |= {"x": ("Div", ["in", "mean"]), "y": ("Mul", ["x", "mask"])}
    assert analysis(graph, numbers | {"mean": mean}).identities(["y"]) == {"y": "in"}


def test_two_unknown_numbers_are_not_the_same() -> None:
    found = Analysis(
        inverted(["other", "uniform"]).get,
        lambda name, trial: (
            unknown_number(name, trial) if name in ("keep", "other")
            else UNIFORM if name == "uniform" else None
        ),
    )  # fmt: skip
    assert found.identities(["y"]) == {}
    assert found.number("keep") is None


@pytest.mark.parametrize("op", ["Add", "Identity", "Mul", "Select"])
def test_cycles_end(op: str) -> None:
    graph: Graph = {name: (op, [other] * 3) for name, other in ("ab", "bc", "ca")}
    assert analysis(graph, {}).identities(graph) == {}
