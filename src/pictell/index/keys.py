"""The keys of a model: outputs are kept under them, and found as long as they would be equal."""

from __future__ import annotations

import hashlib

from pictell.scoring.decision import Scorer
from pictell.types import ModelSpec

# Increase it when decoding or preprocessing gives other pixels than before.
VERSION = 1


def extractor_key(spec: ModelSpec) -> str:
    """The key of a model's embeddings: its weights, its output and its preprocessing."""
    return _key(VERSION, spec.sha256, spec.embedding, spec.preprocess)


def scores_key(spec: ModelSpec, scorer: Scorer) -> str:
    """The key of a model's probabilities, and of whether it knows a picture.

    Names, the taxonomy and the threshold are not in it: they only decide.
    """
    return _key(
        VERSION,
        spec.sha256,
        spec.output_name,
        spec.preprocess,
        scorer.activation,
        len(scorer.labels),
        scorer.calibration,
        scorer.abstention,
        spec.familiarity,
    )


def _key(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()
