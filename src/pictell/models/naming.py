"""How a model's outputs become names: by its taxonomy and what was fitted for it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pictell.errors import UsageError
from pictell.models.taxonomy_file import read_taxonomy
from pictell.models.trust import read_trust
from pictell.naming import Naming
from pictell.taxonomy import Taxonomy, limit
from pictell.types import ModelSpec


def find_naming(
    spec: ModelSpec,
    at_least: float,
    *,
    levels: int | None = None,
    flat: bool = False,
    labels_from: str | os.PathLike[str] | None = None,
) -> Naming:
    """The naming of a model, by the texts that belong to it.

    No answer is more than ``levels`` names from the top. ``flat`` is for classes alone, which are
    never 'not sure'. ``labels_from`` is a file of other names (``models.display_names``). Raises
    ``InvalidModelError``, or ``UsageError`` for such a file that is wrong, for an ``at_least`` that
    is not in 0..1 and for ``levels`` below 1 or of a model that has none.
    """
    trust = read_trust(spec)
    naming = Naming(
        spec.labels,
        spec.activation,
        taxonomy=None
        if flat and labels_from is None
        else _taxonomy(spec, None if flat else levels),
        calibration=trust.calibration if trust else None,
        not_sure=trust.not_sure if trust and not flat else None,
        at_least=at_least,
    )
    if labels_from is None:
        return naming
    # Most runs shall not wait for what is imported here.
    from pictell.models.display_names import rename

    renamed = rename(naming, Path(labels_from))
    # A file may give names above the classes where nobody is to see them.
    return replace(renamed, taxonomy=None) if flat else renamed


def _taxonomy(spec: ModelSpec, levels: int | None) -> Taxonomy | None:
    if spec.taxonomy is None:
        if levels is not None:
            raise UsageError(f"{spec.name} has no names above its classes that levels could be of")
        return None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    return taxonomy if levels is None else limit(taxonomy, levels)
