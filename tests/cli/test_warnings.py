"""Pictures with warnings on the command line. The commands run in this process."""

import csv
import io
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import fake_model as fake
from command import ROOT, pictell
from damaged_pictures import damage
from labelled_pictures import BRIGHTNESS, LABELS, save
from pictell.models.folder import create_model_folder

CAT = ROOT / "samples" / "cat.jpg"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: its exit status, stdout and stderr."""

    def run(command: str, *words: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        status = import_module(f"pictell.cli.{command}").run([str(word) for word in words])
        return (status, *capfd.readouterr())

    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a model that classifies pictures by their brightness."""
    create_model_folder(tmp_path / "model", fake.spec(LABELS), fake.weights(len(LABELS)))
    return tmp_path / "model"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Class folders of three pictures each, two of which are damaged."""
    folder = tmp_path / "photos"
    for label, brightness in BRIGHTNESS.items():
        for number in range(3):
            save(folder / label / f"{number}.png", brightness + number)
    damage(folder / "dark" / "0.png", "truncated")
    damage(folder / "light" / "1.png", "damaged", "truncated")
    return folder


def test_each_format_tells_of_damaged_pictures_and_the_status_is_0(
    run: Run, model: Path, photos: Path
) -> None:
    words = ("--model", model, photos)
    expected = {"dark/0.png": ["truncated"], "light/1.png": ["damaged", "truncated"]}

    def name(source: str) -> str:
        return Path(source).relative_to(photos).as_posix()

    status, out, err = run("classify", "--format", "jsonl", *words)
    results = [json.loads(line) for line in out.splitlines()]
    assert {name(one["source"]): one["warnings"] for one in results if one["warnings"]} == expected
    assert (status, len(results)) == (0, 15)
    assert "2 pictures are damaged or truncated" in err
    for format_ in ("csv", "csv-long"):
        _, out, _ = run("classify", "--format", format_, *words)
        rows = csv.DictReader(io.StringIO(out, newline=""))
        found = {name(one["source"]): one["warnings"].split() for one in rows if one["warnings"]}
        assert found == expected
    _, out, err = run("classify", *words)
    marked = [line for line in out.splitlines() if "(" in line]
    assert [line.split()[0] for line in marked] == [str(photos / one) for one in expected]
    assert "2 pictures are damaged or truncated" in err
    assert run("classify", "--quiet", *words)[2] == ""


def test_the_details_of_a_picture_say_it_once(run: Run, model: Path, photos: Path) -> None:
    status, out, err = run("classify", "--model", model, photos / "dark" / "0.png")
    assert (status, err) == (0, "")
    assert out.splitlines()[1] == "  the picture is truncated: the answer may be wrong"


def test_a_batch_counts_them(run: Run, model: Path, photos: Path, tmp_path: Path) -> None:
    words = ("--model", model, photos, "--output", tmp_path / "labels", "--no-isolate")
    status, out, err = run("batch", *words)
    assert (status, "15 pictures labelled" in out) == (0, True)
    assert err == "pictell: 2 pictures are damaged or truncated: see warnings in the table\n"
    # They are not tried again.
    assert run("batch", *words)[2] == ""


def test_a_calibration_uses_and_counts_them(run: Run, model: Path, photos: Path) -> None:
    for label, brightness in BRIGHTNESS.items():
        for number in range(40):  # a tenth of them wrong
            save(photos / label / f"more-{number}.png", (brightness + 51 * (number < 4)) % 255)
    status, out, err = run("calibrate", "--model", model, "--data", photos)
    assert (status, "215 pictures" in out) == (0, True)
    assert err == "pictell: 2 pictures are damaged or truncated, and used nevertheless\n"


def test_an_evaluation_uses_and_names_them(run: Run, model: Path, photos: Path) -> None:
    status, out, err = run("evaluate", "--model", model, "--data", photos)
    assert (status, err) == (0, "")
    assert "2 pictures are damaged or truncated, and used nevertheless: dark/0.png" in out


def test_a_training_uses_and_counts_them(run: Run, photos: Path, tmp_path: Path) -> None:
    words = ("--output", tmp_path / "greys.onnx", "--keep", "nowhere")
    for _ in range(2):  # with the index, too
        status, out, err = run("train", photos, *words)
        assert (status, "15 pictures of 5 classes" in out) == (0, True)
        assert "pictell: 2 pictures are damaged or truncated, and used nevertheless\n" in err


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A JPEG without its last hundredth."""
    data = CAT.read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: int(0.99 * len(data))])
    return tmp_path / "cut.jpg"


@pytest.mark.parametrize("words", [(), ("--isolate",), ("--allow-truncated",)])
def test_a_photo_that_lacks_its_last_bytes_has_its_answer_and_a_warning(
    words: tuple[str, ...], cut: Path
) -> None:
    found = pictell("--format", "jsonl", *words, cut)
    (result,) = map(json.loads, found.stdout.splitlines())
    assert result["answer"]["name"] == "cat"
    assert result["warnings"] == ["truncated"]
    assert found.returncode == 0


def test_half_a_photo_needs_the_option(cut: Path) -> None:
    data = CAT.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    refused = pictell("--format", "jsonl", cut)
    assert (refused.returncode, "--allow-truncated" in refused.stderr) == (1, True)
    taken = pictell("--format", "jsonl", "--allow-truncated", cut)
    (result,) = map(json.loads, taken.stdout.splitlines())
    assert (taken.returncode, result["warnings"]) == (0, ["truncated"])


def test_a_server_decides_itself_what_is_accepted() -> None:
    found = pictell("--server", "http://localhost:1", "--allow-truncated", CAT)
    assert (found.returncode, "--allow-truncated" in found.stderr) == (2, True)


def test_every_command_warns_of_another_recipe(shared: Path) -> None:
    folder = shared / "models" / "mobilenet_v1_0.25_128_frozen"
    model = ("--model", folder / "frozen_graph.pb", "--labels", folder / "labels.txt")
    for preset, warned in (("retrain", False), ("inception", True)):
        run = pictell("labels", *model, "--preset", preset, "tench")
        assert run.returncode == 0
        assert ("was published with another mean and std" in run.stderr) == warned
        assert len(run.stderr.splitlines()) == warned
