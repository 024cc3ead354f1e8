"""A trained model that is updated: what it was trained on, and what becomes of that."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pictell.errors import InvalidModelError, UsageError
from pictell.files import read_bytes
from pictell.index.keys import extractor_key
from pictell.inspection.onnx import read_metadata
from pictell.models.folder import store_errors
from pictell.training.correct import corrected
from pictell.training.extractor import Extractor, feature_spec, read_extractor
from pictell.training.graph import read_head
from pictell.training.kept import KEPT_KEY, Place, read_kept
from pictell.training.samples import Samples, add_corrections, merge, remove, rename
from pictell.training.trained import BACKBONE_FACTS, SAMPLES_FACT, TRAINING_KEY
from pictell.types import Label


class Previous(NamedTuple):
    """What a trained model was trained with and on.

    ``samples`` have the corrections among them. ``sha256`` is the checksum of the kept samples as
    the model states it, and ``place`` where they are kept.
    """

    extractor: Extractor
    samples: Samples
    sha256: str
    place: Place


def read_previous(model: str | os.PathLike[str]) -> Previous:
    """Read a trained model and its samples.

    The name, the checksum and the source in the spec of the extractor are those of the backbone.
    Raises ``UsageError`` for another model and if it keeps no samples, ``InvalidModelError`` for
    samples that are damaged, of another model or of another backbone.
    """
    path = Path(model)
    with store_errors(f"{path} cannot be read"):
        content = read_bytes(path)
    metadata = read_metadata(content)
    if TRAINING_KEY not in metadata:
        raise UsageError(f"{path} was not trained by pictell: it cannot be updated")
    try:
        facts = json.loads(metadata[TRAINING_KEY])
        sha256, backbone = facts[SAMPLES_FACT], {key: facts[key] for key in BACKBONE_FACTS}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidModelError(f"{TRAINING_KEY} in the metadata of {path} is damaged") from error
    kept, extractor = read_kept(path, metadata, sha256), read_extractor(path)
    if kept.extractor != extractor_key(feature_spec(extractor)):
        raise InvalidModelError(
            f"the samples of {path} are of another backbone: train again with all pictures"
        )
    samples = _with_corrections(kept.samples, content, extractor.spec.labels)
    name, checksum, source = (str(backbone[key]) for key in BACKBONE_FACTS)
    spec = replace(extractor.spec, name=name, sha256=checksum, source=source)
    place: Place = "inside" if KEPT_KEY in metadata else "beside"
    return Previous(extractor._replace(spec=spec), samples, sha256, place)


def _with_corrections(samples: Samples, content: bytes, labels: Sequence[Label]) -> Samples:
    vectors, classes = corrected(content)
    if not classes:
        return samples
    if max(classes) >= len(labels):
        raise InvalidModelError(f"the model has {len(labels)} labels, fewer than its head")
    names: list[tuple[str, ...]] = [(labels[one].name,) for one in classes]
    if samples.several:
        # What else a picture shows is what the model says of it.
        logits, _ = read_head(content).outputs(vectors)
        names = [
            (*one, *(labels[place].name for place in np.flatnonzero(row > 0).tolist()))
            for one, row in zip(names, logits, strict=True)
        ]
    return add_corrections(samples, vectors, names)


def combine(
    old: Samples | None,
    new: Samples | None,
    renamed: Mapping[str, str] = {},
    removed: Collection[str] = (),
) -> Samples:
    """The samples to train on: the old ones, with some classes renamed or removed, and the new.

    Raises ``UsageError`` for classes that the old ones do not have, and without any samples.
    """
    if old is None:
        if renamed or removed:
            raise UsageError("rename and remove are for a model that is updated: give --update")
        samples = new
    else:
        # A class that is renamed like a removed one stays.
        samples = rename(remove(old, removed), renamed)
        samples = samples if new is None else merge(samples, new)
    if samples is None:
        raise UsageError("give the pictures to train on")
    return samples
