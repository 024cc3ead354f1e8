"""Answers before and after broad labels became headings: how often right, and how informative.

    python benchmarks/answers.py

The pictures of ``imagenet_val650``, by their weights. Cross-fitted, ``REPEATS`` times: the
calibration of the scores, the limit of the status ``unknown`` and the slope of likely scores are
fitted on four fifths of the pictures and measured on the rest.

The second table is the share of pictures of unknown things (see ``not_sure.py``) with an answer, by
the calibration in the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from accuracy import IMAGES, Scores, read_set
from backoff import REPEATS, Nodes, Pictures, read_pictures, splits
from not_sure import INSECTS, Model, unknown_sets
from pictell import models
from pictell.evaluation.calibrate import Sample, likely_slope
from pictell.models.calibration_file import read_calibration
from pictell.options import MIN_CONFIDENCE
from pictell.scoring import calibration
from pictell.scoring.calibration import Abstention, Calibration, likely_score
from pictell.scoring.postprocess import to_probabilities
from pictell.scoring.taxonomy import (
    MORE_LIKELY_THAN_NOT,
    Taxonomy,
    back_off,
    choose,
    node_probabilities,
    without_headings,
)

SURE, LIKELY, UNSURE, UNKNOWN = range(4)
# An answer of more classes than this, of a thousand, is counted as broad.
BROAD = 125
Choose = Callable[[Scores], Nodes]


@dataclass(frozen=True)
class Rule:
    """A way to answer: the node for each row of node probabilities, and whether scores of likely
    answers are calibrated.
    """

    name: str
    choose: Choose
    with_slope: bool = False


def before(tree: Taxonomy, nodes: Scores) -> Nodes:
    """The rule without headings: the most specific label that reaches one of two thresholds."""
    sure = back_off(tree, nodes, MIN_CONFIDENCE)
    return np.where(sure == tree.root, back_off(tree, nodes, MORE_LIKELY_THAN_NOT), sure)


def informative(tree: Taxonomy, nodes: Scores) -> Nodes:
    """The rule of pictell."""
    return choose(tree, nodes, MIN_CONFIDENCE)


def rules(tree: Taxonomy) -> tuple[Rule, ...]:
    """The rules to compare, for a tree that has its headings."""
    # Of a tree without marks, only the size makes headings.
    sizes = tree.stops - tree.starts
    by_size = np.where(sizes > BROAD, 0, tree.information)
    narrow = without_headings(tree)
    return (
        Rule("before: broad labels are answers", partial(before, tree)),
        Rule(
            "no label of more than an eighth of the classes",
            partial(informative, replace(tree, information=by_size)),
        ),
        Rule("no headings", partial(informative, narrow)),
        Rule(
            "**no headings, likely scores calibrated**",
            partial(informative, narrow),
            with_slope=True,
        ),
    )


@dataclass(frozen=True)
class Fitted:
    """What was fitted on some pictures, and the node probabilities of all with it."""

    nodes: Scores
    known: NDArray[np.bool_]
    slope: float


def fit(pictures: Pictures, chosen: Nodes) -> Fitted:
    """Fit calibration, limit and slope on the ``chosen`` pictures."""
    targets, evidence = pictures.targets, pictures.evidence
    sample = Sample(evidence[chosen], targets.classes[chosen], targets.weights[chosen])
    fitted = calibration.fit(sample.evidence, sample.targets, sample.weights)
    peaks = calibration.peak(evidence)
    limit = calibration.abstention_threshold(peaks[chosen], sample.weights)
    slope = likely_slope(
        sample, fitted, Abstention("peak", limit, 0), without_headings(pictures.taxonomy)
    )
    probabilities = to_probabilities(calibration.to_logits(evidence, fitted), "softmax")
    return Fitted(node_probabilities(pictures.taxonomy, probabilities), peaks >= limit, slope)


def decide(
    tree: Taxonomy, rule: Rule, nodes: Scores, known: NDArray[np.bool_], slope: float
) -> tuple[Nodes, Nodes, Scores]:
    """Answer, status and score of each row (N,)."""
    answers = np.where(known, rule.choose(nodes), tree.root)
    scores = nodes[np.arange(len(nodes)), answers]
    status = np.select(
        [~known, answers == tree.root, scores >= MIN_CONFIDENCE], [UNKNOWN, UNSURE, SURE], LIKELY
    )
    if rule.with_slope:
        raised = np.array([likely_score(one, slope) for one in scores.tolist()])
        scores = np.where(status == LIKELY, raised, scores)
    return answers, status, scores


def row(pictures: Pictures, rule: Rule, fits: list[tuple[int, Nodes, Fitted]]) -> str:
    """A line of the first table."""
    tree, count = pictures.taxonomy, len(pictures.evidence)
    answers, status = (np.empty((REPEATS, count), np.intp) for _ in range(2))
    scores = np.empty((REPEATS, count))
    for repeat, held_out, fitted in fits:
        place = repeat, held_out
        answers[place], status[place], scores[place] = decide(
            tree, rule, fitted.nodes[held_out], fitted.known[held_out], fitted.slope
        )
    weights = np.tile(pictures.targets.weights, (REPEATS, 1))
    targets = np.tile(pictures.targets.classes, (REPEATS, 1))
    right = (answers != tree.root) & tree.covers(answers, targets)
    cells = [rule.name]
    for kind in (SURE, LIKELY):
        of_kind = weights * (status == kind)
        cells += [
            f"{of_kind.sum() / weights.sum():.1%}",
            f"{np.average(right, weights=of_kind):.1%}",
            f"{np.average(scores, weights=of_kind):.1%}",
        ]
    broad = (answers != tree.root) & ((tree.stops - tree.starts)[answers] > BROAD)
    for share in (status >= UNSURE, broad):
        cells.append(f"{np.average(share, weights=weights):.1%}")
    cells.append(f"{np.average(right * tree.information[answers], weights=weights):.2f}")
    return f"| {' | '.join(cells)} |"


def print_known(pictures: Pictures) -> None:
    """The first table."""
    fits = [
        (repeat, held_out, fit(pictures, chosen))
        for repeat, chosen, held_out in splits(len(pictures.evidence))
    ]
    slopes = [fitted.slope for _, _, fitted in fits]
    print(f"slope: mean {np.mean(slopes):.2f}, standard deviation {np.std(slopes):.2f}\n")
    print("| rule | sure | right | score | likely | right | score | no answer | broad | bits |")
    print("|---" * 10 + "|")
    for rule in rules(pictures.taxonomy):
        print(row(pictures, rule, fits))


def of_all_classes(probabilities: Scores, removed: Nodes) -> Scores:
    """Probabilities (N, classes - 1) of models that each lack a class, with 0 for it."""
    rows, classes = probabilities.shape[0], probabilities.shape[1] + 1
    full = np.zeros((rows, classes))
    full[np.arange(classes) != removed[:, np.newaxis]] = probabilities.ravel()
    return full


def print_unknown(tree: Taxonomy, fitted: Calibration, limit: float) -> None:
    """The second table."""
    tensors, targets = read_set(IMAGES / "imagenet_val650")
    model = Model(fitted)
    _, sets = unknown_sets(model, model.answers(tensors), targets)
    removed = {
        f"{name}, class removed": np.full(len(sets[f"{name}, class removed"].evidence), index)
        for name, index in INSECTS.items()
    } | {"validation, class removed": targets.classes}
    old, *_, new = rules(tree)
    print("\n| set | pictures | sure or likely before | after | sure before | after |")
    print("|---" * 6 + "|")
    for name, answers in sets.items():
        probabilities = answers.calibrated
        if name in removed:
            probabilities = of_all_classes(probabilities, removed[name])
        known = calibration.peak(answers.evidence) >= limit
        nodes = node_probabilities(tree, probabilities)
        statuses = [decide(tree, rule, nodes, known, 1)[1] for rule in (old, new)]
        shares = [
            f"{(status <= kind).mean():.0%}" for kind in (LIKELY, SURE) for status in statuses
        ]
        print(f"| {name} | {len(known)} | {' | '.join(shares)} |")


def main() -> None:
    """Print both tables."""
    pictures = read_pictures()
    print_known(pictures)
    fitted = read_calibration(models.find("default"))
    assert fitted is not None
    print_unknown(pictures.taxonomy, fitted.calibration, fitted.abstention.threshold)


if __name__ == "__main__":
    main()
