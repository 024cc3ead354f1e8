"""How a model's outputs become names: by its taxonomy and what was fitted for it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pictell.errors import UsageError
from pictell.models.calibration_file import read_calibration
from pictell.models.taxonomy_file import read_taxonomy
from pictell.scoring.decision import Scorer
from pictell.scoring.taxonomy import Taxonomy, limit
from pictell.types import ModelSpec


def build_scorer(
    spec: ModelSpec,
    min_confidence: float,
    *,
    max_depth: int | None = None,
    flat: bool = False,
    labels_from: str | os.PathLike[str] | None = None,
) -> Scorer:
    """The naming of a model, by the texts that belong to it.

    No answer is more than ``max_depth`` names from the top. ``flat`` is for classes alone, which are
    never 'not sure'. ``labels_from`` is a file of other names (``models.display_names``). Raises
    ``InvalidModelError``, or ``UsageError`` for such a file that is wrong, for an ``min_confidence`` that
    is not in 0..1 and for ``max_depth`` below 1 or of a model that has none.
    """
    fitted = read_calibration(spec)
    scorer = Scorer(
        spec.labels,
        spec.activation,
        taxonomy=None
        if flat and labels_from is None
        else _taxonomy(spec, None if flat else max_depth),
        calibration=fitted.calibration if fitted else None,
        abstention=fitted.abstention if fitted and not flat else None,
        min_confidence=min_confidence,
    )
    if labels_from is None:
        return scorer
    # Most runs shall not wait for what is imported here.
    from pictell.models.display_names import rename

    renamed = rename(scorer, Path(labels_from))
    # A file may give names above the classes where nobody is to see them.
    return replace(renamed, taxonomy=None) if flat else renamed


def _taxonomy(spec: ModelSpec, max_depth: int | None) -> Taxonomy | None:
    if spec.taxonomy is None:
        if max_depth is not None:
            raise UsageError(
                f"{spec.name} has no names above its classes that max_depth could be of"
            )
        return None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    return taxonomy if max_depth is None else limit(taxonomy, max_depth)
