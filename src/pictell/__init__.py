"""pictell tells what is in a picture.

    import pictell

    classifier = pictell.load()
    print(classifier.classify("cat.jpg").top)

Importing this package imports next to nothing; its first use does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pictell import errors
from pictell.version import __version__

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.loading import load
    from pictell.options import EngineOptions, Limits, ModelOptions
    from pictell.types import Answer, Prediction, Result

__all__ = [
    "Answer",
    "Classifier",
    "EngineOptions",
    "Limits",
    "ModelOptions",
    "Prediction",
    "Result",
    "__version__",
    "errors",
    "load",
]


# The module of each name that is there once it is asked for.
_MODULES = {
    "Answer": "types",
    "Classifier": "classifier",
    "EngineOptions": "options",
    "Limits": "options",
    "Prediction": "types",
    "Result": "types",
    "ModelOptions": "options",
    "load": "loading",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"pictell.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'pictell' has no attribute {name!r}")
