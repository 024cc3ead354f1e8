"""How a model's outputs become names: by its taxonomy and what was fitted for it."""

from __future__ import annotations

from pictell.models.taxonomy_file import read_taxonomy
from pictell.models.trust import read_trust
from pictell.naming import Naming
from pictell.types import ModelSpec


def find_naming(spec: ModelSpec, at_least: float, *, flat: bool, bare: bool) -> Naming:
    """The naming of a model, by the files in its folder.

    ``flat`` is for classes alone, which are never 'not sure'. Beside a ``bare`` model's file
    ``trust.toml`` is not looked for: it may be about anything. Raises ``InvalidModelError``, or
    ``UsageError`` for an ``at_least`` that is not in 0..1.
    """
    trust = None if bare else read_trust(spec)
    above = None if flat else spec.taxonomy
    return Naming(
        spec.labels,
        spec.activation,
        taxonomy=read_taxonomy(above, spec.labels) if above else None,
        calibration=trust.calibration if trust else None,
        not_sure=trust.not_sure if trust and not flat else None,
        at_least=at_least,
    )
