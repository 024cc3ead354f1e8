"""Probabilities and their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pictell.errors import RuntimeFailedError
from pictell.results import Prediction
from pictell.scoring.postprocess import as_classes, to_probabilities, top_k
from pictell.types import Activation, Label

LABELS = [Label("ant", "n1"), Label("bee"), Label("cat", "n3"), Label("dog")]
logits = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=2, max_side=20),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)
few_scores = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=30),
    elements=st.sampled_from([0.0, 0.1, 0.2, 0.3]),
)


def test_softmax_of_known_numbers() -> None:
    probabilities = to_probabilities(np.log(np.array([1.0, 2.0, 5.0])), "softmax")
    np.testing.assert_allclose(probabilities, [0.125, 0.25, 0.625])


@given(logits)
def test_softmax_gives_probabilities_in_the_order_of_the_logits(values: np.ndarray) -> None:
    probabilities = to_probabilities(values, "softmax")
    assert probabilities.dtype == np.float64
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1)
    ordered = np.take_along_axis(probabilities, np.argsort(values, axis=-1), axis=-1)
    assert (np.diff(ordered, axis=-1) >= 0).all()


@given(
    values=arrays(np.float64, 5, elements=st.floats(-50, 50)),
    shift=st.floats(-50, 50),
)
def test_softmax_does_not_change_when_all_logits_shift(values: np.ndarray, shift: float) -> None:
    np.testing.assert_allclose(
        to_probabilities(values + shift, "softmax"), to_probabilities(values, "softmax"), rtol=1e-9
    )


def test_probabilities_of_a_model_stay_as_they_are() -> None:
    values = np.array([0.25, 0.75], np.float32)
    assert to_probabilities(values, "none").tolist() == [0.25, 0.75]


@pytest.mark.parametrize("activation", ["softmax", "none"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_not_finite_is_an_error(activation: str, bad: float) -> None:
    with pytest.raises(RuntimeFailedError, match="not a finite number"):
        to_probabilities(np.array([0.0, bad]), activation)


def test_predictions_have_everything_known_about_a_label() -> None:
    scores = np.array([[0.2, 0.1, 0.5, 0.2], [0.1, 0.6, 0.0, 0.3]])
    assert top_k(scores, LABELS, 3) == [
        (
            Prediction("cat", 0.5, 2, "n3"),
            Prediction("ant", 0.2, 0, "n1"),
            Prediction("dog", 0.2, 3, None),
        ),
        (
            Prediction("bee", 0.6, 1, None),
            Prediction("dog", 0.3, 3, None),
            Prediction("ant", 0.1, 0, "n1"),
        ),
    ]


@pytest.mark.parametrize("k", [4, 5, 1000])
def test_there_are_no_more_predictions_than_labels(k: int) -> None:
    found = top_k(np.array([[0.2, 0.1, 0.5, 0.2], [0.0, 0.0, 1.0, 0.0]]), LABELS, k)
    assert [len(best) for best in found] == [4, 4]


@given(scores=few_scores, k=st.integers(1, 40))
def test_the_best_come_first_and_the_lower_index_wins_a_tie(scores: np.ndarray, k: int) -> None:
    labels = [Label(str(index)) for index in range(scores.shape[1])]
    for row, best in zip(scores.tolist(), top_k(scores, labels, k), strict=True):
        by_hand = sorted((-score, index) for index, score in enumerate(row))[:k]
        assert [(-one.score, one.class_index) for one in best] == by_hand


@pytest.mark.parametrize("values", [[-0.1, 0.5], [0.2, 1.2]])
def test_values_that_are_not_probabilities_are_refused(values: list[float]) -> None:
    with pytest.raises(RuntimeFailedError, match="not probabilities: give --activation softmax"):
        to_probabilities(np.array(values), "none")


@pytest.mark.parametrize("activation", ["none", "independent"])
def test_a_single_value_that_is_no_probability_leads_to_sigmoid(activation: Activation) -> None:
    values = np.array([[1.5]])
    with pytest.raises(RuntimeFailedError, match="give --activation sigmoid"):
        to_probabilities(*as_classes(values, activation, 2))
    with pytest.raises(RuntimeFailedError, match="give --activation sigmoid"):
        to_probabilities(*as_classes(values, activation, 1))
    with pytest.raises(RuntimeFailedError, match="not a finite number"):
        as_classes(np.array([[np.nan]]), activation, 2)
