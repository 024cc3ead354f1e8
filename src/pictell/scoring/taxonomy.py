"""Pure: classes as the leaves of an is-a tree, and the most telling name that is sure enough.

The measure of what a name tells is that of Deng, Krause, Berg and Fei-Fei, "Hedging your bets:
optimizing accuracy-specificity trade-offs in large scale visual recognition", CVPR 2012. Their rule
(DARTS) tells a little more at the same accuracy, but gives no name at all twice as often, and its
parameter is no probability; so names are chosen by a threshold. ``benchmarks/backoff.py`` measures
both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.types import Label

ROOT = Label("something")
# How sure a name must be by default: a little above the 0.87 that a fit for 95 % of right names
# gives, to be on the safe side with pictures that were not fitted on (benchmarks/backoff.py).
MIN_CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Taxonomy:
    """An is-a tree whose leaves are a model's classes.

    Nodes are numbers: a class is its own index, then come the root, which says nothing, and the
    names between. ``labels``: one for each node. ``parents``: the node above each; the root is its
    own. ``information``: what a node tells beyond the root, log2(classes / classes
    below it) in bits, shape (nodes,), 0 for the root and the most for a class (Deng et al. 2012).
    The classes below a node are ``order[starts[node]:stops[node]]``.
    """

    labels: tuple[Label, ...]
    parents: tuple[int, ...]
    information: NDArray[np.float64]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]

    @property
    def root(self) -> int:
        """The node above all; also the number of classes."""
        return len(self.order)

    def classes_below(self, node: int) -> NDArray[np.intp]:
        """The classes that are of a node's kind; a class itself for a class."""
        return self.order[self.starts[node] : self.stops[node]]

    def path(self, node: int) -> tuple[str, ...]:
        """The names from the top to the node's own; none for the root."""
        return tuple(self.labels[step].name for step in _lineage(self.parents, self.root, node))


def build(classes: Sequence[Label], names: Sequence[Label], parents: Sequence[int]) -> Taxonomy:
    """The tree of ``classes`` below ``names``.

    ``parents`` has the node above for each class and then for each name; these nodes are numbered
    as in a ``Taxonomy``, the root (``len(classes)``) included. They must lead to the root, and a
    class must be below every name.
    """
    root = len(classes)
    above = [*parents[:root], root, *parents[root:]]
    below: list[list[int]] = [[] for _ in above]
    for node, parent in enumerate(above):
        if node != root:
            below[parent].append(node)
    order: list[int] = []
    starts, stops = [0] * len(above), [0] * len(above)
    # Depth first; a name comes by again, as ~node, when all below it has gone by.
    to_visit = [root]
    while to_visit:
        node = to_visit.pop()
        if node < 0:
            stops[~node] = len(order)
            continue
        starts[node] = len(order)
        if node < root:
            order.append(node)
        to_visit.append(~node)
        to_visit.extend(reversed(below[node]))
    return Taxonomy(
        labels=(*classes, ROOT, *names),
        parents=tuple(above),
        information=np.log2(root / np.subtract(stops, starts)),
        order=np.array(order),
        starts=np.array(starts),
        stops=np.array(stops),
    )


def limit(taxonomy: Taxonomy, max_depth: int) -> Taxonomy:
    """The same tree, where nodes more than ``max_depth`` below the root tell nothing.

    So no answer is deeper. Raises ``UsageError`` for fewer max_depth than 1.
    """
    if max_depth < 1:
        raise UsageError(f"max_depth must be 1 or more, not {max_depth}")
    depths = [
        len(_lineage(taxonomy.parents, taxonomy.root, node)) for node in range(len(taxonomy.labels))
    ]
    return replace(
        taxonomy, information=np.where(np.array(depths) <= max_depth, taxonomy.information, 0)
    )


def node_probabilities(
    taxonomy: Taxonomy, probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The probability of each node, the sum of its classes': (…, classes) to (…, nodes)."""
    sums = np.zeros((*probabilities.shape[:-1], taxonomy.root + 1))
    probabilities.take(taxonomy.order, axis=-1).cumsum(axis=-1, out=sums[..., 1:])
    names = slice(taxonomy.root, None)
    below = sums.take(taxonomy.stops[names], axis=-1) - sums.take(taxonomy.starts[names], axis=-1)
    return np.concatenate([probabilities, below], axis=-1)


def back_off(taxonomy: Taxonomy, probabilities: NDArray[np.float64], min_confidence: float) -> int:
    """The node that tells the most of those whose probability is ``min_confidence`` (0..1).

    ``probabilities``: of the nodes, shape (nodes,). Of nodes that tell as much the most probable
    is taken, of equals the first; where none that tells anything is probable enough, the root.
    """
    sure = np.flatnonzero(probabilities >= min_confidence).tolist()
    node: int = max(
        sure,
        # A name above one class is as probable, but for the rounding of its sum.
        key=lambda node: (taxonomy.information[node], round(float(probabilities[node]), 12)),
        default=taxonomy.root,
    )
    return node if taxonomy.information[node] > 0 else taxonomy.root


def _lineage(parents: Sequence[int], root: int, node: int) -> list[int]:
    """The nodes from below the root to a node, itself included."""
    steps = []
    while node != root:
        steps.append(node)
        node = parents[node]
    return steps[::-1]
