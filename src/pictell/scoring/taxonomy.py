"""A taxonomy of classes, and the label in it that answers.

How specific a label is, is measured as in Deng, Krause, Berg and Fei-Fei, "Hedging your bets:
optimizing accuracy-specificity trade-offs in large scale visual recognition", CVPR 2012. Their rule
(DARTS) is slightly more specific at the same accuracy, but abstains twice as often, and its
parameter is not a probability. ``benchmarks/backoff.py`` compares it with a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.types import Label

ROOT = Label("something")
# A broader label is a heading, too, if it covers more than this share of the classes, which is less
# than 3 bits: of ImageNet's classes 'dog' is below it, 'mammal' is above. In a small model a label
# of a few classes is not broad.
BROAD_SHARE, FEW_CLASSES = 1 / 8, 8
# Limits of an answer below the confidence threshold (benchmarks/answers.py).
LIKELY, MORE_LIKELY_THAN_NOT = 0.7, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Taxonomy:
    """A tree whose leaves are the classes of a model.

    Nodes are numbers: first the classes by their index, then the root, then the broader labels.
    ``labels`` and ``ids``: one for each node. An id stays the same if names change: the WordNet id,
    else the index of a class, or the key of a broader label in the taxonomy file. ``parents``: the
    node above each node; the root is its own parent. ``information``, shape (nodes,): how specific
    a node is, log2(classes / classes below it) in bits, 0 for the root and highest for a class
    (Deng et al. 2012). ``headings``, bool (nodes,): the labels that are too broad for an answer.
    The classes below a node are ``order[starts[node]:stops[node]]``.
    """

    labels: tuple[Label, ...]
    ids: tuple[str, ...]
    parents: tuple[int, ...]
    information: NDArray[np.float64]
    headings: NDArray[np.bool_]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]

    @property
    def root(self) -> int:
        """The node at the top; also the number of classes."""
        return len(self.order)

    def classes_below(self, node: int) -> NDArray[np.intp]:
        """The classes below a node; for a class, the class itself."""
        return self.order[self.starts[node] : self.stops[node]]

    def covers(self, nodes: NDArray[np.intp], below: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each node is one of ``below``, or above it; all of shape (N,)."""
        return (self.starts[nodes] <= self.starts[below]) & (self.stops[below] <= self.stops[nodes])

    def path(self, node: int) -> tuple[str, ...]:
        """The names from the top down to the node; empty for the root."""
        names = []
        while node != self.root:
            names.append(self.labels[node].name)
            node = self.parents[node]
        return tuple(names[::-1])


def flat_taxonomy(classes: Sequence[Label]) -> Taxonomy:
    """The taxonomy of a model without one: the classes below the root."""
    root = len(classes)
    tree = build(classes, (), [root] * root)
    # Also a single class is more specific than the root.
    return replace(tree, information=(np.arange(root + 1) != root).astype(np.float64))


def build(
    classes: Sequence[Label],
    broader: Sequence[Label],
    parents: Sequence[int],
    *,
    keys: Sequence[str] = (),
    headings: Sequence[bool] = (),
) -> Taxonomy:
    """The taxonomy of ``classes`` below ``broader`` labels.

    ``keys``: the ids of the broader labels, else their names are. ``headings``: which of them are
    never answers; labels of more than ``BROAD_SHARE`` of the classes are not, either.
    ``parents``: the node above each class, then above each broader label, numbered as in
    ``Taxonomy``. Every node must lead to the root (``len(classes)``), and every broader label must
    have a class below it.
    """
    root = len(classes)
    above = [*parents[:root], root, *parents[root:]]
    below: list[list[int]] = [[] for _ in above]
    for node, parent in enumerate(above):
        if node != root:
            below[parent].append(node)
    order: list[int] = []
    starts, stops = [0] * len(above), [0] * len(above)
    # Depth first. ~node on the stack marks that everything below node has been visited.
    to_visit = [root]
    while to_visit:
        node = to_visit.pop()
        if node < 0:
            stops[~node] = len(order)
            continue
        starts[node] = len(order)
        if node < root:
            order.append(node)
        to_visit += [~node, *reversed(below[node])]
    sizes = np.subtract(stops, starts)
    named = np.array([*[False] * (root + 1), *(headings or [False] * len(broader))])
    return Taxonomy(
        labels=(*classes, ROOT, *broader),
        ids=(
            *(label.synset or str(index) for index, label in enumerate(classes)),
            "",
            *(keys or [label.name for label in broader]),
        ),
        parents=tuple(above),
        information=np.log2(root / sizes),
        headings=named | (sizes > max(root * BROAD_SHARE, FEW_CLASSES)),
        order=np.array(order),
        starts=np.array(starts),
        stops=np.array(stops),
    )


