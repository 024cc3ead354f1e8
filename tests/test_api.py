"""What `import pictell` gives, and what it does not cost."""

import subprocess
import sys

import pytest

import pictell
from pictell import classifier, loading


def test_the_exported_names_are_these() -> None:
    assert sorted(pictell.__all__) == [
        "Answer",
        "Classifier",
        "EngineOptions",
        "Limits",
        "Prediction",
        "Result",
        "ModelOptions",
        "__version__",
        "errors",
        "load",
    ]


@pytest.mark.parametrize("name", pictell.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(pictell, name) is not None


def test_the_late_names_are_the_real_ones() -> None:
    assert pictell.load is loading.load
    assert pictell.Classifier is classifier.Classifier


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'pictell' has no attribute 'loda'"):
        pictell.loda  # noqa: B018


def test_importing_pictell_imports_neither_engine_nor_image_library() -> None:
    code = "import sys, pictell; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "pictell" in imported
    assert not imported & {"numpy", "PIL", "onnxruntime", "urllib3", "truststore", "tqdm"}


def test_the_version_is_three_numbers() -> None:
    assert len([int(part) for part in pictell.__version__.split(".")]) == 3
