"""JSON, also one object on each line."""

from __future__ import annotations

import json
from typing import Any

from pictell.models.label_forms.values import FormError, Pairs


def recognise(text: str) -> Any:
    """The value of a JSON text that begins with a bracket, else ``None``.

    Raises ``FormError`` for a text that is meant as JSON and cannot be read.
    """
    if not text.startswith(("[", "{")):
        return None
    try:
        return _parse(text)
    except RecursionError:
        raise FormError("this is not valid JSON: it is nested too deeply") from None
    except ValueError:
        return _lines(text)


def explain(text: str) -> FormError:
    """Why a text that begins with a bracket is no JSON."""
    try:
        json.loads(text)
    except ValueError as error:
        return FormError(f"this is not valid JSON: {error}")
    return FormError("this is not valid JSON")


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Pairs)


def _lines(text: str) -> Any:
    lines = text.rstrip().split("\n")
    if len(lines) < 2 or not all(line.strip()[-1:] in {"]", "}"} for line in lines):
        return None
    try:
        return _parse(f"[{','.join(lines)}]")
    except (ValueError, RecursionError):
        return None
