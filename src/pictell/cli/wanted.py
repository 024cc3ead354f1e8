"""What ``pictell find`` searches for, as the model understands it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli.output import say
from pictell.errors import PictellError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pictell.classifier import Classifier
    from pictell.collection.query import Alternative
    from pictell.collection.search import Search
    from pictell.scoring.taxonomy import Taxonomy

# The cosine of pictures of the same thing; other models have other ones (benchmarks/search.md).
MIN_LIKENESS = 0.5


class Wanted:
    """The search of the options, by the labels and the embedding of a model."""

    tree: Taxonomy
    search: Search

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def prepare(self, classifier: Classifier) -> None:
        """Read the words and the pictures of --like, before any photo is read.

        Raises ``UsageError`` for words that name no label, for a model without an embedding, and
        for a picture of --like that cannot be read.
        """
        from pictell.collection.query import parse_query
        from pictell.collection.search import MIN_SCORE, Search
        from pictell.models.scorer import naming_tree
        from pictell.types import INDEPENDENT

        options = self._options
        self.tree = naming_tree(classifier.scorer, classifier.spec)
        words = None if options.query is None else parse_query(options.query, self.tree)
        if words is None and len(options.pictures) > 1:
            _check_no_query(options.pictures[0], self.tree)
        if words is not None and not options.quiet:
            _say_guesses(words)
            _hint_at_quotes(options, self.tree)
        self.search = Search(
            words,
            _mean_embedding(classifier, options.like) if options.like else None,
            options.taken,
            MIN_SCORE if options.min_score is None else options.min_score,
            least_likeness(options),
            exclusive=classifier.spec.activation not in INDEPENDENT,
        )


def _check_no_query(photo: str, tree: Taxonomy) -> None:
    """Raise ``UsageError`` for a photo that may be meant as the query."""
    from pictell.models.vocabulary import Names

    if not is_pattern(photo) and Names(tree).called(photo):
        raise UsageError(
            f"{photo} is a file or folder here and also a label: give ./{photo} for the photos, "
            f"or --words {photo} for the label"
        )


def least_likeness(options: argparse.Namespace) -> float:
    """The least likeness. Where words say what is found, likeness only orders it."""
    if options.min_likeness is not None:
        return float(options.min_likeness)
    return MIN_LIKENESS if options.query is None else -1.0


def _hint_at_quotes(options: argparse.Namespace, tree: Taxonomy) -> None:
    """Say how to give several words, if a photo is none and the name of a label."""
    from pictell.models.vocabulary import Names

    names = Names(tree)
    for word in options.pictures:
        if not is_pattern(word) and not os.path.lexists(word) and names.called(word):
            say(
                f"{word!r} is taken as a photo: put several words in quotes: "
                f"pictell find '{options.query} {word}' PHOTO …"
            )


def _say_guesses(words: Sequence[Alternative]) -> None:
    """Say which labels were meant if these words are not the own name of any."""
    for alternative in words:
        for term in (*alternative.shown, *alternative.hidden):
            if term.guessed:
                say(f"{term.words!r} is taken as {', '.join(term.guessed)}")


def _mean_embedding(classifier: Classifier, names: Sequence[str]) -> NDArray[np.float32]:
    """The mean of the embeddings of pictures, (D,) with an L2 norm of 1. Raises ``UsageError``."""
    import numpy as np
    from numpy.typing import NDArray

    if classifier.spec.embedding is None:
        raise UsageError(
            f"the model {classifier.spec.name} has no embedding, so --like cannot compare pictures "
            "with it: leave --like out, or use the model default"
        )
    rows = list[NDArray[np.float32]]()
    found = classifier.embed_stream([Path(name) for name in names])
    for name, row in zip(names, found, strict=True):
        if isinstance(row, PictellError):
            raise UsageError(f"--like {name}: {row.message}")
        rows.append(row)
    mean: NDArray[np.float32] = np.mean(rows, axis=0)
    # Pictures that are exact opposites have none.
    return mean / max(float(np.linalg.norm(mean)), float(np.finfo(np.float32).tiny))


def is_pattern(word: str) -> bool:
    """Whether a word is meant for files, not as a query."""
    return "/" in word or os.sep in word or any(one in word for one in "*?[")
