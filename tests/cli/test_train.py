"""``pictell train`` with a page, a validation set, and classes of different sizes."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from command import pictell

FEW, FEWER = 20, 12


@pytest.fixture(scope="module")
def insects(shared: Path) -> Path:
    return shared / "images" / "hymenoptera_data"


@pytest.fixture(scope="module")
def photos(insects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some ants and bees; one of the bees is with the ants."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("ants", "bees"):
        (folder / name).mkdir()
        for path in sorted((insects / "train" / name).iterdir())[:FEW]:
            shutil.copy(path, folder / name)
    bee = sorted((insects / "train" / "bees").iterdir())[FEW + 3]
    shutil.copy(bee, folder / "ants" / "planted-bee.jpg")
    return folder


def test_the_page_shows_cross_validated_figures_and_suspicious_labels(
    photos: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    run = pictell("train", photos, "-o", tmp_path / "insects.onnx", "--report", page)
    assert (run.returncode, run.stderr) == (0, f"pictell: the report is in {page}\n")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "How good is <bdi>insects.onnx" in text
    assert "cross-<wbr>validated" in text
    assert "latency" not in text
    assert "top-5" not in text
    _, after = re.split(r"\d labels? may be wrong", text)
    gallery, _, figures = after.partition("</section>")
    assert "planted-<wbr>bee.jpg" in gallery
    assert gallery.count("data:image/jpeg") >= 1
    assert "Most confused classes" in figures


def test_a_list_names_its_column_of_labels(photos: Path, tmp_path: Path) -> None:
    rows = [f"{path};{path.parent.name}" for path in sorted(photos.rglob("*.jpg"))]
    data, model = tmp_path / "list.csv", tmp_path / "m.onnx"
    data.write_text("\n".join(["Image;Insect", *rows]))
    run = pictell("train", data, "-o", model)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith("give the one of the labels as --column insect\n")
    run = pictell("train", data, "-o", model, "--column", "insect", "--validation", photos)
    assert run.returncode == 2
    assert "are copies of pictures that the model is trained on" in run.stderr


def test_a_validation_set_is_measured_without_copies_and_broken_pictures(
    photos: Path, insects: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    for name in ("ants", "bees"):
        (others / name).mkdir(parents=True)
        for path in sorted((insects / "val" / name).iterdir())[:4]:
            shutil.copy(path, others / name)
    copied = next((photos / "bees").iterdir())
    shutil.copy(copied, others / "bees" / "copy.jpg")
    (others / "bees" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    page = tmp_path / "report.html"
    run = pictell(
        "train", photos, "-o", tmp_path / "m.onnx", "--validation", others, "--report", page
    )
    assert run.returncode == 1
    assert f"on 8 pictures of {others}\n" in run.stdout
    assert "broken.jpg" in run.stderr
    assert f"{others}/bees/copy.jpg is a copy of {copied}\n" in run.stderr
    assert "1 picture of" in run.stderr
    text = page.read_text(encoding="utf-8")
    assert "validation set" in text
    assert "cross-<wbr>validated" not in text
    # The pictures whose label may be wrong are of the training data.
    assert "planted-<wbr>bee.jpg" in text


def test_classes_of_very_different_sizes_are_reported(insects: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(insects / "train" / "ants", data / "ants")
    (data / "bees").mkdir()
    for path in sorted((insects / "train" / "bees").iterdir())[:FEWER]:
        shutil.copy(path, data / "bees")
    run = pictell("train", data, "-o", tmp_path / "m.onnx")
    assert "all count equally" in run.stderr
    for path in sorted((data / "ants").iterdir())[10 * FEWER :]:
        path.unlink()
    run = pictell("train", data, "-o", tmp_path / "other.onnx")
    assert (run.returncode, run.stderr) == (0, "")


def test_a_page_says_what_could_not_be_tested(photos: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(photos, tmp_path / "data"))
    for name in ("wasp", "broken"):
        (data / name).mkdir()
    Image.effect_noise((64, 64), 90).save(data / "wasp" / "only.png")
    (data / "broken" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    page = tmp_path / "report.html"
    run = pictell("train", data, "-o", tmp_path / "m.onnx", "--report", page)
    assert run.returncode == 1
    text = page.read_text(encoding="utf-8").replace("<wbr>", "")
    assert "1 picture not measured" in text
    assert "1 picture could not be read" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--report", "m.onnx"], "a file of the model"),
        (["--report", "notes.txt"], "exists and is not a report"),
        (["--report", "missing/report.html"], "there is no folder missing"),
        (["--validation", "missing"], "missing cannot be read"),
        (["--validation", "wasps"], "'wasp'"),
    ],
)
def test_bad_options_are_one_line_before_any_training(
    photos: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "wasps" / "wasp").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(tmp_path / "wasps" / "wasp" / "1.png")
    run = pictell("train", photos, "-o", "m.onnx", *words, cwd=tmp_path)
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "wasps"]


def test_a_report_needs_pictures_that_can_be_tested(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "new" / "wasp").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(tmp_path / "new" / "wasp" / "1.png")
    path = tmp_path / "m.onnx"
    assert pictell("train", photos, "-o", path).returncode == 0
    run = pictell("train", tmp_path / "new", "--update", path, "--report", tmp_path / "r.html")
    assert (run.returncode, "could be tested" in run.stderr) == (2, True)
    assert not (tmp_path / "r.html").exists()


def test_classes_that_cannot_be_tested_are_named(photos: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(photos, tmp_path / "data"))
    (data / "wasp").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64), "red").save(data / "wasp" / f"{number}.png")
    run = pictell("train", data, "-o", tmp_path / "m.onnx")
    assert (run.returncode, "not tested, " in run.stderr) == (0, True)
    assert run.stderr.count("wasp") == 1


def test_a_negative_seed_is_one_line(photos: Path, tmp_path: Path) -> None:
    run = pictell("train", photos, "-o", tmp_path / "m.onnx", "--seed", "-1")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
