"""A model's name, folder or file becomes a classifier."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pictell import models
from pictell.options import MIN_CONFIDENCE, EngineOptions, Limits, ModelOptions
from pictell.types import ModelSpec

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.runtimes import Session


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
    wait: bool = True,
) -> Classifier:
    """Load a model: a name, a folder with a ``model.toml`` or of another tool, or a bare file.

    ``options`` override what a bare file says, and add what it does not, such as its labels.
    ``engine`` says how the model runs; ``stream`` uses all processors whatever its ``threads``.
    ``limits`` bound what one picture may cost. ``allow_private`` lets URLs name hosts on private
    networks, ``proxy`` is the URL of an HTTP proxy for downloads. An answer is the most specific
    label of probability ``min_confidence`` (0..1) or more, at most ``max_depth`` names from the top
    of the taxonomy; ``flat`` gives only classes. ``labels_from`` is a file of other names (see
    ``pictell.models.display_names``). Without ``wait`` the call returns while a thread still opens
    the model; if that fails, ``classify``, ``stream`` and ``embed`` raise the error.

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
    opening = None if wait else _open_on_a_thread(spec, engine)
    # Imported while the model opens.
    from pictell.classifier import Classifier
    from pictell.image_model import ImageModel
    from pictell.models.scorer import build_scorer

    scorer = build_scorer(
        spec, min_confidence, max_depth=max_depth, flat=flat, labels_from=labels_from
    )
    spec = replace(spec, labels=scorer.labels)
    session = opening or _open(spec, engine)
    model_class: type[ImageModel] = ImageModel
    if limits.isolate:
        from pictell.isolation import IsolatedModel

        model_class = IsolatedModel
    image_model = model_class(spec, session, limits, proxy, engine.batch_size)
    return Classifier(image_model, scorer, allow_private=allow_private, reopen=reopen)


def _open_on_a_thread(spec: ModelSpec, engine: EngineOptions) -> Future[Session]:
    pool = ThreadPoolExecutor(1, "pictell-open")
    try:
        return pool.submit(_open, spec, engine)
    finally:
        pool.shutdown(wait=False)


def _open(spec: ModelSpec, engine: EngineOptions) -> Session:
    # Imported here, on the thread: a runtime takes long.
    from pictell import runtimes
    from pictell.models.folder import weights_to_run

    return runtimes.open_session(spec, weights_to_run(spec), engine)


def _reference(model: str | os.PathLike[str]) -> str:
    """The model's name, or its absolute path: another process may have another current folder."""
    name = os.fspath(model)
    is_path = name not in models.BUILT_IN and models.locate(name) == Path(name)
    return _absolute(name) if is_path else name


def _absolute(path: str | os.PathLike[str]) -> str:
    return str(Path(path).absolute())
