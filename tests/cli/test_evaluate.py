"""``pictell evaluate``: a model's figures on labelled pictures."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command import environment, pictell
from pictell import models

# Of the hymenoptera: a few of each, for speed.
FEW = 6


@pytest.fixture(scope="module")
def insects(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("insects")
    for name in ("ants", "bees"):
        (folder / name).mkdir()
        pictures = shared / "images" / "hymenoptera_data" / "val" / name
        for picture in sorted(pictures.iterdir())[:FEW]:
            shutil.copy(picture, folder / name)
    return folder


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model with another crop."""
    folder = tmp_path_factory.mktemp("models") / "close-up"
    shutil.copytree(models.BUILT_IN["default"], folder)
    spec = folder / "model.toml"
    spec.write_text(spec.read_text().replace("crop_fraction = 0.875", "crop_fraction = 0.3"))
    return folder


def test_a_folder_of_class_folders(insects: Path) -> None:
    run = pictell("evaluate", "--data", insects)
    assert (run.returncode, run.stderr) == (0, "")
    assert "  12 pictures of 2 classes\n" in run.stdout
    assert "labels matched by another name: ants is ant, bees is bee\n" in run.stdout
    assert "\n  top-1 accuracy " in run.stdout


def test_a_list_in_another_form_as_an_argument(insects: Path, tmp_path: Path) -> None:
    picture = next((insects / "ants").iterdir())
    data = tmp_path / "val.txt"
    data.write_text(f"{picture} ant\n")
    run = pictell("evaluate", data, "--format", "json")
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["models"][0]["top1"]["value"] in {0, 1}


