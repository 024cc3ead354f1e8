"""A model by its name, folder or file becomes a classifier, ready to name pictures."""

from __future__ import annotations

import os
from dataclasses import replace

from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.models.folder import read_weights
from pictell.models.scorer import build_scorer
from pictell.options import EngineOptions, Limits, ModelOptions
from pictell.scoring.taxonomy import MIN_CONFIDENCE


def load(
    model: str | os.PathLike[str] = "default",
    *,
    options: ModelOptions = ModelOptions(),
    engine: EngineOptions = EngineOptions(),
    limits: Limits = Limits(),
    allow_private: bool = False,
    min_confidence: float = MIN_CONFIDENCE,
    max_depth: int | None = None,
    flat: bool = False,
    labels_from: str | os.PathLike[str] | None = None,
) -> Classifier:
    """A classifier for a model: a name, a folder with a ``model.toml``, or a bare weights file.

    ``options`` says of a bare file what its own content does not, its labels above all; ``engine``
    how the model is run (``stream`` keeps all processors busy whatever its ``threads``);
    ``limits`` bound what one picture may cost; ``allow_private`` lets URLs name hosts on private
    networks. An answer is the most telling name that is ``min_confidence`` so probable (0..1), and no
    more than ``max_depth`` names from the top; ``flat`` gives classes alone; ``labels_from`` is a file
    of other names (``models.display_names``).
    Raises ``UsageError`` or a ``ModelError``.
    """
    spec = models.find(model, options)
    scorer = build_scorer(
        spec, min_confidence, max_depth=max_depth, flat=flat, labels_from=labels_from
    )
    spec = replace(spec, labels=scorer.labels)
    session = runtimes.open_session(spec, read_weights(spec), engine)
    return Classifier(spec, session, scorer=scorer, limits=limits, allow_private=allow_private)
