"""Which photos a search finds, their scores and their order."""

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pictell.collection.query import parse_period, parse_query
from pictell.collection.search import MIN_SCORE, Match, Search, search, to_matches
from pictell.collection.survey import Photo
from pictell.scoring.taxonomy import build
from pictell.types import Label

# something > (animal > (dog > (beagle, collie), cat), ball, cup)
CLASSES = tuple(map(Label, ("beagle", "collie", "cat", "ball", "cup")))
TREE = build(CLASSES, (Label("dog"), Label("animal")), (6, 6, 7, 5, 5, 7, 5))


class Known:
    """What a survey says of photos, without files and a model."""

    def __init__(
        self,
        rows: Any,
        unknown: Sequence[int] = (),
        taken: Sequence[datetime | None] = (),
        vectors: Any = (),
    ) -> None:
        dates = [*taken, *[None] * len(rows)]
        self.photos = tuple(Photo(Path(str(n)), "", dates[n]) for n in range(len(rows)))
        self._rows = np.array(rows, np.float32).reshape(-1, len(CLASSES))
        self._known = np.array([n not in unknown for n in range(len(rows))], np.bool_)
        self._vectors = np.array(vectors, np.float32)

    def only(self, rows: Sequence[int]) -> "Known":
        some = copy(self)
        some.photos = tuple(self.photos[row] for row in rows)
        return some

    def _numbers(self) -> list[int]:
        return [int(str(photo.path)) for photo in self.photos]

    def probabilities(self) -> NDArray[np.float32]:
        return self._rows[self._numbers()]

    def known(self) -> NDArray[np.bool_]:
        return self._known[self._numbers()]

    def embeddings(self) -> NDArray[np.float32]:
        # A survey without photos does not know the model's size.
        return self._vectors[self._numbers()] if self.photos else np.zeros((0, 0), np.float32)


BEAGLE = [0.9, 0.05, 0.0, 0.05, 0.0]
SOME_DOG = [0.45, 0.45, 0.0, 0.0, 0.1]
CAT = [0.0, 0.02, 0.95, 0.0, 0.03]
DOG_WITH_BALL = [0.3, 0.18, 0.02, 0.5, 0.0]
CUP = [0.0, 0.0, 0.0, 0.1, 0.9]
ROWS = [CUP, SOME_DOG, CAT, DOG_WITH_BALL, BEAGLE]
PHOTOS = Known(ROWS)


def matches(
    survey: Any, words: str | None = None, most: int | None = None, **more: Any
) -> list[Match]:
    wanted = Search(None if words is None else parse_query(words, TREE), **more)
    return to_matches(search(survey, wanted), wanted, TREE, most)


def found(survey: Any, words: str | None = None, **more: Any) -> list[int]:
    return [int(str(match.photo.path)) for match in matches(survey, words, **more)]


@pytest.mark.parametrize(
    ("words", "photos"),
    [
        ("dog", [4, 1, 3]),
        ("beagle", [4, 1]),
        ("animal", [2, 4, 1, 3]),
        ("cat, cup", [2, 0]),
        ("dog ball", [3]),
        ("animal dog", [4, 1, 3]),
        ("dog dog", [4, 1, 3]),
        ("animal not dog", [2]),
        ("dog not ball", [4, 1]),
        ("not animal", [0]),
        ("dog not animal", []),
    ],
)
def test_words_find_photos_the_most_probable_first(words: str, photos: list[int]) -> None:
    assert found(PHOTOS, words) == photos


def test_the_score_is_the_probability_of_the_words() -> None:
    scores = [match.score for match in matches(PHOTOS, "dog")]
    assert scores == pytest.approx([0.95, 0.9, 0.48])
    (both,) = matches(PHOTOS, "ball dog")
    assert both.score == pytest.approx(0.48)
    # What is a dog does not count as another animal.
    survey = Known([[0.1, 0.1, 0.8, 0, 0]])
    assert matches(survey, "animal not dog")[0].score == pytest.approx(0.8)


