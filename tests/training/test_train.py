"""Training on real photos: the file, its answers, and data that nothing can be learned from."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import pictell
from command import PICTELL, ROOT, environment
from command import pictell as command
from pictell.errors import UsageError
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess
from pictell.options import Limits
from pictell.results import Status

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def insects(shared: Path) -> Path:
    return shared / "images" / "hymenoptera_data"


@pytest.fixture(scope="module")
def photos(insects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photos of ants and forty of bees."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("ants", "bees"):
        (folder / name).mkdir()
        for path in sorted((insects / "train" / name).iterdir())[:40]:
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    path = tmp_path_factory.mktemp("trained") / "insects.onnx"
    run = command("train", photos, "--output", path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "80 pictures of 2 classes" in run.stdout
    return path


def test_new_photos_get_their_names(trained: Path, insects: Path) -> None:
    with pictell.load(trained) as classifier:
        right, answered = [], 0
        for name in ("ants", "bees"):
            for result in classifier.stream([insects / "val" / name]):
                right.append(result.top.label == name)
                answered += result.answer is not None
    assert np.mean(right) > 0.85
    assert answered / len(right) > 0.7


def test_what_it_was_not_trained_on_is_unknown(trained: Path) -> None:
    with pictell.load(trained) as classifier:
        others = [*classifier.stream([SAMPLES])]
    unknown = [one.status is Status.UNKNOWN for one in others if one.error is None]
    assert np.mean(unknown) > 0.8


@pytest.mark.parametrize("batch", [1, 8])
def test_onnx_runtime_alone_gives_the_same_answers(
    trained: Path, insects: Path, batch: int
) -> None:
    paths = sorted((insects / "val" / "bees").iterdir())[:batch]
    with pictell.load(trained) as classifier:
        spec = classifier.spec
        ours = np.stack([one.probabilities for one in classifier.stream(paths, probabilities=True)])
    assert classifier.scorer.calibration is not None
    pixels = np.concatenate(
        [
            preprocess(decode(path.read_bytes(), Limits().max_pixels), spec.preprocess)
            for path in paths
        ]
    )
    session = onnxruntime.InferenceSession(trained)
    logits, familiarity = session.run(["logits", "familiarity"], {"image": pixels})
    exponentials = np.exp(logits.astype(np.float64) / classifier.scorer.calibration.temperature)
    theirs = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    assert familiarity.shape == (batch,)


def test_the_same_photos_give_the_same_file(trained: Path, photos: Path) -> None:
    assert pictell.train(photos).content == trained.read_bytes()


def test_the_file_names_no_picture_and_no_path(trained: Path, photos: Path) -> None:
    content = trained.read_bytes()
    for name in (str(photos), photos.name, *(path.name for path in photos.glob("*/*"))):
        assert name.encode() not in content


def test_python_trains_saves_and_classifies(photos: Path, tmp_path: Path) -> None:
    model = pictell.train(photos)
    assert model.accuracy.interval.low < model.accuracy.value <= model.accuracy.interval.high
    model.save(tmp_path / "model.onnx")
    with model.open() as classifier, pictell.load(tmp_path / "model.onnx") as loaded:
        picture = next((photos / "ants").iterdir())
        assert classifier.classify(picture).answer == loaded.classify(picture).answer


def test_a_wrong_label_is_reported(photos: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(photos, tmp_path / "data"))
    moved = sorted((data / "bees").iterdir())[3]
    moved.rename(data / "ants" / moved.name)
    (suspect, *others) = pictell.train(data).suspects
    assert (suspect.file, suspect.label, suspect.better) == (f"ants/{moved.name}", "ants", "bees")
    assert len(others) < 4
    run = command("train", data, "-o", tmp_path / "model.onnx")
    assert f"ants/{moved.name}  ants; perhaps bees" in run.stdout


def test_broken_pictures_are_named_and_skipped(photos: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(photos, tmp_path / "data"))
    (data / "ants" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    run = command("train", data, "-o", tmp_path / "model.onnx")
    assert run.returncode == 1
    assert "broken.jpg" in run.stderr
    assert "80 pictures of 2 classes" in run.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{data}", "-o", "model.txt"], "must end in .onnx"),
        (["{data}", "-o", "missing/model.onnx"], "not writable"),
        (["{data}", "-o", "other.onnx"], "is not a trained model"),
        (["{data}/ants", "-o", "model.onnx"], "no class folders"),
        (["missing", "-o", "model.onnx"], "missing cannot be read"),
        (["{data}", "-o", "model.onnx", "--backbone", "nothing"], "no model named"),
        (["one", "-o", "model.onnx"], "two or more classes"),
        (["alike", "-o", "model.onnx"], "differ only in case"),
        (["single", "-o", "model.onnx"], "two pictures that are not copies"),
        (["broken", "-o", "model.onnx"], "none of the pictures could be read"),
        (["{data}"], "--output"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    words: list[str], message: str, photos: Path, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "src/pictell/models/default/weights.onnx", tmp_path / "other.onnx")
    for name, classes in {"one": "a", "alike": "aA", "single": "ab", "broken": "ab"}.items():
        for place, label in enumerate(classes):
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            if name == "broken":
                (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
            else:
                Image.new("RGB", (64, 64), (0, 90 * place, 200)).save(folder / "x.png")
    before = sorted(path.name for path in tmp_path.iterdir())
    run = command("train", *(word.format(data=photos) for word in words), cwd=tmp_path)
    assert run.returncode in {1, 2}
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_list_with_boxes_and_an_old_file_is_replaced(photos: Path, tmp_path: Path) -> None:
    rows = [
        json.dumps({"file": str(path), "label": path.parent.name, "box": [0, 0, 100, 100]})
        for path in sorted(photos.glob("*/*"))
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(rows))
    for _ in range(2):
        assert command("train", "list.jsonl", "-o", "m.onnx", cwd=tmp_path).returncode == 0
    names = ["list.jsonl", "m.onnx", "m.samples.npz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_ctrl_c_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.onnx"
    run = subprocess.Popen(
        [PICTELL, "train", photos, "-o", output],
        env=environment(PICTELL_INDEX=str(tmp_path / "index")),
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "index").exists():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    assert run.wait(30) != 0
    assert not output.exists()


def test_a_model_without_an_onnx_graph_is_no_backbone(shared: Path) -> None:
    graph = shared / "models" / "mobilenet_v1_0.25_224_frozen" / "frozen_graph.pb"
    with pytest.raises(UsageError, match="ONNX"):
        pictell.train(SAMPLES, backbone=graph)
