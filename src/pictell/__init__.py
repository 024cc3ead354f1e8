"""pictell tells what is in a picture.

    import pictell

    classifier = pictell.load()
    print(classifier.classify("cat.jpg").top)

Importing this package imports next to nothing; its first use does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pictell import errors
from pictell.version import __version__

if TYPE_CHECKING:
    from pictell.classifier import Classifier, load
    from pictell.types import Answer, EngineOptions, Limits, Prediction, Result, Stated

__all__ = [
    "Answer",
    "Classifier",
    "EngineOptions",
    "Limits",
    "Prediction",
    "Result",
    "Stated",
    "__version__",
    "errors",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in {"Classifier", "load"}:
        from pictell import classifier

        return getattr(classifier, name)
    if name in __all__:
        from pictell import types

        return getattr(types, name)
    raise AttributeError(f"module 'pictell' has no attribute {name!r}")