def test_the_best_class_is_one_of_those_searched_for() -> None:
    (match, *_) = matches(Known([[0.3, 0.15, 0.0, 0.55, 0.0]]), "dog")
    assert (match.best_class, match.best_score) == ("beagle", pytest.approx(0.3))
    (match, *_) = matches(Known([[0.3, 0.15, 0.0, 0.55, 0.0]]), "not cat")
    assert match.best_class == "ball"
    (match,) = matches(Known([[0.35, 0.0, 0.34, 0.1, 0.2]]), "animal not dog", min_score=0.1)
    assert match.best_class == "cat"


def test_a_photo_below_the_least_score_is_not_found() -> None:
    just, below = MIN_SCORE + 0.001, MIN_SCORE - 0.001
    survey = Known([[just, 0, 0, 0, 1 - just], [below, 0, 0, 0, 1 - below]])
    assert found(survey, "beagle") == [0]
    assert found(survey, "beagle", min_score=0.0) == [0, 1]
    assert found(survey, "beagle", min_score=0.5) == []


def test_a_hidden_label_excludes_also_with_a_least_score_of_nothing() -> None:
    assert found(PHOTOS, "dog not ball", min_score=0.0) == [4, 1, 2, 0]


def test_photos_unlike_anything_known_are_never_found_by_words() -> None:
    survey = Known([BEAGLE, BEAGLE], unknown=[0], vectors=[[1, 0], [0, 1]])
    assert found(survey, "dog") == [1]
    assert found(survey, "not cat") == [1]
    like = matches(survey, like=np.array([1, 0], np.float32))
    assert [one.best_class for one in like] == [None, "beagle"]


def test_classes_that_do_not_exclude_each_other() -> None:
    survey = Known([[0.9, 0.9, 0.0, 0.9, 0.0], [0.3, 0.3, 0.0, 0.9, 0.0]])
    assert found(survey, "beagle ball", exclusive=False) == [0]
    assert [one.score for one in matches(survey, "dog", exclusive=False)] == pytest.approx([0.9])


def test_likeness_orders_and_words_and_dates_filter() -> None:
    vectors = np.array([[0, 1], [0.6, 0.8], [-1, 0], [1, 0], [0.8, 0.6]], np.float32)
    dates = [None, datetime(2024, 6, 1), datetime(2024, 6, 2), datetime(2023, 1, 1), None]
    survey = Known(ROWS, taken=dates, vectors=vectors)
    like = np.array([1, 0], np.float32)
    assert found(survey, like=like) == [3, 4, 1, 0, 2]
    assert found(survey, "dog", like=like) == [3, 4, 1]
    assert found(survey, like=like, min_likeness=0.6) == [3, 4, 1]
    assert [one.likeness for one in matches(survey, "dog", like=like)] == pytest.approx(
        [1, 0.8, 0.6]
    )
    assert found(survey, "dog", taken=parse_period("2024-06")) == [1]
    assert found(survey, taken=parse_period("2023..2024")) == [3, 1, 2]
    assert found(survey, like=like, taken=parse_period("..2024"), most=1) == [3]


@pytest.mark.parametrize("words", [None, "dog", "not dog"])
def test_no_photos(words: str | None) -> None:
    assert found(Known([]), words) == []
    assert found(Known([]), words, like=np.array([1, 0], np.float32)) == []
    assert found(PHOTOS, words, taken=parse_period("2024")) == []


LABEL = st.sampled_from(["beagle", "collie", "cat", "ball", "cup", "dog", "animal"])


@given(
    arrays(np.float32, (6, 5), elements=st.floats(0, 1, width=32)).filter(
        lambda rows: rows.sum(1).all()
    ),
    st.lists(LABEL, min_size=1, max_size=3),
    LABEL,
)
def test_what_not_hides_is_what_the_label_finds(
    rows: NDArray[np.float32], shown: list[str], hidden: str
) -> None:
    survey = Known(rows / rows.sum(axis=1, keepdims=True))
    both = set(found(survey, f"{' '.join(shown)} not {hidden}"))
    assert both.isdisjoint(found(survey, hidden))
    assert both <= set(found(survey, " ".join(shown)))
    for match in matches(survey, " ".join(shown)):
        assert match.score is not None
        assert 0 <= match.score <= 1
