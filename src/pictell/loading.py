"""A model's name, folder or file becomes a classifier."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.image_model import ImageModel
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
    proxy: str | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    max_depth: int | None = None,
    flat: bool = False,
    labels_from: str | os.PathLike[str] | None = None,
) -> Classifier:
    """Load a model: a name, a folder with a ``model.toml``, or a bare file of weights.

    ``options`` override what a bare file says, and add what it does not, such as its labels.
    ``engine`` says how the model runs; ``stream`` uses all processors whatever its ``threads``.
    ``limits`` bound what one picture may cost. ``allow_private`` lets URLs name hosts on private
    networks, ``proxy`` is the URL of an HTTP proxy for downloads. An answer is the most specific
    label of probability ``min_confidence`` (0..1) or more, at most ``max_depth`` names from the top
    of the taxonomy; ``flat`` gives only classes. ``labels_from`` is a file of other names (see
    ``pictell.models.display_names``).

    The classifier can be pickled: it then loads the same model again, which must be there.
    Raises ``UsageError`` or a ``ModelError``.
    """
    reopen = partial(
        load,
        _reference(model),
        options=replace(options, labels=options.labels and _absolute(options.labels)),
        engine=engine,
        limits=limits,
        allow_private=allow_private,
        proxy=proxy,
        min_confidence=min_confidence,
        max_depth=max_depth,
        flat=flat,
        labels_from=labels_from and _absolute(labels_from),
    )
    if proxy is not None:
        # Most runs need no addresses.
        from pictell.images.addresses import parse_proxy

        parse_proxy(proxy)
    spec = models.find(model, options)
    scorer = build_scorer(
        spec, min_confidence, max_depth=max_depth, flat=flat, labels_from=labels_from
    )
    spec = replace(spec, labels=scorer.labels)
    session = runtimes.open_session(spec, read_weights(spec), engine)
    return Classifier(
        ImageModel(spec, session, limits, proxy),
        scorer,
        allow_private=allow_private,
        reopen=reopen,
    )


def _reference(model: str | os.PathLike[str]) -> str:
    """The model's name, or its absolute path: another process may have another current folder."""
    name = os.fspath(model)
    is_path = name not in models.BUILT_IN and models.locate(name) == Path(name)
    return _absolute(name) if is_path else name


def _absolute(path: str | os.PathLike[str]) -> str:
    return str(Path(path).absolute())
