"""Evaluate a model on a dataset: match the labels, classify the pictures, compute the figures."""

from __future__ import annotations

from collections.abc import Callable

from pictell.classifier import Classifier
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import Match, check_matches, match_dataset
from pictell.evaluation.outcomes import collect
from pictell.evaluation.summary import Summary, summarise
from pictell.results import Result


def evaluate(
    classifier: Classifier,
    dataset: Dataset,
    name: str,
    *,
    skip_unmatched: bool = False,
    watch: Callable[[Result], None] = lambda result: None,
) -> Summary:
    """Evaluate a model; ``name`` is what reports call it, ``watch`` receives every result.

    Raises ``UsageError`` for labels that match no class of the model, with ``skip_unmatched`` only
    if none does, and if no picture with a weight above 0 could be read.
    """
    matches = match_dataset(dataset, classifier.spec)
    if not skip_unmatched or not any(isinstance(one, Match) for one in matches):
        check_matches(dataset, matches, name, ", or skip them: --skip-unmatched")
    outcomes = collect(classifier, dataset, matches, watch)
    return summarise(name, classifier.spec.labels, dataset, matches, outcomes)
