"""Corrections of a trained model: the picture gets its label, others keep theirs, and back."""

import os
import re
import shutil
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import pictell
from command import ROOT
from command import pictell as command
from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.onnx import with_metadata
from pictell.results import Status
from pictell.scoring.calibration import Calibration
from pictell.training.correct import correct, corrected, corrections, undo
from pictell.training.familiarity import seen_from_zero
from pictell.training.graph import read_head
from pictell.training.trained import CORRECTIONS_KEY

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def original(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of forty ants and forty bees."""
    data = shared / "images" / "hymenoptera_data" / "train"
    folder = tmp_path_factory.mktemp("data")
    for name in ("ants", "bees"):
        (folder / name).mkdir()
        for path in sorted((data / name).iterdir())[:40]:
            shutil.copy(path, folder / name)
    path = folder / "model.onnx"
    pictell.train(folder).save(path)
    return path


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "model.onnx"))


def accuracy(model: Path, data: Path) -> float:
    with pictell.load(model) as classifier:
        return float(
            np.mean(
                [
                    result.top.label == name
                    for name in ("ants", "bees")
                    for result in classifier.stream([data / name])
                ]
            )
        )


def test_wrong_pictures_get_their_labels_and_others_keep_theirs(model: Path, shared: Path) -> None:
    data = shared / "images" / "hymenoptera_data" / "val"
    before = accuracy(model, data)
    with pictell.load(model) as classifier:
        results = [*classifier.stream([data / "ants"])]
    wrong = [one.source for one in results if one.answer is None or one.top.label != "ants"][:5]
    assert len(wrong) == 5
    for picture in wrong:
        run = command("correct", picture, "Ants", "--model", model)
        assert (run.returncode, run.stderr) == (0, "")
        assert re.search(r"  ants  9[5-9] %", run.stdout.splitlines()[-1])
    with pictell.load(model) as classifier:
        for result in classifier.stream(wrong):
            assert result.answer is not None
            assert (result.status, result.answer.name) == (Status.SURE, "ants")
    assert accuracy(model, data) >= before - 0.02


def test_every_correction_can_be_undone(model: Path, original: Path) -> None:
    for picture, label in (("cat.jpg", "ants"), ("espresso.jpg", "bees"), ("cat.jpg", "bees")):
        assert command("correct", SAMPLES / picture, label, "-m", model).returncode == 0
    assert len(corrections(model.read_bytes())) == 3
    for _ in range(3):
        assert command("correct", "--undo", "-m", model).returncode == 0
    ours, theirs = read_head(model.read_bytes()), read_head(original.read_bytes())
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-5)
    np.testing.assert_array_equal(ours.familiarity.bank, theirs.familiarity.bank)
    run = command("correct", "--undo", "-m", model)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)


def test_the_means_of_the_classes_keep_their_scores(original: Path) -> None:
    content = original.read_bytes()
    head = read_head(content)
    known = head.familiarity
    features = np.random.default_rng(0).random(head.size).astype(np.float32)
    features /= np.linalg.norm(features)
    changed = read_head(correct(content, features, 1))
    means = known.bank * np.float32(0.7) + known.origin
    np.testing.assert_allclose(changed.weights @ means.T, head.weights @ means.T, atol=1e-3)
    assert len(changed.familiarity.bank) == len(known.bank) + 1
    (found,), classes = corrected(correct(content, features, 1))
    np.testing.assert_allclose(found, features, atol=1e-5)
    assert classes == [1]


def test_a_picture_that_is_right_changes_no_weights(original: Path) -> None:
    content = original.read_bytes()
    head = read_head(content)
    with pictell.load(original) as classifier:
        picture = next((original.parent / "bees").iterdir())
        (features,) = classifier.embed([picture])
        sharp = Calibration(0.01)
        again = correct(correct(content, features, 1, sharp), features, 1, sharp)
    np.testing.assert_array_equal(
        read_head(correct(content, features, 1, sharp)).weights, read_head(again).weights
    )
    assert head.weights.shape == read_head(again).weights.shape


def test_a_mean_of_the_classes_cannot_be_corrected(original: Path) -> None:
    known = read_head(original.read_bytes()).familiarity
    mean = seen_from_zero(known.bank[:1], known.origin)[0]
    with pytest.raises(UsageError, match="more pictures"):
        correct(original.read_bytes(), mean, 1)


def test_other_models_are_refused() -> None:
    graph = (ROOT / "src/pictell/models/default/weights.onnx").read_bytes()
    with pytest.raises(InvalidModelError):
        correct(graph, np.ones(1280, np.float32), 1)
    with pytest.raises(InvalidModelError):
        correct(b"nonsense", np.ones(1280, np.float32), 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([SAMPLES / "cat.jpg", "wasp"], "no label is called 'wasp'"),
        ([SAMPLES / "cat.jpg"], "give a picture and its label"),
        ([], "give a picture and its label"),
        (["missing.jpg", "ants"], "no such file"),
        ([SAMPLES / "labels.csv", "ants"], "not a picture"),
        (["--undo", SAMPLES / "cat.jpg"], "--undo takes no picture"),
    ],
)
def test_wrong_use_changes_nothing(words: list[str | Path], message: str, model: Path) -> None:
    before = model.read_bytes()
    run = command("correct", *words, "-m", model)
    assert run.returncode in {1, 2}
    assert (message in run.stderr, run.stderr.count("\n")) == (True, 1)
    assert model.read_bytes() == before


def test_a_missing_model_is_one_line() -> None:
    run = command("correct", SAMPLES / "cat.jpg", "ants", "-m", "missing.onnx")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)


def test_a_pipe_is_no_model_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pet.onnx")
    for words in (("correct", SAMPLES / "cat.jpg", "ants", "-m"), ("train", SAMPLES, "--update")):
        run = command(*words, tmp_path / "pet.onnx", cwd=tmp_path)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "7",
        '[{"class_index": 99, "step": 1, "gate_step": 0}]',
        '[{"class_index": -1, "step": 1, "gate_step": 0}]',
        '[{"class_index": 0, "step": NaN, "gate_step": 0}]',
        '[{"class_index": 0, "step": 1, "gate_step": 99}]',
        '[{"class_index": 1e999, "step": 1, "gate_step": 0}]',
        '[{"class_index": 0}]',
    ],
)
def test_damaged_corrections_are_refused(original: Path, text: str) -> None:
    content = with_metadata(original.read_bytes(), {CORRECTIONS_KEY: text})
    with pytest.raises(InvalidModelError, match="damaged"):
        undo(content)
    with pytest.raises(InvalidModelError, match="damaged"):
        correct(content, np.ones(1280, np.float32), 0)


def test_a_model_that_learned_too_little_is_refused(original: Path) -> None:
    size = read_head(original.read_bytes()).size
    features = np.random.default_rng(0).random(size).astype(np.float32)
    with pytest.raises(UsageError, match="too little"):
        correct(original.read_bytes(), features / np.linalg.norm(features), 0, Calibration(50.0))


def test_the_weights_of_a_model_folder_are_not_changed(model: Path) -> None:
    folder = model.parent / "folder"
    assert command("inspect", model, "--write", folder).returncode == 0
    run = command("correct", SAMPLES / "cat.jpg", "ants", "-m", folder / model.name)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)


def test_a_corrected_model_is_a_backbone_without_its_corrections(
    model: Path, original: Path
) -> None:
    assert command("correct", SAMPLES / "cat.jpg", "ants", "-m", model).returncode == 0
    data = model.parent / "data"
    for name in ("ants", "bees"):
        shutil.copytree(original.parent / name, data / name)
    again = pictell.train(data, backbone=model)
    assert corrections(again.content) == []
    assert again.accuracy.value > 0.8


def test_a_broken_picture_is_named(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff")
    run = command("correct", broken, "ants", "-m", model)
    assert (run.returncode, str(broken) in run.stderr) == (1, True)
    run = command("correct", tmp_path, "ants", "-m", model)
    assert (run.returncode, "is a folder: give one picture" in run.stderr) == (2, True)


def test_two_corrections_at_once_lose_none(model: Path) -> None:
    class Slow(BaseHTTPRequestHandler):
        """Another correction is made while this one waits for its picture."""

        def do_GET(self) -> None:
            assert command("correct", SAMPLES / "cat.jpg", "ants", "-m", model).returncode == 0
            content = (SAMPLES / "espresso.jpg").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Slow) as server:
        Thread(target=server.handle_request).start()
        url = f"http://127.0.0.1:{server.server_port}/espresso.jpg"
        run = command("correct", url, "bees", "-m", model)
    assert (run.returncode, "in the meantime" in run.stderr) == (2, True)
    assert [one.class_index for one in corrections(model.read_bytes())] == [0]
