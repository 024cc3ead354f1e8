"""A trained model that is updated: what it was trained on, and what becomes of that."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.onnx import read
from pictell.models.folder import store_errors
from pictell.training.correct import corrected
from pictell.training.embed import extractor_key
from pictell.training.extractor import Extractor, feature_spec, read_extractor
from pictell.training.kept import Kept, read_kept
from pictell.training.samples import Samples, add_corrections, merge, remove, rename
from pictell.training.trained import SAMPLES_FACT, TRAINING_KEY


def read_previous(model: str | os.PathLike[str]) -> tuple[Extractor, Kept]:
    """The extractor of a trained model, and its samples, with the corrections among them.

    Raises ``UsageError`` for another model and if it keeps no samples, ``InvalidModelError`` for
    samples that are damaged, of another model or of another backbone.
    """
    path = Path(model)
    with store_errors(f"{path} cannot be read"):
        content = path.read_bytes()
    metadata = {entry.key: entry.value for entry in read(content).metadata_props}
    if TRAINING_KEY not in metadata:
        raise UsageError(f"{path} was not trained by pictell: it cannot be updated")
    try:
        sha256 = json.loads(metadata[TRAINING_KEY])[SAMPLES_FACT]
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidModelError(f"{TRAINING_KEY} in the metadata of {path} is damaged") from error
    kept, extractor = read_kept(path, metadata, sha256), read_extractor(path)
    if kept.extractor != extractor_key(feature_spec(extractor)):
        raise InvalidModelError(
            f"the samples of {path} are of another backbone: train again with all pictures"
        )
    vectors, classes = corrected(content)
    if not classes:
        return extractor, kept
    names = [extractor.spec.labels[one].name for one in classes]
    return extractor, replace(kept, samples=add_corrections(kept.samples, vectors, names))


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
            raise UsageError("classes are renamed and removed in a model that is updated: name it")
        samples = new
    else:
        samples = remove(rename(old, renamed), {renamed.get(name, name) for name in removed})
        samples = samples if new is None else merge(samples, new)
    if samples is None:
        raise UsageError("give the pictures to train on")
    return samples
