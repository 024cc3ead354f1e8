"""What a model's file states about its use in its own metadata. Each form is one module."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from pictell.models.metadata import classifier_node
from pictell.models.stated import Stated, combine
from pictell.types import Inspection, Weights

Reader = Callable[[Weights, Inspection], Stated | None]
# The only list of forms, the most specific first.
READERS: tuple[Reader, ...] = (classifier_node.read,)


def read_metadata(content: Weights, inspection: Inspection) -> Stated | None:
    """What the file states, ``None`` if it has no metadata of a known form.

    Raises ``InvalidModelError`` for metadata of a known form that is damaged.
    """
    found = (read(content, inspection) for read in READERS)
    return reduce(combine, found, None)
