"""pictell says what is in a picture.

    import pictell

    with pictell.load() as classifier:
        print(classifier.classify("cat.jpg"))

The names in ``__all__`` and the module ``pictell.errors`` are the public API; all other modules are
internal and may change in any release. Importing the package imports neither a runtime nor an
image library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pictell import errors
from pictell.version import __version__

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.images.sources import Input
    from pictell.loading import load
    from pictell.options import EngineOptions, Limits, ModelOptions
    from pictell.places import DataUrl, Pipe, Url
    from pictell.results import Answer, Prediction, Result, Status, Timings
    from pictell.server.client import RemoteClassifier, connect
    from pictell.training.train import train
    from pictell.training.trained import TrainedModel
    from pictell.types import Attachment, Label, ModelSpec, PreprocessSpec, Source

__all__ = [
    "Answer",
    "Attachment",
    "Classifier",
    "DataUrl",
    "EngineOptions",
    "Input",
    "Label",
    "Limits",
    "ModelOptions",
    "ModelSpec",
    "Pipe",
    "Prediction",
    "PreprocessSpec",
    "RemoteClassifier",
    "Result",
    "Source",
    "Status",
    "Timings",
    "TrainedModel",
    "Url",
    "__version__",
    "connect",
    "errors",
    "load",
    "train",
]

# The names of each module, which is imported at their first use.
_NAMES = {
    "classifier": "Classifier",
    "images.sources": "Input",
    "loading": "load",
    "options": "EngineOptions Limits ModelOptions",
    "results": "Answer Prediction Result Status Timings",
    "server.client": "RemoteClassifier connect",
    "training.train": "train",
    "training.trained": "TrainedModel",
    "places": "DataUrl Pipe Url",
    "types": "Attachment Label ModelSpec PreprocessSpec Source",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"pictell.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'pictell' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
