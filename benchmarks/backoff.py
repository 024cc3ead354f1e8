"""How often the given name is right, against how much it tells, by rule and by threshold.

    python benchmarks/backoff.py

The pictures of ``imagenet_val650``, by their weights. Cross-fitted: the calibration of the scores
and, where an accuracy is wanted, a rule's parameter are fitted on four fifths of the pictures and
measured on the rest, ``REPEATS`` times with other fifths.

- ``threshold t``: the node that tells the most of those with probability ``t`` (``back_off``).
- ``reward``: DARTS of Deng et al. (CVPR 2012): the node of the highest (information + λ) ·
  probability. As λ grows from 0 its names become surer.
- ``flat``: always the best class. ``parent``: always the name above it.

Rows ``at`` are thresholds as they stand; ``threshold`` and ``reward`` are fitted to the accuracy
they name, and their parameter is the median of the fits.

A name is right if the picture's class is below it; ``something``, the root, always is. A right name
counts what it tells (bits), a wrong one 0, as in the paper. All shares are weighted but where it
says otherwise; intervals are 95 %, by bootstrap over the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from accuracy import IMAGES, Scores, Targets, read_logits, read_set
from pictell import models
from pictell.models.folder import read_attachment
from pictell.models.labels import IMAGENET
from pictell.models.taxonomy_file import read_taxonomy
from pictell.options import MIN_CONFIDENCE
from pictell.scoring import calibration
from pictell.scoring.postprocess import to_probabilities
from pictell.scoring.taxonomy import Taxonomy, back_off, node_probabilities

FOLDS, REPEATS, RESAMPLES = 5, 10, 2000
WANTED = (0.80, 0.85, 0.90, 0.95, 0.96, 0.97, 0.99)
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.97, 0.99)
# Where a rule's parameter is looked for: thresholds up to certainty; a λ far above the 10 bits
# that a class tells makes every name the root.
MOST = {"threshold": 1.0, "reward": 1e4}
SEARCH_STEPS = 20

Nodes = NDArray[np.intp]
Choose = Callable[[Scores], Nodes]


@dataclass(frozen=True)
class Pictures:
    """The model's evidence (N, classes), what the pictures are, and the tree."""

    evidence: Scores
    targets: Targets
    taxonomy: Taxonomy

    def right(self, nodes: Nodes, chosen: Nodes) -> NDArray[np.bool_]:
        """Whether the class of each ``chosen`` picture is below the node it is called."""
        tree = self.taxonomy
        places = np.argsort(tree.order)[self.targets.classes[chosen]]
        return (tree.starts[nodes] <= places) & (places < tree.stops[nodes])

    def accuracy(self, nodes: Nodes, chosen: Nodes) -> float:
        """The weighted share of ``chosen`` pictures whose node is right."""
        return float(np.average(self.right(nodes, chosen), weights=self.targets.weights[chosen]))


def read_pictures() -> Pictures:
    """Run the default model on ``imagenet_val650``."""
    spec = models.find("default")
    tensors, targets = read_set(IMAGES / "imagenet_val650")
    taxonomy = read_taxonomy(read_attachment(IMAGENET.with_name("taxonomy.tsv")), spec.labels)
    return Pictures(
        calibration.evidence(read_logits(spec, tensors), spec.activation), targets, taxonomy
    )


def by_threshold(tree: Taxonomy, min_confidence: float, scores: Scores) -> Nodes:
    """The nodes of pictures (N,) by pictell's rule; scores of nodes (N, nodes)."""
    return back_off(tree, scores, min_confidence)


def by_reward(tree: Taxonomy, weight: float, scores: Scores) -> Nodes:
    """The nodes of pictures (N,) by DARTS; ``weight`` is λ, in bits."""
    nodes: Nodes = ((tree.information + weight) * scores).argmax(axis=1)
    return nodes


def flat(tree: Taxonomy, scores: Scores) -> Nodes:
    """Always the best class."""
    nodes: Nodes = scores[:, : tree.root].argmax(axis=1)
    return nodes


def parent(tree: Taxonomy, scores: Scores) -> Nodes:
    """Always the name above the best class."""
    return np.array(tree.parents)[flat(tree, scores)]


RULES = {"threshold": by_threshold, "reward": by_reward}


def calibrated(pictures: Pictures, fitted: Nodes) -> Scores:
    """Probabilities (N, classes) of all pictures by the calibration of the ``fitted`` ones."""
    targets = pictures.targets
    found = calibration.fit(
        pictures.evidence[fitted],
        targets.classes[fitted],
        targets.weights[fitted],
    )
    return to_probabilities(calibration.to_logits(pictures.evidence, found), "softmax")


def fit_rule(rule: str, wanted: float, pictures: Pictures, scores: Scores, chosen: Nodes) -> float:
    """The least parameter of a rule that makes ``wanted`` of the pictures right (by bisection)."""
    low, high = 0.0, MOST[rule]
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2
        nodes = RULES[rule](pictures.taxonomy, middle, scores)
        if pictures.accuracy(nodes, chosen) >= wanted:
            high = middle
        else:
            low = middle
    return high


