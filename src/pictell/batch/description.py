"""What decides what a row says, as JSON: rows of one table are all made in the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from pictell.batch.part import Choice
from pictell.options import EngineOptions
from pictell.types import ModelSpec

# The version of the layout of a table.
LAYOUT = 1


def describe(spec: ModelSpec, engine: EngineOptions, choice: Choice) -> dict[str, Any]:
    """The model, how it runs, and what the rows have."""
    return {
        "layout": LAYOUT,
        "model": spec.name,
        "model_key": model_key(spec),
        "runtime": engine.runtime,
        "precision": engine.precision,
        "top_k": choice.top_k,
        "embedding": choice.embedding,
    }


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What a table with one description has that another has not, as the user knows it."""
    now = json.loads(json.dumps(now))
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if key == "model_key":
            return "with another version of the model, or with other labels"
        option = key if key == "layout" else f"--{key.replace('_', '-')}"
        if isinstance(new, bool):
            return f"without {option}" if new else f"with {option}"
        return f"with another {option} ({_given(old)}, now {_given(new)})"
    return None


def _given(value: object) -> object:
    return "not given" if value is None else value


def model_key(spec: ModelSpec) -> str:
    """A checksum of everything in a model that results depend on."""
    facts = (
        spec.sha256,
        spec.output_name,
        spec.embedding,
        spec.activation,
        sorted(asdict(spec.preprocess).items()),
        [(label.name, label.synset) for label in spec.labels],
        spec.taxonomy and spec.taxonomy.text,
        spec.calibration and spec.calibration.text,
    )
    return sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
