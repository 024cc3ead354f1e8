"""Rows of a model's output become results and embeddings."""

import re

import numpy as np
import pytest
from numpy.typing import ArrayLike

from pictell.errors import NotAPictureError, RuntimeFailedError, UsageError
from pictell.image_model import Output
from pictell.outputs import ToResults, stack, to_embedding, to_embeddings
from pictell.results import Timings
from pictell.scoring.decision import Scorer
from pictell.types import Label

TIMINGS = Timings(1.0, 2.0, 3.0, 4.0)
BROKEN = NotAPictureError("not a picture", source="b.txt")


def output(source: str, row: ArrayLike) -> Output:
    return Output(source, np.array(row, np.float32), 640, 480, TIMINGS)


def to_results(top_k: int = 2, probabilities: bool = False) -> ToResults:
    labels = (Label("cat", "n1"), Label("dog"), Label("cow"))
    return ToResults(Scorer(labels, "softmax"), "model", top_k, probabilities)


def test_a_result_has_all_that_is_known_of_its_picture() -> None:
    (result,) = to_results(probabilities=True)([output("a.jpg", np.log([0.5, 0.2, 0.3]))])
    assert (result.source, result.model, result.error) == ("a.jpg", "model", None)
    assert (result.width, result.height, result.timings) == (640, 480, TIMINGS)
    assert [one.label for one in result.predictions] == ["cat", "cow"]
    np.testing.assert_allclose(result.probabilities, [0.5, 0.2, 0.3], atol=1e-6)


def test_no_outputs_give_no_results() -> None:
    assert to_results()([]) == []
    assert to_embeddings([]) == []


def test_an_error_keeps_its_place() -> None:
    outputs = [output("a.jpg", [9, 0, 0]), BROKEN, output("c.jpg", [0, 0, 9]), BROKEN]
    results = to_results()(outputs)
    assert [one.source for one in results] == ["a.jpg", "b.txt", "c.jpg", "b.txt"]
    assert [one.error for one in results] == [None, BROKEN, None, BROKEN]
    assert [one.top.label for one in results[::2]] == ["cat", "cow"]
    assert [one.error for one in to_results()([BROKEN])] == [BROKEN]


@pytest.mark.parametrize("bad", [[np.nan, 0, 0], [np.inf, 0, 0], [0, 0, -np.inf]])
def test_a_row_that_is_not_finite_fails_alone(bad: list[float]) -> None:
    good = [output("a.jpg", [9, 0, 0]), output("b.jpg", [0, 9, 0]), output("c.jpg", [0, 0, 9])]
    first, failed, *others = to_results()([good[0], output("bad.jpg", bad), *good[1:]])
    assert [first, *others] == to_results()(good)
    assert failed.source == "bad.jpg"
    assert isinstance(failed.error, RuntimeFailedError)
    assert failed.error.source == "bad.jpg"


def test_a_row_of_another_length_fails_alone() -> None:
    outputs = [output("a.jpg", [9, 0, 0]), output("b.jpg", [3, 4]), output("c.jpg", [0, 0, 9])]
    first, failed, last = to_results()(outputs)
    assert [first, last] == to_results()(outputs[::2])
    assert isinstance(failed.error, RuntimeFailedError)


def test_every_row_of_another_length_than_the_labels_fails() -> None:
    results = to_results()([output("a.jpg", [1, 2]), output("b.jpg", [3, 4])])
    assert [str(one.error) for one in results] == [
        "a.jpg: 2 outputs for 3 labels",
        "b.jpg: 2 outputs for 3 labels",
    ]


def test_an_embedding_is_scaled_to_a_norm_of_1() -> None:
    one, nothing = to_embeddings([output("a.jpg", [[3], [4]]), output("b.jpg", [0, 0])])
    assert one.dtype == nothing.dtype == np.float32
    np.testing.assert_allclose(one, [0.6, 0.8], atol=1e-6)
    assert nothing.tolist() == [0, 0]
    np.testing.assert_array_equal(to_embedding(output("a.jpg", [3, 4])), one)


def test_an_embedding_that_failed_is_its_error() -> None:
    one, broken, endless = to_embeddings(
        [output("a.jpg", [3, 4]), BROKEN, output("c.jpg", [np.nan, 1])]
    )
    assert broken is BROKEN
    assert isinstance(endless, RuntimeFailedError)
    assert re.match(r"^c\.jpg: .*not finite", str(endless))
    with pytest.raises(NotAPictureError):
        stack([one, broken])
    with pytest.raises(UsageError, match="no pictures to embed"):
        stack([])
