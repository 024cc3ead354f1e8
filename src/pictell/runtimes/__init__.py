"""Engines that run a model, one module each behind one small protocol, imported only when used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from pictell.errors import InvalidModelError
from pictell.types import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The only list of engines: the name in ``model.toml`` and the module that runs it.
RUNTIMES = {
    "onnx": "pictell.runtimes.onnx",
    "fake": "pictell.runtimes.fake",
}


class Session(Protocol):
    """A model ready to run. Safe to use from several threads at once."""

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        """The named outputs for a batch (N, …) laid out as the model's ``PreprocessSpec`` says.

        Raises ``RuntimeFailedError`` when the engine does.
        """


def open_session(spec: ModelSpec, weights: bytes, *, threads: int = 1) -> Session:
    """Load the weights into the engine that ``spec.runtime`` names.

    ``threads``: how many one call of ``run`` may use. Raises ``InvalidModelError``.
    """
    module = RUNTIMES.get(spec.runtime)
    if module is None:
        raise InvalidModelError(
            f"unknown runtime {spec.runtime!r}: give one of {', '.join(RUNTIMES)}"
        )
    session: Session = import_module(module).open_session(spec, weights, threads)
    return session
