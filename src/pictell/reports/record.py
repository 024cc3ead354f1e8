"""A result as plain data, the same for every JSON format."""

from __future__ import annotations

import json
from typing import Any

from pictell.reports.escape import json_escaped
from pictell.types import Prediction, Result, Timings

SCORE_DIGITS = 6
MS_DIGITS = 3


def to_json(result: Result) -> str:
    """One result as one line of JSON: source, model, then predictions and facts, or the error."""
    return json_escaped(json.dumps(to_record(result), ensure_ascii=False))


def to_record(result: Result) -> dict[str, Any]:
    """One result as dictionaries and lists."""
    record: dict[str, Any] = {"source": result.source, "model": result.model}
    if result.error is not None:
        record["error"] = {"code": result.error.code, "message": str(result.error)}
        return record
    record["predictions"] = [_prediction(prediction) for prediction in result.predictions]
    record |= _answer(result)
    record["width"] = result.width
    record["height"] = result.height
    if result.timings is not None:
        record["timings"] = _timings(result.timings)
    return record


def _answer(result: Result) -> dict[str, Any]:
    answer, guess = result.answer, result.guess
    return {
        "answer": answer and answer.name,
        "answer_score": answer and round(answer.score, SCORE_DIGITS),
        "answer_synset": answer and answer.synset,
        "answer_path": answer and list(answer.path),
        "sure": result.sure,
        "known": result.known,
        "guess": guess and guess.name,
        "guess_score": guess and round(guess.score, SCORE_DIGITS),
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "score": round(prediction.score, SCORE_DIGITS),
        "class_index": prediction.class_index,
        "synset": prediction.synset,
    }


def _timings(timings: Timings) -> dict[str, float]:
    stages = ("read_ms", "decode_ms", "preprocess_ms", "run_ms", "total_ms")
    return {stage: round(getattr(timings, stage), MS_DIGITS) for stage in stages}