def without_headings(taxonomy: Taxonomy) -> Taxonomy:
    """The same taxonomy, without information in the headings, so that they are never chosen."""
    return replace(taxonomy, information=np.where(taxonomy.headings, 0, taxonomy.information))


def limit_depth(taxonomy: Taxonomy, max_depth: int) -> Taxonomy:
    """The same taxonomy, without information in nodes more than ``max_depth`` below the root.

    ``back_off`` then never chooses them. Raises ``UsageError`` for a ``max_depth`` below 1.
    """
    if type(max_depth) is not int or max_depth < 1:
        raise UsageError(f"max_depth must be a whole number, 1 or more, not {max_depth!r}")
    parents = np.array(taxonomy.parents)
    above = np.arange(len(parents))
    for _ in range(max_depth):
        if (above == taxonomy.root).all():
            break
        above = parents[above]
    within = above == taxonomy.root
    return replace(taxonomy, information=np.where(within, taxonomy.information, 0))


def node_probabilities(
    taxonomy: Taxonomy, probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The probability of each node: the sum over its classes. (…, classes) to (…, nodes)."""
    root, shape = taxonomy.root, probabilities.shape[:-1]
    sums = np.zeros((*shape, root + 1))
    probabilities.take(taxonomy.order, axis=-1).cumsum(axis=-1, out=sums[..., 1:])
    starts, stops = taxonomy.starts[root:], taxonomy.stops[root:]
    nodes = np.empty((*shape, len(taxonomy.labels)))
    nodes[..., :root] = probabilities
    np.subtract(sums.take(stops, axis=-1), sums.take(starts, axis=-1), out=nodes[..., root:])
    return nodes


def choose(
    taxonomy: Taxonomy, probabilities: NDArray[np.float64], min_confidence: float
) -> NDArray[np.intp]:
    """The node that answers for each row of node probabilities (N, nodes); shape (N,).

    The most specific node of ``min_confidence`` (0..1) or more; else of ``LIKELY`` or more; else,
    of the nodes that are more likely right than wrong, the one with the highest probability x
    information. The lower limits are never above ``min_confidence``. The root: there is no answer.
    """
    chosen = back_off(taxonomy, probabilities, min_confidence)
    for rule, limit in ((back_off, LIKELY), (most_informative, MORE_LIKELY_THAN_NOT)):
        if limit < min_confidence:
            left = np.flatnonzero(chosen == taxonomy.root)
            chosen[left] = rule(taxonomy, probabilities[left], limit)
    return chosen


def back_off(
    taxonomy: Taxonomy, probabilities: NDArray[np.float64], min_confidence: float
) -> NDArray[np.intp]:
    """The most specific node of each row with a probability of ``min_confidence`` (0..1) or more.

    ``probabilities``: of the nodes, (N, nodes); the result has shape (N,). Among equally specific
    nodes the most probable wins, then the first. Without any such node the result is the root.
    """
    row, node = np.nonzero(probabilities >= min_confidence)
    information = taxonomy.information[node]
    # A broader label of a single class is equally probable, except for rounding.
    probability = probabilities[row, node].round(12)
    worst_first = np.lexsort((-node, probability, information))
    worst_first = worst_first[information[worst_first] > 0]
    found = np.full(len(probabilities), taxonomy.root)
    # The last of several values for a row stays.
    found[row[worst_first]] = node[worst_first]
    return found


def most_informative(
    taxonomy: Taxonomy, probabilities: NDArray[np.float64], limit: float
) -> NDArray[np.intp]:
    """The node of each row with the highest probability x information (bits).

    ``probabilities`` as in ``back_off``; only nodes of ``limit`` (0..1) or more count. Without any
    the result is the root.
    """
    gain = np.where(probabilities >= limit, probabilities * taxonomy.information, 0)
    best = gain.argmax(axis=-1)
    return np.where(gain.max(axis=-1) > 0, best, taxonomy.root)
