"""The photos of a survey that a search finds, best first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pictell.collection.query import Alternative, Period, Term
from pictell.collection.survey import Photo, Survey
from pictell.scoring.taxonomy import Taxonomy

Scores: TypeAlias = "NDArray[np.float64]"
# The least score of a photo that words find, where a search by one word is best: docs/photos.md.
MIN_SCORE = 0.4


class Match(NamedTuple):
    """A photo that a search finds.

    ``score`` is the probability of what was searched for, 0..1; ``None`` in a search without words.
    ``likeness`` is the cosine of its embedding and that of the pictures it should be like, -1..1;
    ``None`` in a search without such pictures. ``best_class`` is the name of the most probable
    class of those that were searched for, or of all, and ``best_score`` its probability; both are
    ``None`` for a photo unlike anything that the model knows.
    """

    photo: Photo
    score: float | None = None
    likeness: float | None = None
    best_class: str | None = None
    best_score: float | None = None


class Search(NamedTuple):
    """What is searched for.

    ``words``: any of these alternatives; ``None`` for all photos. ``like``: an embedding (D,)
    float32 with an L2 norm of 1. ``min_score``, 0..1: the least probability of a word.
    ``exclusive``: a photo's probabilities add up to 1, because the classes exclude each other.
    """

    words: Sequence[Alternative] | None = None
    like: NDArray[np.float32] | None = None
    taken: Period | None = None
    min_score: float = MIN_SCORE
    exclusive: bool = True


class Found(NamedTuple):
    """The ``rows`` of a survey that a search finds, best first, (n,) intp.

    ``scores`` and ``likeness`` are those of all N photos, as in ``Match``.
    """

    rows: NDArray[np.intp]
    scores: Scores | None
    likeness: Scores | None


def search(survey: Survey, wanted: Search) -> Found:
    """The photos that are found: the likest first, else the most probable, else the oldest.

    Equal ones stay in the order of the survey.
    """
    found = np.ones(len(survey.photos), np.bool_)
    scores = likeness = None
    if wanted.taken is not None:
        found &= [wanted.taken.includes(photo.taken) for photo in survey.photos]
    if wanted.words is not None:
        scores = _scores(wanted.words, survey.probabilities(), wanted)
        found &= (scores >= 0) & survey.known()
    if wanted.like is not None:
        likeness = (survey.embeddings() @ wanted.like).clip(-1, 1).astype(np.float64)
    rows = np.flatnonzero(found)
    best = likeness if likeness is not None else scores
    order = (
        _oldest_first(survey.photos, rows)
        if best is None
        else np.argsort(-best[rows], kind="stable")
    )
    return Found(rows[order], scores, likeness)


def to_matches(
    found: Found, survey: Survey, wanted: Search, taxonomy: Taxonomy, most: int | None = None
) -> list[Match]:
    """What is found, at most ``most`` photos; ``taxonomy`` names the classes."""
    rows = found.rows[:most]
    classes, probabilities = _best_classes(wanted.words, survey.probabilities(), rows)
    known = survey.known()[rows]
    return [
        Match(
            survey.photos[row],
            None if found.scores is None else float(found.scores[row]),
            None if found.likeness is None else float(found.likeness[row]),
            taxonomy.labels[best].name if is_known else None,
            float(probability) if is_known else None,
        )
        for row, best, probability, is_known in zip(
            rows.tolist(), classes.tolist(), probabilities.tolist(), known.tolist(), strict=True
        )
    ]


def _oldest_first(photos: Sequence[Photo], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The order of these photos by their date; those without come last."""
    dates = [photos[row].taken or datetime.max for row in rows.tolist()]
    return np.argsort(np.array(dates, "datetime64[us]"), kind="stable")


def _scores(
    words: Sequence[Alternative], probabilities: NDArray[np.float32], wanted: Search
) -> Scores:
    """The best score of each photo (N,) by any of the alternatives; -1 if none finds it."""
    best: Scores = np.max([_score(one, probabilities, wanted) for one in words], axis=0)
    return best


def _score(alternative: Alternative, probabilities: NDArray[np.float32], wanted: Search) -> Scores:
    """The score of each photo (N,), 0..1; -1 for those that the alternative does not find.

    It is the least probability of the labels that must be shown. A model whose classes exclude each
    other shares out 1 among all that it sees, so each of n labels needs an n-th of the least score.
    A photo with ``MIN_SCORE`` or more of a hidden label is not found, and less of it does not count
    for what is above the hidden label.
    """
    classes = probabilities.shape[1]
    hidden = [_chosen(term, classes) for term in alternative.hidden]
    shown = _most_specific([_chosen(term, classes) for term in alternative.shown])
    without = ~np.any(hidden, axis=0) if hidden else np.ones(classes, np.bool_)
    each = [_probability(one & without, probabilities, wanted.exclusive) for one in shown]
    if not each:
        each = [1 - _probability(~without, probabilities, wanted.exclusive)]
    scores: Scores = np.min(each, axis=0).clip(0, 1)
    found = scores >= wanted.min_score / (len(each) if wanted.exclusive else 1)
    for one in hidden:
        found &= _probability(one, probabilities, wanted.exclusive) < MIN_SCORE
    return np.where(found, scores, -1)


def _chosen(term: Term, classes: int) -> NDArray[np.bool_]:
    """Whether each class of the model is one of the term, (classes,)."""
    chosen = np.zeros(classes, np.bool_)
    chosen[list(term.classes)] = True
    return chosen


def _most_specific(terms: list[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """The terms without those that another one implies: every dog is an animal."""
    kept = list[NDArray[np.bool_]]()
    for term in sorted(terms, key=np.count_nonzero):
        if not any((one <= term).all() for one in kept):
            kept.append(term)
    return kept


def _probability(
    chosen: NDArray[np.bool_], probabilities: NDArray[np.float32], exclusive: bool
) -> Scores:
    """The probability that a photo (N,) shows any of the classes; the best one's if many can be."""
    found: NDArray[np.float32] = (
        probabilities @ chosen.astype(np.float32)
        if exclusive
        else probabilities[:, chosen].max(axis=1, initial=0)
    )
    return found.astype(np.float64)


def _best_classes(
    words: Sequence[Alternative] | None,
    probabilities: NDArray[np.float32],
    rows: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The most probable class of each row (n,), of those that the words name, and how probable.

    Words that name none, as after ``not``, leave all classes.
    """
    named = {one for part in words or () for term in part.shown for one in term.classes}
    if not named:
        best = probabilities.argmax(axis=1)[rows]
    else:
        classes = np.array(sorted(named))
        best = classes[probabilities[np.ix_(rows, classes)].argmax(axis=1)]
    return best, probabilities[rows, best]
