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
# The least score of a photo that words find: best for one word (benchmarks/search.md).
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
    ``min_likeness``, -1..1: the least likeness of a photo to ``like``. ``exclusive``: a photo's
    probabilities add up to 1, because the classes exclude each other.
    """

    words: Sequence[Alternative] | None = None
    like: NDArray[np.float32] | None = None
    taken: Period | None = None
    min_score: float = MIN_SCORE
    min_likeness: float = -1.0
    exclusive: bool = True


class Found(NamedTuple):
    """What a search finds: the n photos of ``survey``, best first.

    ``scores`` and ``likeness``, (n,), are as in ``Match``. ``probabilities`` are those of the
    survey, (n, classes), if the search needed them.
    """

    survey: Survey
    scores: Scores | None = None
    likeness: Scores | None = None
    probabilities: NDArray[np.float32] | None = None


def search(survey: Survey, wanted: Search) -> Found:
    """The photos that are found: the likest first, else the most probable, else the oldest.

    Equal ones stay in the order of the survey. Raises as ``Survey.probabilities``, and with
    ``like`` as ``Survey.embeddings``.
    """
    if wanted.taken is not None:
        taken = wanted.taken
        photos = enumerate(survey.photos)
        survey = survey.only([row for row, photo in photos if taken.includes(photo.taken)])
    found = Found(survey) if wanted.words is None else _by_words(survey, wanted.words, wanted)
    if wanted.like is not None:
        likeness = _likeness(found.survey, wanted.like)
        found = found._replace(likeness=likeness)
        found = _rows(found, np.flatnonzero(likeness >= wanted.min_likeness))
    best = found.scores if found.likeness is None else found.likeness
    if best is None:
        return _rows(found, _oldest_first(found.survey.photos))
    return _rows(found, np.argsort(-best, kind="stable"))


def to_matches(
    found: Found, wanted: Search, taxonomy: Taxonomy, most: int | None = None
) -> list[Match]:
    """What is found, at most ``most`` photos; ``taxonomy`` names the classes."""
    shown = _rows(found, np.arange(len(found.survey.photos))[:most])
    survey = shown.survey
    known = survey.known().tolist()
    probabilities = survey.probabilities() if shown.probabilities is None else shown.probabilities
    classes = _best_classes(wanted.words, probabilities)
    best_scores = np.take_along_axis(probabilities, classes[:, np.newaxis], axis=1)[:, 0].tolist()
    return [
        Match(
            photo,
            None if shown.scores is None else float(shown.scores[row]),
            None if shown.likeness is None else float(shown.likeness[row]),
            taxonomy.labels[classes[row]].name if known[row] else None,
            best_scores[row] if known[row] else None,
        )
        for row, photo in enumerate(survey.photos)
    ]


def _rows(found: Found, rows: NDArray[np.intp]) -> Found:
    """Some of what is found, by its place, in this order."""
    return Found(
        found.survey.only(rows.tolist()),
        None if found.scores is None else found.scores[rows],
        None if found.likeness is None else found.likeness[rows],
        None if found.probabilities is None else found.probabilities[rows],
    )


def _by_words(survey: Survey, words: Sequence[Alternative], wanted: Search) -> Found:
    """The photos that words find, in the order of the survey."""
    probabilities = survey.probabilities()
    scores = _scores(words, probabilities, wanted)
    return _rows(
        Found(survey, scores, probabilities=probabilities),
        np.flatnonzero((scores >= 0) & survey.known()),
    )


def _likeness(survey: Survey, like: NDArray[np.float32]) -> Scores:
    """The cosine of each photo's embedding (N,) and another."""
    if not survey.photos:
        return np.zeros(0)
    cosines: NDArray[np.float32] = survey.embeddings() @ like
    # Rounding may lift a sum above 1.
    return cosines.clip(-1, 1).astype(np.float64)


def _oldest_first(photos: Sequence[Photo]) -> NDArray[np.intp]:
    """The order of photos by their date; those without come last."""
    dates = [photo.taken or datetime.max for photo in photos]
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
    words: Sequence[Alternative] | None, probabilities: NDArray[np.float32]
) -> NDArray[np.intp]:
    """The most probable class of each photo (N,), of those that the words name.

    Words that name none, as after ``not``, leave all classes.
    """
    named = set[int]()
    for part in words or ():
        hidden = {one for term in part.hidden for one in term.classes}
        named |= {one for term in part.shown for one in term.classes} - hidden
    classes = np.array(sorted(named) or range(probabilities.shape[1]))
    of = probabilities[:, classes] if named else probabilities
    best: NDArray[np.intp] = classes[of.argmax(axis=1)]
    return best
