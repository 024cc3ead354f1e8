"""A model's labels, taxonomy and calibration become a ``Scorer``."""

from __future__ import annotations

import os
from pathlib import Path

from pictell.errors import UsageError
from pictell.models.calibration_file import read_calibration
from pictell.models.taxonomy_file import read_taxonomy
from pictell.scoring.decision import Scorer
from pictell.scoring.taxonomy import Taxonomy, flat_taxonomy, limit_depth, without_headings
from pictell.types import ModelSpec


def build_scorer(
    spec: ModelSpec,
    min_confidence: float,
    *,
    max_depth: int | None = None,
    flat: bool = False,
    labels_from: str | os.PathLike[str] | None = None,
) -> Scorer:
    """The scorer of a model.

    ``min_confidence`` (0..1) is the confidence threshold. With ``max_depth``, answers are at most
    so many names below the top of the taxonomy, and headings can be answers. ``flat`` gives only
    classes. ``labels_from`` is a file of other names (``models.display_names``). Raises
    ``InvalidModelError``, or ``UsageError`` for wrong arguments or a wrong file of names.
    """
    fitted = read_calibration(spec)
    # A flat scorer needs the taxonomy only for a file that names its nodes.
    needs_taxonomy = not flat or labels_from is not None
    scorer = Scorer(
        spec.labels,
        spec.activation,
        taxonomy=answer_taxonomy(spec, None if flat else max_depth) if needs_taxonomy else None,
        calibration=fitted.calibration if fitted else None,
        abstention=fitted.abstention if fitted else None,
        min_confidence=min_confidence,
        flat=flat,
    )
    if labels_from is None:
        return scorer
    # Imported only when needed, to start faster.
    from pictell.models.display_names import rename

    return rename(scorer, Path(labels_from))


def answer_tree(spec: ModelSpec) -> Taxonomy:
    """The labels that can answer: the taxonomy, or for a model without one its classes.

    Raises ``InvalidModelError`` for a wrong taxonomy.
    """
    return answer_taxonomy(spec) or flat_taxonomy(spec.labels)


def answer_taxonomy(spec: ModelSpec, max_depth: int | None = None) -> Taxonomy | None:
    """The labels that can answer, ``None`` for a model without a taxonomy.

    Headings can only with a ``max_depth``. Raises as ``build_scorer`` does.
    """
    if spec.taxonomy is None:
        if max_depth is not None:
            raise UsageError(f"{spec.name} has no taxonomy: leave max_depth out")
        return None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    return without_headings(taxonomy) if max_depth is None else limit_depth(taxonomy, max_depth)


def naming_tree(scorer: Scorer, spec: ModelSpec) -> Taxonomy:
    """The labels that words can name: those of answers, also of a ``flat`` scorer without a tree.

    Raises ``InvalidModelError`` for a wrong taxonomy.
    """
    return answer_tree(spec) if scorer.flat and scorer.taxonomy is None else scorer.tree
