"""The options that choose which results the main command shows."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pictell.cli.parser import Parser, probability
from pictell.errors import UsageError
from pictell.results import Result, Status

# Imported later, while the model opens.
if TYPE_CHECKING:
    from pictell.classifier import Classifier

Test: TypeAlias = Callable[[Result], bool]
# With --only a label must be more likely in the picture than not.
MIN_SCORE = 0.5


class Selection(NamedTuple):
    """The tests that a result must pass; without any, all results pass.

    ``probabilities``: the tests need those of all classes.
    """

    tests: tuple[Test, ...] = ()
    probabilities: bool = False

    def passes(self, result: Result) -> bool:
        """Whether a result passes. A failed one does only if there is no test."""
        if not self.tests:
            return True
        return result.error is None and all(test(result) for test in self.tests)


def add_selection_options(parser: Parser) -> None:
    """Add the options that ``selection`` reads."""
    add = parser.add_argument_group("which pictures to show").add_argument
    statuses = f"only pictures with one of these statuses: {', '.join(Status)}"
    add("--status", action="append", type=_listed, metavar="S,S", help=statuses)
    only = "only pictures of these: any names of pictell labels"
    add("--only", action="append", type=_listed, metavar="WORD,WORD", help=only)
    add("--not", action="append", type=_listed, metavar="WORD,WORD", help="no pictures of these")
    score = "least score: of a WORD with --only (0.5), else of the answer or of the best class"
    add("--min-score", type=probability, metavar="P", help=score)


def selection(
    options: argparse.Namespace, judges: bool, classifier: Classifier | None = None
) -> Selection:
    """The tests of the options. Raises ``UsageError`` for a word that is no label or status.

    ``judges``: whether results have a status. ``classifier`` has the labels of --only and --not.
    """
    tests, only, without = list[Test](), _flat(options.only), _flat(getattr(options, "not"))
    if options.status:
        tests.append(_has_status(_flat(options.status), judges))
    least = MIN_SCORE if options.min_score is None else options.min_score
    if only:
        tests.append(_shows(only, classifier, least))
    elif options.min_score is not None:
        tests.append(lambda result: (result.in_words()[1] or 0) >= least)
    if without:
        shows = _shows(without, classifier, MIN_SCORE)
        tests.append(lambda result: not shows(result))
    return Selection(tuple(tests), probabilities=bool(only or without))


def _listed(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise argparse.ArgumentTypeError(f"must be words with commas between them, not {text!r}")
    return words


def _flat(lists: Sequence[Sequence[str]] | None) -> list[str]:
    return [word for words in lists or () for word in words]


def _has_status(words: Sequence[str], judges: bool) -> Test:
    statuses = {*Status}
    for word in words:
        if word not in statuses:
            raise UsageError(f"--status must be of {', '.join(Status)}, not {word!r}")
    if not judges:
        raise UsageError(
            "--status needs results with a status, and these have none: leave it out, or use a "
            "calibrated model without --flat"
        )
    return lambda result: result.status in words


def _shows(words: Sequence[str], classifier: Classifier | None, least: float) -> Test:
    """Whether a picture shows one of the labels. One unlike anything known shows none."""
    if classifier is None:
        raise UsageError("--only and --not need the labels of a model on this machine")
    # Few runs search for names.
    from pictell.models.scorer import naming_tree
    from pictell.models.vocabulary import named

    tree = naming_tree(classifier.scorer, classifier.spec)
    nodes = [node for word in words for node in named(tree, word)]
    ids = {tree.ids[node] for node in nodes}
    classes = [tree.classes_below(node) for node in nodes]

    def test(result: Result) -> bool:
        scores = result.probabilities
        if scores is None or result.status is Status.UNKNOWN:
            return False
        # A likely answer has another score than the sum.
        if result.answer is not None and result.answer.id in ids:
            return result.answer.score >= least
        return any(scores[below].sum() >= least for below in classes)

    return test