@dataclass(frozen=True)
class Answers:
    """What a rule said of the held-out pictures, (REPEATS, N), and its parameter in each fit."""

    nodes: Nodes
    parameters: NDArray[np.float64]


def splits(count: int) -> list[tuple[int, Nodes, Nodes]]:
    """(repeat, pictures to fit on, pictures held out) for every fold of every repeat."""
    random = np.random.default_rng(0)
    found = []
    for repeat in range(REPEATS):
        folds = np.array_split(random.permutation(count), FOLDS)
        found += [(repeat, np.setdiff1d(np.arange(count), fold), fold) for fold in folds]
    return found


def answer_all(pictures: Pictures) -> dict[tuple[str, float], Answers]:
    """Every rule's answers by (rule, accuracy wanted), and by ("at", threshold)."""
    tree, count = pictures.taxonomy, len(pictures.evidence)
    nodes: dict[tuple[str, float], Nodes] = {}
    parameters: dict[tuple[str, float], list[float]] = {}
    for repeat, fitted, held_out in splits(count):
        sums = node_probabilities(tree, calibrated(pictures, fitted))
        chosen: dict[tuple[str, float], tuple[float, Choose]] = {
            ("flat", 0): (0, partial(flat, tree)),
            ("parent", 0): (0, partial(parent, tree)),
        }
        for threshold in THRESHOLDS:
            chosen["at", threshold] = (threshold, partial(by_threshold, tree, threshold))
        for rule, decide in RULES.items():
            for wanted in WANTED:
                value = fit_rule(rule, wanted, pictures, sums[fitted], fitted)
                chosen[rule, wanted] = (value, partial(decide, tree, value))
        for key, (value, choose) in chosen.items():
            nodes.setdefault(key, np.empty((REPEATS, count), np.intp))
            nodes[key][repeat, held_out] = choose(sums[held_out])
            parameters.setdefault(key, []).append(value)
    return {key: Answers(nodes[key], np.array(parameters[key])) for key in nodes}


def gains(pictures: Pictures, answers: Answers) -> tuple[Scores, Scores]:
    """Of each picture (N,), over the repeats: how often the name was right, and its mean bits."""
    everything = np.arange(answers.nodes.shape[1])
    right = np.stack([pictures.right(nodes, everything) for nodes in answers.nodes])
    return right.mean(axis=0), (right * pictures.taxonomy.information[answers.nodes]).mean(axis=0)


def interval(values: Scores, weights: Scores) -> str:
    """The weighted mean of values (N,) with its 95 % bootstrap interval."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    means = np.sum((weights * values)[drawn], axis=1) / weights[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{np.average(values, weights=weights):.2f} [{low:.2f}, {high:.2f}]"


def row(name: str, pictures: Pictures, answers: Answers) -> str:
    """A line of the table."""
    weights = pictures.targets.weights
    right, bits = gains(pictures, answers)
    nodes, root = answers.nodes, pictures.taxonomy.root
    shares = [
        100 * np.average(kind.mean(axis=0), weights=weights)
        for kind in (nodes < root, nodes > root, nodes == root)
    ]
    of_named = 100 * (np.average(right, weights=weights) - shares[2] / 100) / (1 - shares[2] / 100)
    figures = [
        f"{np.median(answers.parameters):.3g}",
        interval(100 * right, weights),
        f"{100 * right.mean():.1f}",
        f"{of_named:.1f}",
        interval(bits, weights),
        *(f"{share:.1f}" for share in shares),
    ]
    return f"| {name} | " + " | ".join(figures) + " |"


def difference(pictures: Pictures, first: Answers, second: Answers) -> str:
    """``first`` less ``second``: how many more are right, and the bits it tells more."""
    weights = pictures.targets.weights
    (right, bits), (other_right, other_bits) = (gains(pictures, a) for a in (first, second))
    points = interval(100 * (right - other_right), weights)
    return f"{points} points right, {interval(bits - other_bits, weights)} bits"


def main() -> None:
    """Print the table, what the reward gains over the threshold, and that over neither."""
    pictures = read_pictures()
    answers = answer_all(pictures)
    columns = ("rule", "parameter", "right %", "unweighted %", "of the named %", "bits")
    print(f"| {' | '.join(columns)} | classes % | names % | something % |")
    print("|---" * 9 + "|")
    for (rule, value), said in answers.items():
        name = rule if rule in {"flat", "parent"} else f"{rule} {value}"
        print(row(name, pictures, said))
    for wanted in WANTED:
        reward, threshold = answers["reward", wanted], answers["threshold", wanted]
        print(f"reward less threshold at {wanted}: {difference(pictures, reward, threshold)}")
    for rule in ("flat", "parent"):
        ours = difference(pictures, answers["at", MIN_CONFIDENCE], answers[rule, 0])
        print(f"at {MIN_CONFIDENCE} less {rule}: {ours}")


if __name__ == "__main__":
    main()
