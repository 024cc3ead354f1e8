"""What a model takes and gives as tensors, and the tensors of its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.results import Result
from pictell.server.engine import Engine
from pictell.server.inference import RequestedOutput, Signature
from pictell.server.tensors import BYTES, FP32, UINT8, Form, Tensor

IMAGE = "image"
SCORES, LABELS, ANSWER, STATUS, EMBEDDING = "scores", "labels", "answer", "status", "embedding"


def signature(engine: Engine) -> Signature:
    """The inputs and outputs of a model."""
    outputs = [
        Form(
            SCORES,
            FP32,
            (-1, len(engine.spec.labels)),
            "The probability of each class, 0..1. With the parameter classification, K: the K "
            "best classes as BYTES [N, K], each as score:index:label.",
        ),
        Form(
            LABELS,
            BYTES,
            (-1, -1),
            "The labels of the best classes, best first: one, or as many as the parameter top_k of "
            "the request says.",
        ),
    ]
    if engine.classifier.scorer.judges:
        outputs += [
            Form(ANSWER, BYTES, (-1,), "The label that answers, empty if none is sure enough."),
            Form(STATUS, BYTES, (-1,), "How sure the answer is: sure, likely, unsure or unknown."),
        ]
    default = tuple(form.name for form in outputs)
    if (size := engine.embedding_size) is not None:
        meaning = "The embedding, with an L2 norm of 1; only if it is requested."
        outputs.append(Form(EMBEDDING, FP32, (-1, size), meaning))
    return Signature(_inputs(engine), tuple(outputs), default, SCORES)


def _inputs(engine: Engine) -> tuple[Form, ...]:
    spec = engine.spec.preprocess
    pixels = Form(
        engine.spec.input_name,
        UINT8 if spec.mean is None else FP32,
        (-1, *spec.shape),
        f"Pictures that the client has prepared as the model needs them: {spec.channels} "
        + ("bytes." if spec.mean is None else f"(x - {spec.mean}) / {spec.std} for x in 0..255."),
    )
    pictures = Form(
        IMAGE,
        BYTES,
        (-1,),
        "Pictures as files are: JPEG, PNG and others; in JSON as base64. [N] or [N, 1].",
    )
    return pictures, pixels


def to_tensor(wanted: RequestedOutput, results: Sequence[Result], top_k: int) -> Tensor:
    """An output of some results, one or more and none of them an error.

    They have at least the ``top_k`` classes that ``labels`` gives, and those of ``wanted``.
    """
    if wanted.classes:
        return _texts(wanted.name, [_best(one, wanted.classes) for one in results])
    if wanted.name == LABELS:
        best = [[one.label for one in result.predictions[:top_k]] for result in results]
        return _texts(LABELS, best)
    return _TENSORS[wanted.name](wanted.name, results)


def _best(result: Result, count: int) -> list[str]:
    """The best classes as Triton writes them; scores have six digits after the point."""
    best = result.predictions[:count]
    return [f"{one.score:f}:{one.class_index}:{one.label}" for one in best]


def _texts(name: str, rows: Sequence[Sequence[str]]) -> Tensor:
    shape = (len(rows), len(rows[0]))
    return Tensor(name, shape, [text for row in rows for text in row])


def _answer(name: str, results: Sequence[Result]) -> Tensor:
    texts = ["" if one.answer is None else one.answer.name for one in results]
    return Tensor(name, (len(texts),), texts)


def _status(name: str, results: Sequence[Result]) -> Tensor:
    texts = ["" if one.status is None else one.status.value for one in results]
    return Tensor(name, (len(texts),), texts)


def _scores(name: str, results: Sequence[Result]) -> Tensor:
    return _numbers(name, [one.probabilities for one in results])


def _embedding(name: str, results: Sequence[Result]) -> Tensor:
    return _numbers(name, [one.embedding for one in results])


def _numbers(name: str, rows: Sequence[NDArray[np.floating] | None]) -> Tensor:
    values = np.stack([row for row in rows if row is not None]).astype(np.float32)
    return Tensor(name, values.shape, values)


_TENSORS: Mapping[str, Callable[[str, Sequence[Result]], Tensor]] = {
    SCORES: _scores,
    ANSWER: _answer,
    STATUS: _status,
    EMBEDDING: _embedding,
}
