"""The photos of a survey that a search finds, best first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.collection.query import Alternative, Period, Term
from pictell.collection.survey import Photo, Survey
from pictell.scoring.taxonomy import Taxonomy

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


def search(survey: Survey, taxonomy: Taxonomy, wanted: Search) -> list[Match]:
    """The photos that are found: the likest first, else the most probable, else the oldest.

    ``taxonomy`` names the classes. Equal ones stay in the order of the survey.
    """
    rows = _in_period(survey.photos, wanted.taken)
    probabilities, known = survey.probabilities()[rows], survey.known()[rows]
    scores = likeness = None
    if wanted.words is not None:
        scores = _scores(wanted.words, probabilities, wanted)
        found = np.flatnonzero((scores >= 0) & known)
        rows, probabilities, known = rows[found], probabilities[found], known[found]
        scores = scores[found]
    if wanted.like is not None:
        likeness = (survey.embeddings()[rows] @ wanted.like).clip(-1, 1)
    best = _best_classes(wanted.words, probabilities)
    photos = [survey.photos[row] for row in rows]
    matches = []
    for place in _order(photos, scores, likeness):
        match = Match(
            photos[place],
            None if scores is None else float(scores[place]),
            None if likeness is None else float(likeness[place]),
        )
        if known[place]:
            name = taxonomy.labels[best[place]].name
            match = match._replace(
                best_class=name, best_score=float(probabilities[place, best[place]])
            )
        matches.append(match)
    return matches


def _in_period(photos: Sequence[Photo], taken: Period | None) -> NDArray[np.intp]:
    """The numbers of the photos that were taken then."""
    if taken is None:
        return np.arange(len(photos))
    return np.array([n for n, one in enumerate(photos) if taken.includes(one.taken)], np.intp)


def _order(
    photos: Sequence[Photo],
    scores: NDArray[np.float64] | None,
    likeness: NDArray[np.float32] | None,
) -> NDArray[np.intp]:
    """The places of the photos in the order in which they are shown."""
    by = likeness if likeness is not None else scores
    if by is not None:
        return np.argsort(-by, kind="stable")
    taken = np.array([one.taken or datetime.max for one in photos], "datetime64[us]")
    return np.argsort(taken, kind="stable")


def _scores(
    words: Sequence[Alternative], probabilities: NDArray[np.float32], wanted: Search
) -> NDArray[np.float64]:
    """The best score of each photo (N,) by any of the alternatives; -1 if none finds it."""
    return np.max([_score(one, probabilities, wanted) for one in words], axis=0)


def _score(
    alternative: Alternative, probabilities: NDArray[np.float32], wanted: Search
) -> NDArray[np.float64]:
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
    scores: NDArray[np.float64] = np.min(each, axis=0).clip(0, 1)
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
) -> NDArray[np.float64]:
    """The probability that a photo (N,) shows any of the classes; the best one's if many can be."""
    if exclusive:
        return (probabilities @ chosen.astype(np.float32)).astype(np.float64)
    return probabilities[:, chosen].max(axis=1, initial=0).astype(np.float64)


def _best_classes(
    words: Sequence[Alternative] | None, probabilities: NDArray[np.float32]
) -> NDArray[np.intp]:
    """The most probable class of each photo (N,), of those that the words name if they name any."""
    named = {one for part in words or () for term in part.shown for one in term.classes}
    of = np.array(sorted(named) or range(probabilities.shape[1]))
    return of[probabilities[:, of].argmax(axis=1)]
