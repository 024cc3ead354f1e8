"""What ``import pictell`` gives, and what it does not load."""

import dataclasses
import inspect
import re
import subprocess
import sys

import pytest

import pictell
from pictell import classifier, loading, results, types

API = """
    Answer Attachment Classifier DataUrl EngineOptions Input Label Limits ModelOptions ModelSpec
    Pipe Prediction PreprocessSpec RemoteClassifier Result Source Status Timings TrainedModel Url
    __version__ connect errors load train
""".split()


def test_the_api_is_these_names() -> None:
    assert sorted(pictell.__all__) == API
    assert dir(pictell) == API


@pytest.mark.parametrize("name", pictell.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(pictell, name) is not None


def annotations() -> str:
    """The annotations of the public functions, and of the fields of the public dataclasses."""
    exported = [getattr(pictell, name) for name in pictell.__all__]
    public = [
        method
        for kind in exported
        if inspect.isclass(kind)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    ]
    hints = [
        hint
        for one in [pictell.load, pictell.connect, *public]
        for hint in one.__annotations__.values()
    ]
    for kind in exported:
        if dataclasses.is_dataclass(kind):
            hints += [field.type for field in dataclasses.fields(kind)]
    return " ".join(map(str, hints))


def test_every_type_in_a_public_signature_is_exported() -> None:
    own = {
        name
        for module in (classifier, loading, results, types)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__.startswith("pictell.")
    }
    used = own & set(re.findall(r"\w+", annotations()))
    assert "PreprocessSpec" in used
    assert {name for name in used if not issubclass_of_error(name)} <= set(pictell.__all__)


def issubclass_of_error(name: str) -> bool:
    return hasattr(pictell.errors, name)


def test_the_late_names_are_the_real_ones() -> None:
    assert pictell.load is loading.load
    assert pictell.Classifier is classifier.Classifier


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="loda"):
        pictell.loda  # noqa: B018


def test_importing_pictell_imports_neither_runtime_nor_image_library() -> None:
    code = "import sys, pictell; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "pictell" in imported
    assert not imported & {"numpy", "PIL", "onnxruntime", "urllib3", "truststore", "tqdm"}


def test_the_version_is_three_numbers() -> None:
    assert len([int(part) for part in pictell.__version__.split(".")]) == 3
