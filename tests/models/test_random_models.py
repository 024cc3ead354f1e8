"""Models whose training was left on, from the file to the answer."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pictell
from command import pictell as command
from dropout_model import DROPOUT, NOTHING, SHUFFLED, write
from pictell.errors import InvalidModelError, ModelWarning
from pictell.inspection import checksum, read_files
from pictell.models.examine import examine
from pictell.models.folder import create_model_folder, read_model_folder
from pictell.models.single_file import write_single_file
from pictell.options import ModelOptions

PICTURE = np.tile(np.arange(0, 240, 12, dtype=np.uint8)[:, None, None], (1, 20, 3))


@pytest.fixture
def options(tmp_path: Path) -> ModelOptions:
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\nbird\n")
    return ModelOptions(labels=labels, preset="unit")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write(tmp_path / "trained.onnx", DROPOUT)


def scores(path: Path, options: ModelOptions = ModelOptions()) -> np.ndarray:
    with pictell.load(path, options=options) as classifier:
        result = classifier.classify(PICTURE, probabilities=True)
        return np.asarray(result.probabilities)


def test_the_answers_are_those_without_dropout(
    trained: Path, options: ModelOptions, tmp_path: Path
) -> None:
    plain = write(tmp_path / "plain.onnx", NOTHING)
    with pytest.warns(ModelWarning, match=r"trained\.onnx: .*: dropout$") as caught:
        found = scores(trained, options)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(found, scores(plain, options), atol=1e-6)


def test_folders_and_single_files_keep_the_original(
    trained: Path, options: ModelOptions, tmp_path: Path
) -> None:
    found = examine(trained, options)
    assert found.taken_out == ("dropout",)
    content, original = found.model.content, checksum(read_files(trained))
    create_model_folder(tmp_path / "folder", found.ready_spec(), content)
    assert read_model_folder(tmp_path / "folder").sha256 == original
    write_single_file(tmp_path / "packed.onnx", found.ready_spec(), content)
    for written in (tmp_path / "folder", tmp_path / "packed.onnx"):
        assert examine(written, ModelOptions()).taken_out == ("dropout",)
        with pytest.warns(ModelWarning, match=r"\.onnx: .*: dropout$"):
            scores(written)


@pytest.mark.parametrize("labels", [True, False])
def test_inspect_and_load_refuse_other_random_operations(
    tmp_path: Path, options: ModelOptions, labels: bool
) -> None:
    path = write(tmp_path / "shuffled.onnx", SHUFFLED)
    if not labels:
        options = ModelOptions()
    found = examine(path, options)
    assert found.missing is not None
    assert "random, because of chance (RandomUniformLike)" in found.missing
    assert found.taken_out == ()
    with pytest.raises(InvalidModelError, match="random, because of chance"):
        pictell.load(path, options=options)


def test_the_command_says_so_once(trained: Path, options: ModelOptions, tmp_path: Path) -> None:
    given = [trained, "--labels", str(options.labels), "--preset", "unit"]
    inspected = command("inspect", *given, "--try", "--format", "json")
    record = json.loads(inspected.stdout)
    assert (record["taken_out"], record["ready"]) == (["dropout"], True)
    assert (record["tried"], inspected.stderr) == ("it runs", "")
    assert "taken out" in command("inspect", *given).stdout
    picture = tmp_path / "picture.png"
    Image.fromarray(PICTURE).save(picture)
    labelled = command("--model", *given, picture)
    assert labelled.returncode == 0
    assert labelled.stderr.count("\n") == labelled.stderr.count("dropout, are taken out") == 1
    compared = command("verify", *given, "--against", "openvino", picture, "--format", "json")
    assert compared.returncode == 0
    assert compared.stderr == labelled.stderr
    assert json.loads(compared.stdout)["repeat_difference"] < 1e-6