def test_json_and_a_page_of_two_models(insects: Path, other_model: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    run = pictell(
        "evaluate", "-d", insects, "--model", "default", "--model", other_model, "--compare",
        "--format", "json", "--report", report,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, f"pictell: the report is in {report}\n")
    record = json.loads(run.stdout)
    assert [model["model"] for model in record["models"]] == ["default", "close-up"]
    (comparison,) = record["comparisons"]
    assert comparison["pictures"] == 2 * FEW
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    page = report.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("data:image/svg+xml") >= 4
    assert "close-up" in page


def test_a_model_without_a_taxonomy_is_compared_with_one_that_has_one(
    insects: Path, other_model: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    shutil.copytree(other_model, flat)
    spec = flat / "model.toml"
    spec.write_text(spec.read_text().replace('taxonomy = "taxonomy.tsv"\n', ""))
    (flat / "calibration.toml").unlink()
    report = tmp_path / "report.html"
    run = pictell(
        "evaluate", "-d", insects, "--model", flat, "--model", other_model, "--compare",
        "--report", report,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, f"pictell: the report is in {report}\n")
    line = next(line for line in run.stdout.splitlines() if line.startswith("  right answers  "))
    assert "—" in line
    assert "right answers" in report.read_text(encoding="utf-8")


def test_an_unreadable_picture_is_named_and_the_rest_is_done(insects: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(insects, folder)
    (folder / "ants" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    run = pictell("evaluate", "--data", folder)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith(f"pictell: {folder}/ants/broken.jpg: ")
    assert "  default: 1 picture could not be read\n" in run.stdout


def test_unmatched_labels_are_an_error_or_left_out(insects: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(insects, folder)
    (folder / "ants").rename(folder / "goldfich")
    run = pictell("evaluate", "--data", folder)
    assert run.returncode == 2
    assert "1 of 2 labels match no label of default: 'goldfich' (nearest: goldfi" in run.stderr
    assert run.stderr.endswith("rename them, or skip them: --skip-unmatched\n")
    assert len(run.stderr.splitlines()) == 1
    run = pictell("evaluate", "--data", folder, "--skip-unmatched")
    assert run.returncode == 0
    assert "default: 6 pictures left out: 1 label unknown to this model" in run.stdout
    (folder / "bees").rename(folder / "qqq")
    run = pictell("evaluate", "--data", folder, "--skip-unmatched")
    assert run.returncode == 2
    assert "class folders must have names that the model knows" in run.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give the labelled pictures: --data FOLDER, or --data LIST"),
        (["--data", "a", "b"], "the data is given twice, as a and b: give one of them"),
        (["--data", "nothing"], "nothing cannot be read: No such file or directory"),
        (["--data", ""], "empty name: give a folder or a list"),
        (["--data", "/dev/null"], "/dev/null is not a regular file: give a folder of"),
        (["--data", "{insects}", "--report", "{insects}/" + "n" * 300], "File name too long"),
        (["--data", "{insects}/ants"], "no class folders with pictures"),
        (
            ["--data", "samples/golf-ball.png"],
            "samples/golf-ball.png is not UTF-8 text: give a folder of",
        ),
        (["--data", "{insects}", "--report", "README.md/x"], "there is no folder README.md"),
        (["--data", "{insects}", "--compare"], "give --model twice"),
        (["--data", "{insects}", "--model", "nothing"], "no model named 'nothing'"),
        (["--data", "{insects}", "--report", "{insects}"], "is a folder: give the name of a file"),
        (
            ["--data", "{insects}", "--report", "/nowhere/a.html"],
            "there is no folder /nowhere",
        ),
        (["--data", "{insects}", "--column", "breed"], "this is a folder of class folders"),
        (
            ["--data", "{insects}", "-m", "a.pb", "-m", "b.pb", "--labels", "labels.txt"],
            "apply to one model only",
        ),
    ],
)
def test_wrong_use_gets_one_line(insects: Path, words: list[str], message: str) -> None:
    run = pictell("evaluate", *(word.format(insects=insects) for word in words))
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert run.stdout == ""


def test_a_page_needs_the_extra_and_figures_do_not(insects: Path, tmp_path: Path) -> None:
    # Hides the packages of the extra.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in {'jinja2', 'matplotlib', 'scipy', 'sklearn'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    paths = ":".join([str(tmp_path), *filter(None, sys.path)])
    without = environment(PYTHONPATH=paths)
    run = pictell("evaluate", "--data", insects, "--report", tmp_path / "a.html", env=without)
    assert run.returncode == 2
    assert "--report needs the extra evaluate: pip install 'pictell[evaluate]'" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    run = pictell("evaluate", "--data", insects, env=without)
    assert (run.returncode, run.stderr) == (0, "")


# Limits files to less than the size of the page; stdout is a pipe.
SMALL_FILES = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"


def test_the_figures_are_written_if_the_page_cannot_be(insects: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SMALL_FILES)
    paths = ":".join([str(tmp_path / "site"), *filter(None, sys.path)])
    report = tmp_path / "out" / "report.html"
    report.parent.mkdir()
    run = pictell(
        "evaluate", "--data", insects, "--report", report, env=environment(PYTHONPATH=paths)
    )
    assert run.returncode == 1
    assert run.stderr == f"pictell: {report} cannot be written: File too large\n"
    assert "top-1 accuracy" in run.stdout
    assert list(report.parent.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_page_is_written_if_the_figures_cannot_be(insects: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with Path("/dev/full").open("w") as full:
        run = pictell(
            "evaluate", "--data", insects, "--report", report,
            capture_output=False, stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.endswith("pictell: cannot write the output: No space left on device\n")
    assert report.stat().st_size > 0


@pytest.mark.parametrize("data", ["", "labels.csv"])
@pytest.mark.parametrize("report", ["labels.csv", "../link.html", "ants/0.jpg"])
def test_only_a_report_is_overwritten(
    insects: Path, tmp_path: Path, data: str, report: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(insects, folder)
    sorted((folder / "ants").iterdir())[0].rename(folder / "ants" / "0.jpg")
    rows = [f"{path.parent.name}/{path.name},{path.parent.name}" for path in folder.glob("*/*")]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    (tmp_path / "link.html").symlink_to(folder / "labels.csv")
    before = (folder / report).read_bytes()
    run = pictell("evaluate", "--data", folder / data, "--report", folder / report)
    assert (run.returncode, run.stdout) == (2, "")
    assert (
        run.stderr == f"pictell: {folder / report} exists and is not a report: give another name\n"
    )
    assert (folder / report).read_bytes() == before


def test_models_that_share_no_picture_are_not_compared(insects: Path, tmp_path: Path) -> None:
    folders = []
    for place, name in (("a", "ant"), ("b", "bee")):
        folder = tmp_path / place
        shutil.copytree(models.BUILT_IN["default"], folder)
        labels = folder / "labels.tsv"
        labels.write_text(labels.read_text().replace(f"{name}\t", f"other {name}\t"))
        folders.append(folder)
    words = [word for folder in folders for word in ("--model", folder)]
    run = pictell("evaluate", "-d", insects, *words, "--compare", "--skip-unmatched")
    assert run.returncode == 1
    assert run.stderr == ("pictell: a and b have no picture in common and cannot be compared\n")
    assert "top-1 accuracy" in run.stdout
    assert "  the models were evaluated on different pictures: " in run.stdout


def test_weights_of_0_only_are_refused(insects: Path, tmp_path: Path) -> None:
    rows = [
        f"{path},{path.parent.name},{weight}"
        for name, weight in (("ants", 0), ("bees", 1))
        for path in (insects / name).iterdir()
    ]
    text = "\n".join(["file,label,weight", *rows]).replace(",bees,", ",nothing known,")
    (tmp_path / "labels.csv").write_text(text)
    run = pictell("evaluate", "--data", tmp_path, "--skip-unmatched")
    assert run.returncode == 2
    assert run.stderr == (
        f"pictell: {tmp_path}/labels.csv: every picture that can be evaluated has weight 0\n"
    )


@pytest.fixture(scope="module")
def kinds(insects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The insects in class folders with names of broader labels; bees are not beetles."""
    folder = tmp_path_factory.mktemp("kinds")
    shutil.copytree(insects / "ants", folder / "Insects")
    shutil.copytree(insects / "bees", folder / "n02164464-beetle")
    return folder


def test_folders_of_broader_labels_are_judged_at_their_level(kinds: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    run = pictell("evaluate", "--data", kinds, "--report", report)
    assert run.returncode == 0
    assert "broader labels in the data: insect (27 classes), beetle (8 classes)" in run.stdout
    assert "labels matched by another name: Insects is insect, " in run.stdout
    assert "Brier" not in run.stdout
    assert "insect (27 classes)" in report.read_text(encoding="utf-8")
    run = pictell("evaluate", "--data", kinds, "--format", "json")
    (model,) = json.loads(run.stdout)["models"]
    assert [one["matched_by"] for one in model["labels"]] == ["broader", "broader"]
    assert model["brier_score"] is None
    recall = {one["label"]: one["recall"] for one in model["classes"] if one["pictures"]}
    assert recall["insect"] > 0.8
    assert recall["beetle"] == 0
    assert {one["label"] for one in model["wrong"]} >= {"beetle"}
    assert [one["status"] for one in model["statuses"]] == ["sure", "likely", "unsure", "unknown"]
    assert sum(one["share"] for one in model["statuses"]) == pytest.approx(1)


def test_two_models_are_compared_on_broader_labels(
    kinds: Path, other_model: Path, tmp_path: Path
) -> None:
    rows = [f"{path},animal" for path in sorted(kinds.glob("Insects/*"))]
    data = tmp_path / "list.csv"
    data.write_text("\n".join(["file,label", *rows]))
    run = pictell(
        "evaluate", "-d", data, "-m", "default", "-m", other_model, "--compare",
        "--format", "json", "--report", tmp_path / "report.html",
    )  # fmt: skip
    assert run.returncode == 0
    record = json.loads(run.stdout)
    assert [one["labels"][0]["matched_by"] for one in record["models"]] == ["broader", "broader"]
    (comparison,) = record["comparisons"]
    assert comparison["pictures"] == FEW
    # The label of all pictures is a heading, which no answer is.
    assert record["models"][0]["answers"]["right"]["value"] == 1
    changed = [one for pair in comparison["changed"] for one in pair.values()]
    assert {one["label"] for one in changed} == {"animal"}


def test_a_model_without_a_taxonomy_refuses_broader_labels(
    kinds: Path, other_model: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    shutil.copytree(other_model, flat)
    spec = flat / "model.toml"
    spec.write_text(spec.read_text().replace('taxonomy = "taxonomy.tsv"\n', ""))
    run = pictell("evaluate", "--data", kinds, "--model", flat)
    assert run.returncode == 2
    assert "2 of 2 labels match no label of flat: 'Insects'" in run.stderr
    assert "(nearest: " in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_labels_matched_by_index_are_reported(insects: Path, tmp_path: Path) -> None:
    for place, name in (("ants", "310"), ("bees", "309")):
        shutil.copytree(insects / place, tmp_path / name)
    run = pictell("evaluate", "--data", tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "labels matched by class index: 309 is bee, 310 is ant\n" in run.stdout
    rows = [f"310/{path.name},310" for path in (tmp_path / "310").iterdir()]
    rows += [f"309/{path.name},309" for path in (tmp_path / "309").iterdir()]
    (tmp_path / "labels.csv").write_text("\n".join(["file,class_index", *rows]))
    assert "matched by class index" not in pictell("evaluate", "--data", tmp_path).stdout


def test_pictures_listed_twice_are_reported(insects: Path, tmp_path: Path) -> None:
    (bee, *_), (ant, *_) = ((insects / name).iterdir() for name in ("bees", "ants"))
    data = tmp_path / "labels.csv"
    data.write_text(f"file,label\n{bee},bee\n{ant},ant\n{bee},bee\n", encoding="utf-8")
    run = pictell("evaluate", "--data", data)
    assert "  1 row with a picture that was listed before: counted again\n" in run.stdout
    assert "  3 pictures of 2 classes\n" in run.stdout
