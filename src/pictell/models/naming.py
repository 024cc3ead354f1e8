"""How a model's outputs become names: by its taxonomy and what was fitted for it."""

from __future__ import annotations

from pictell.errors import UsageError
from pictell.models.taxonomy_file import read_taxonomy
from pictell.models.trust import read_trust
from pictell.naming import Naming
from pictell.taxonomy import Taxonomy, limit
from pictell.types import ModelSpec


def find_naming(
    spec: ModelSpec, at_least: float, *, levels: int | None = None, flat: bool = False
) -> Naming:
    """The naming of a model, by the texts that belong to it.

    No answer is more than ``levels`` names from the top. ``flat`` is for classes alone, which are
    never 'not sure'. Raises ``InvalidModelError``, or ``UsageError`` for an ``at_least`` that is
    not in 0..1 and for ``levels`` below 1 or of a model that has none.
    """
    trust = read_trust(spec)
    return Naming(
        spec.labels,
        spec.activation,
        taxonomy=None if flat else _taxonomy(spec, levels),
        calibration=trust.calibration if trust else None,
        not_sure=trust.not_sure if trust and not flat else None,
        at_least=at_least,
    )


def _taxonomy(spec: ModelSpec, levels: int | None) -> Taxonomy | None:
    if spec.taxonomy is None:
        if levels is not None:
            raise UsageError(f"{spec.name} has no names above its classes that levels could be of")
        return None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    return taxonomy if levels is None else limit(taxonomy, levels)
