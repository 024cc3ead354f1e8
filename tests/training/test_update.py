"""A trained model is updated without its old pictures: what it keeps, adds, renames and forgets."""

import base64
import io
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pictell
from command import PICTELL, ROOT, environment
from command import pictell as command
from pictell.errors import InvalidModelError, PictellError, UsageError
from pictell.inspection.onnx import with_metadata
from pictell.models import find
from pictell.results import Status
from pictell.training.graph import read_head
from pictell.training.kept import Kept, beside, from_bytes
from pictell.training.samples import Samples, add_corrections, merge, remove, rename
from pictell.training.update import read_previous

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def insects(shared: Path) -> Path:
    return shared / "images" / "hymenoptera_data" / "train"


def some(place: Path, photos: Path, *numbers: int, names: str = "ants bees") -> Path:
    for name in names.split():
        (place / name).mkdir(parents=True, exist_ok=True)
        for path in sorted((photos / name).iterdir())[slice(*numbers)]:
            shutil.copy(path, place / name)
    return place


@pytest.fixture(scope="module")
def photos(insects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some(tmp_path_factory.mktemp("photos"), insects, 20)


@pytest.fixture(scope="module")
def original(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "insects.onnx"
    pictell.train(photos).save(path)
    return path


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    shutil.copy(beside(original), tmp_path)
    return Path(shutil.copy(original, tmp_path))


def labels(model: Path) -> list[str]:
    with pictell.load(model) as classifier:
        return [label.name for label in classifier.spec.labels]


def test_an_update_is_like_training_on_all_pictures(
    model: Path, insects: Path, tmp_path: Path
) -> None:
    new = some(tmp_path / "new", insects, 20, 30)
    run = command("train", new, "--update", model)
    assert (run.returncode, run.stderr) == (0, "")
    assert "60 pictures of 2 classes, 20 of them read now" in run.stdout
    every = pictell.train(some(tmp_path / "all", insects, 30))
    ours, theirs = read_head(model.read_bytes()), read_head(every.content)
    # The folds differ with the order of the pictures, and so may the strength.
    ours_said, theirs_said = (
        head.outputs(from_bytes(beside(model).read_bytes(), "x").samples.vectors)[0].argmax(axis=1)
        for head in (ours, theirs)
    )
    assert np.mean(ours_said == theirs_said) > 0.95
    np.testing.assert_allclose(ours.familiarity.bank, theirs.familiarity.bank, atol=1e-4)


def test_a_new_class_does_not_forget_the_old_ones(model: Path, photos: Path, shared: Path) -> None:
    flowers = model.parent / "new" / "cups"
    flowers.mkdir(parents=True)
    for path in SAMPLES.glob("*.png"):
        shutil.copy(path, flowers)
    assert command("train", flowers.parent, "--update", model).returncode == 0
    assert labels(model) == ["ants", "bees", "cups"]
    val = shared / "images" / "hymenoptera_data" / "val"
    with pictell.load(model) as classifier:
        right = [
            one.top.label == name
            for name in ("ants", "bees")
            for one in classifier.stream(sorted((val / name).iterdir())[:20])
        ]
    assert np.mean(right) > 0.85


def test_classes_are_renamed_merged_and_removed(model: Path, insects: Path) -> None:
    some(model.parent / "new", insects, 30, 40, names="ants")
    (model.parent / "new" / "ants").rename(model.parent / "new" / "wasps")
    update = ["train", "--update", model]
    assert command(*update, model.parent / "new", "--rename", "ants=Ameise").returncode == 0
    assert labels(model) == ["Ameise", "bees", "wasps"]
    assert command(*update, "--rename", "wasps=Ameise").returncode == 0
    assert labels(model) == ["Ameise", "bees"]
    samples = from_bytes(beside(model).read_bytes(), "x").samples
    assert samples.counts == (30, 20)
    run = command(*update, "--remove", "bees")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert labels(model) == ["Ameise", "bees"]


def test_a_correction_becomes_a_picture_of_the_update(model: Path, insects: Path) -> None:
    assert command("correct", SAMPLES / "cat.jpg", "bees", "-m", model).returncode == 0
    new = some(model.parent / "new", insects, 30, 35)
    assert command("train", new, "--update", model).returncode == 0
    samples = from_bytes(beside(model).read_bytes(), "x").samples
    assert samples.counts == (25, 26)
    with pictell.load(model) as classifier:
        assert classifier.classify(SAMPLES / "cat.jpg").top.label == "bees"
    run = command("correct", "--undo", "-m", model)
    assert "no correction" in run.stderr


def test_a_picture_with_another_label_now_has_only_that(model: Path, photos: Path) -> None:
    moved = next((photos / "ants").iterdir())
    folder = model.parent / "new" / "bees"
    folder.mkdir(parents=True)
    shutil.copy(moved, folder / "now-a-bee.jpg")
    assert command("train", folder.parent, "--update", model).returncode == 0
    assert from_bytes(beside(model).read_bytes(), "x").samples.counts == (19, 21)


@pytest.mark.parametrize("place", ["beside", "inside", "nowhere"])
def test_samples_are_kept_where_the_user_says(
    place: str, photos: Path, insects: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    assert command("train", photos, "-o", path, "--keep", place).returncode == 0
    assert beside(path).exists() == (place == "beside")
    new = some(tmp_path / "new", insects, 20, 24)
    run = command("train", new, "--update", path, "-o", tmp_path / "more.onnx")
    assert run.returncode == (2 if place == "nowhere" else 0)
    if place == "nowhere":
        assert "keeps no samples" in run.stderr
    with pictell.load(path) as classifier:
        assert classifier.classify(next((new / "ants").iterdir())).error is None


def test_samples_hold_no_names_and_no_pictures(original: Path, photos: Path) -> None:
    content = beside(original).read_bytes()
    for path in photos.glob("*/*"):
        assert path.name.encode() not in content
    assert len(content) < 40 * 8000


def test_a_program_that_is_killed_between_the_files_loses_nothing(
    model: Path, insects: Path
) -> None:
    before = model.read_bytes()
    new = some(model.parent / "new", insects, 20, 24)
    assert command("train", new, "--update", model).returncode == 0
    # As if the model had not been written.
    model.write_bytes(before)
    run = command("train", new, "--update", model)
    assert (run.returncode, "48 pictures" in run.stdout) == (0, True)


def test_other_pictures_are_unknown_and_survive_an_update(
    model: Path, insects: Path, shared: Path
) -> None:
    others = shared / "images" / "imagenet_val650"
    folder = model.parent / "others"
    folder.mkdir()
    for path in sorted(others.glob("*.JPEG"))[:40]:
        shutil.copy(path, folder)
    path = model.parent / "other.onnx"
    photos = some(model.parent / "photos", insects, 20)
    assert command("train", photos, "--other", folder, "-o", path).returncode == 0
    assert command("train", "--update", path, "--rename", "ants=ant").returncode == 0
    known = read_head(path.read_bytes()).familiarity
    assert known.gate is not None
    with pictell.load(path) as classifier:
        status = [one.status for one in classifier.stream(sorted(others.glob("*.JPEG"))[40:120])]
    assert np.mean([one is Status.UNKNOWN for one in status]) > 0.9
    wrong = sorted(folder.iterdir())[0]
    assert command("correct", wrong, "ant", "-m", path).returncode == 0
    with pictell.load(path) as classifier:
        assert classifier.classify(wrong).status is Status.SURE
    assert command("correct", "--undo", "-m", path).returncode == 0
    np.testing.assert_allclose(read_head(path.read_bytes()).familiarity.gate, known.gate, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{data}", "--update", "default.onnx", "-o", "new.onnx"], "was not trained by pictell"),
        (["{data}", "--update", "missing.onnx"], "cannot be read"),
        (["{data}", "--update", "alone.onnx"], "alone.samples.npz"),
        (["{data}", "--update", "swapped.onnx"], "samples of another model"),
        (["{data}", "--update", "broken.onnx"], "damaged"),
        (["{data}", "--update", "insects.onnx", "--backbone", "default"], "leave it out"),
        (["--update", "insects.onnx"], "give the pictures"),
        (["--update", "insects.onnx", "--remove", "wasps"], "no class 'wasps': it has"),
        (["--update", "insects.onnx", "--rename", "ants"], "must be OLD=NEW"),
        (["--update", "insects.onnx", "--rename", "ants=x/y"], "slash"),
        (["--update", "insects.onnx", "--rename", "ants=Bees"], "differ only in case"),
        (["--update", "insects.onnx", "--rename", "ants=a", "--rename", "ants=b"], "given twice"),
        (["--update", "insects.onnx", "--remove", "ants", "--remove", "bees"], "no class has"),
        (["--update", "insects.onnx", "--other", "few"], "5 or more"),
        (["{data}", "-o", "new.onnx", "--other", "{data}"], "5 or more"),
        (["{data}", "-o", "mine.onnx"], "mine.samples.npz exists and is not"),
        (["{data}", "-o", "new.onnx", "--report", "new.samples.npz"], "a file of the model"),
        (["{data}", "-o", "new.onnx", "--rename", "ants=ant"], "updated"),
        (["{data}"], "--output FILE"),
        (["{data}", "-o", "new.onnx", "--other", "nothing"], "no such folder"),
        (["{data}", "-o", "new.onnx", "--other", "few"], "5 or more"),
    ],
)
def test_wrong_use_is_one_line_and_changes_nothing(
    words: list[str], message: str, model: Path, photos: Path
) -> None:
    folder = model.parent
    shutil.copy(ROOT / "src/pictell/models/default/weights.onnx", folder / "default.onnx")
    for name in ("alone", "swapped", "broken"):
        shutil.copy(model, folder / f"{name}.onnx")
    kept = from_bytes(beside(model).read_bytes(), "x")
    fewer = kept.samples.take(np.arange(len(kept.samples)) % 2 == 0)
    beside(folder / "swapped.onnx").write_bytes(Kept(fewer, kept.extractor).content)
    beside(folder / "broken.onnx").write_bytes(beside(model).read_bytes()[:-100])
    (folder / "mine.samples.npz").write_text("something of the user")
    (folder / "few").mkdir()
    shutil.copy(SAMPLES / "cat.jpg", folder / "few")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    run = command("train", *(word.format(data=photos) for word in words), cwd=folder)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert message in run.stderr
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_removed_class_may_leave_its_name_to_another(model: Path) -> None:
    wanted = ["--rename", "ants=bees", "--remove", "bees"]
    three = model.parent / "new" / "cups"
    three.mkdir(parents=True)
    for path in SAMPLES.glob("*.png"):
        shutil.copy(path, three)
    assert command("train", three.parent, "--update", model, *wanted).returncode == 0
    assert labels(model) == ["bees", "cups"]
    assert from_bytes(beside(model).read_bytes(), "x").samples.counts[0] == 20


def test_a_picture_that_is_corrected_twice_has_the_last_class(model: Path) -> None:
    for name in ("ants", "bees"):
        assert command("correct", SAMPLES / "cat.jpg", name, "-m", model).returncode == 0
    updated = pictell.train(update=model)
    assert updated.counts == (20, 21)


def test_with_several_labels_a_picture_that_is_corrected_twice_has_both() -> None:
    every = samples_of("ab", [[1, 0], [0, 1]], several=True)
    one, two, _ = np.eye(3, dtype=np.float32)
    every = replace(every, vectors=np.stack([-one, -two]))
    both = add_corrections(every, np.stack([one, one, two]), [["a"], ["b"], ["a"]])
    assert both.targets[2:].tolist() == [[True, True], [True, False]]


def test_a_picture_of_the_training_that_is_corrected_counts_once(
    model: Path, photos: Path, insects: Path
) -> None:
    known = sorted((photos / "ants").iterdir())[0]
    assert command("correct", known, "bees", "-m", model).returncode == 0
    assert read_previous(model).samples.counts == (19, 21)
    # The other way round: first a correction, then the picture itself.
    unknown = some(model.parent / "new", insects, 30, 31, names="ants")
    picture = next((unknown / "ants").iterdir())
    assert command("correct", picture, "bees", "-m", model).returncode == 0
    assert pictell.train(unknown, update=model).counts == (20, 21)


def test_a_corrected_model_and_its_next_samples_belong_together(model: Path, insects: Path) -> None:
    assert command("correct", SAMPLES / "cat.jpg", "bees", "-m", model).returncode == 0
    before = model.read_bytes()
    new = some(model.parent / "new", insects, 20, 24)
    # The program is killed between the files, twice.
    for _ in range(2):
        assert command("train", new, "--update", model).returncode == 0
        model.write_bytes(before)
    run = command("train", new, "--update", model)
    assert (run.returncode, "49 pictures" in run.stdout) == (0, True)


def test_an_updated_model_still_names_its_backbone(original: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.onnx"
    pictell.train(update=original).save(path)
    specs = [find(one) for one in (original, path)]
    assert specs[0].source == specs[1].source
    first, second = (read_previous(one).extractor.spec for one in (original, path))
    assert first.name == second.name == "efficientnet-lite0-int8"
    assert first.sha256 == second.sha256


def test_samples_of_a_model_that_keeps_none_are_removed(model: Path) -> None:
    run = command("train", "--update", model, "--rename", "ants=ant", "--keep", "nowhere")
    assert (run.returncode, beside(model).exists()) == (0, False)


def test_an_update_keeps_the_samples_where_they_were(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    pictell.train(photos, keep="inside").save(path)
    pictell.train(update=path, rename={"ants": "ant"}).save(path)
    assert not beside(path).exists()
    assert pictell.train(update=path, rename={"ant": "ants"}).counts == (20, 20)


def test_a_replaced_model_is_named(model: Path, photos: Path) -> None:
    run = command("train", photos, "-o", model)
    assert "40 pictures was replaced" in run.stderr


def test_a_picture_that_is_right_already_is_not_corrected(model: Path, photos: Path) -> None:
    before = model.read_bytes()
    with pictell.load(model) as classifier:
        sure = [one for one in classifier.stream([photos / "ants"]) if one.status is Status.SURE]
    run = command("correct", sure[0].source, "ants", "-m", model)
    assert (run.returncode, model.read_bytes() == before) == (0, True)
    assert "nothing to correct" in run.stdout


def test_models_without_onnx_in_their_names_have_samples_of_their_own() -> None:
    assert len({beside(Path(name)) for name in ("pets.1", "pets.2", "pets.onnx")}) == 3


def test_another_place_to_keep_samples_is_refused(photos: Path) -> None:
    with pytest.raises(UsageError, match="keep must be one of"):
        pictell.train(photos, keep="somewhere")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["A", "é", "AAAA"])
def test_damaged_samples_inside_are_refused(text: str, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "inside.onnx"
    path.write_bytes(with_metadata(model.read_bytes(), {"pictell.samples": text}))
    with pytest.raises(InvalidModelError, match="damaged"):
        read_previous(path)


def test_samples_inside_of_another_model_are_refused(model: Path, tmp_path: Path) -> None:
    kept = from_bytes(beside(model).read_bytes(), "x")
    fewer = kept.samples.take(np.arange(len(kept.samples)) % 2 == 0)
    text = base64.b64encode(Kept(fewer, kept.extractor).content).decode()
    path = tmp_path / "inside.onnx"
    path.write_bytes(with_metadata(model.read_bytes(), {"pictell.samples": text}))
    with pytest.raises(InvalidModelError, match="another model"):
        read_previous(path)


@pytest.mark.parametrize(
    "changes", [{"pictell.training": "[" * 5000}, {"pictell.labels": "ants\t\t\n"}]
)
def test_damaged_metadata_is_refused(changes: dict[str, str], model: Path) -> None:
    assert command("correct", SAMPLES / "cat.jpg", "bees", "-m", model).returncode == 0
    model.write_bytes(with_metadata(model.read_bytes(), changes))
    with pytest.raises(InvalidModelError):
        read_previous(model)


def test_samples_of_another_backbone_are_refused(model: Path) -> None:
    kept = from_bytes(beside(model).read_bytes(), "x")
    other = Kept(kept.samples, "another", kept.sha256)
    beside(model).write_bytes(other.content)
    run = command("train", "--update", model, "--rename", "ants=ant")
    assert (run.returncode, "of another backbone" in run.stderr) == (2, True)


# Several labels a picture


def test_several_labels_are_learned(insects: Path, shared: Path, tmp_path: Path) -> None:
    rows = []
    for name, sort in (("ants", "crawls"), ("bees", "flies")):
        for place, path in enumerate(sorted((insects / name).iterdir())[:40]):
            shown = [name, sort, "insect"] if place % 2 else [name, sort]
            rows.append(json.dumps({"file": str(path), "labels": shown}))
    (tmp_path / "list.jsonl").write_text("\n".join(rows))
    path = tmp_path / "model.onnx"
    run = command("train", tmp_path / "list.jsonl", "-o", path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "all labels of a picture" in run.stdout
    val = shared / "images" / "hymenoptera_data" / "val"
    with pictell.load(path) as classifier:
        results = [*classifier.stream(sorted((val / "bees").iterdir())[:20], top_k=5)]
    both = [
        {one.label for one in result.predictions if one.score > 0.5} >= {"bees", "flies"}
        for result in results
    ]
    assert np.mean(both) > 0.7
    assert max(sum(one.score for one in result.predictions) for result in results) > 1.5
    run = command("correct", next((val / "ants").iterdir()), "flies", "-m", path)
    assert (run.returncode, run.stderr) == (0, "")
    # What else the model says of the picture stays true.
    assert command("train", "--update", path, "--rename", "flies=fly").returncode == 0
    samples = from_bytes(beside(path).read_bytes(), "x").samples
    (row,) = samples.targets[samples.corrected]
    found = {samples.classes[place] for place in np.flatnonzero(row)}
    assert "fly" in found
    assert found & {"ants", "bees"}
    before = path.read_bytes()
    run = command("train", tmp_path / "list.jsonl", "-o", path, "--report", tmp_path / "r.html")
    assert (run.returncode, "leave out --report" in run.stderr) == (2, True)
    assert path.read_bytes() == before
    one_label = ["train", insects, "-o", tmp_path / "one.onnx"]
    run = command(*one_label, "--validation", tmp_path / "list.jsonl")
    assert (run.returncode, "several labels" in run.stderr) == (2, True)


# Samples


def samples_of(classes: str, targets: list[list[int]], *, several: bool = False) -> Samples:
    count = len(targets)
    return Samples(
        tuple(classes),
        np.array(targets, np.bool_),
        several,
        np.ones((count, 3), np.float32),
        tuple(f"{classes}{number}" for number in range(count)),
        np.zeros((count, 32), np.uint8),
        np.arange(count),
    )


def test_samples_are_read_back() -> None:
    found = from_bytes(Kept(samples_of("ab", [[1, 0], [0, 1], [0, 0]]), "key", "old").content, "x")
    assert (found.extractor, found.replaces) == ("key", "old")
    assert found.samples.classes == ("a", "b")
    assert found.samples.targets.tolist() == [[True, False], [False, True], [False, False]]
    assert (len(found.samples.labelled), len(found.samples.others)) == (2, 1)


def test_one_label_and_several_do_not_mix() -> None:
    with pytest.raises(UsageError, match="several labels"):
        merge(samples_of("ab", [[1, 0]]), samples_of("cd", [[1, 1]], several=True))


def test_a_renamed_class_may_be_merged_with_itself() -> None:
    several = samples_of("ab", [[1, 1], [0, 1]], several=True)
    assert rename(several, {"a": "b"}).targets.tolist() == [[True], [True]]
    assert remove(several, ["a"]).counts == (2,)
    assert len(remove(several, ["b"])) == 1


@pytest.mark.parametrize("change", ["keys", "targets", "hashes", "vectors", "facts"])
def test_arrays_that_do_not_fit_are_refused(change: str) -> None:
    content = Kept(samples_of("ab", [[1, 0], [0, 1]]), "key").content
    with np.load(io.BytesIO(content)) as found:
        arrays = dict(found)
    arrays[change] = arrays[change][:-1]
    refuse(arrays)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hashes", np.zeros((2, 32))),
        ("vectors", np.ones((2, 3), complex)),
        ("vectors", np.full((2, 3), "1")),
        ("keys", np.arange(2)),
        ("facts", np.frombuffer(b"[" * 100_000, np.uint8)),
    ],
)
def test_arrays_of_another_type_are_refused(name: str, values: np.ndarray) -> None:
    with np.load(io.BytesIO(Kept(samples_of("ab", [[1, 0], [0, 1]]), "key").content)) as found:
        refuse({**found, name: values})


def refuse(arrays: dict[str, np.ndarray]) -> None:
    file = io.BytesIO()
    np.savez(file, **arrays)
    with pytest.raises(InvalidModelError, match="damaged"):
        from_bytes(file.getvalue(), "x")


def test_samples_with_changed_bytes_are_read_or_refused() -> None:
    content = Kept(samples_of("ab", [[1, 0], [0, 1]]), "key").content
    random = np.random.default_rng(0)
    for _ in range(1000):
        changed = bytearray(content)
        changed[random.integers(len(content))] = random.integers(256)
        with suppress(InvalidModelError):
            from_bytes(bytes(changed), "x")


def test_compressed_and_damaged_samples_are_refused() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, vectors=np.zeros((10_000, 1000), np.float16))
    for content in (file.getvalue(), b"", b"PK\x03\x04", np.random.default_rng(0).bytes(500)):
        with pytest.raises(PictellError, match="damaged"):
            from_bytes(content, "x")


# The disk is full; the program is killed

SMALL_FILES = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))\n"


def test_a_full_disk_leaves_the_old_model(model: Path, insects: Path, tmp_path: Path) -> None:
    new = some(tmp_path / "new", insects, 20, 24)
    before = {path: path.read_bytes() for path in (model, beside(model))}
    # Neither file, or the samples but not the model, which is larger.
    for limit in (100_000, 2_000_000):
        program = SMALL_FILES.format(limit) + (
            "import sys\nfrom pictell.cli.start import main\n"
            f"sys.argv = ['pictell', 'train', {str(new)!r}, '--update', {str(model)!r}]\nmain()"
        )
        index = environment(PICTELL_INDEX=str(tmp_path / "index"))
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, encoding="utf-8", env=index
        )
        assert run.returncode == 2
        assert "cannot be written" in run.stderr
        assert "Traceback" not in run.stderr
        assert model.read_bytes() == before[model]
        assert sorted(path.name for path in model.parent.glob("*insects*")) == [
            "insects.onnx",
            "insects.samples.npz",
        ]
        assert not [*model.parent.glob(".draft*")]
    assert command("train", new, "--update", model).returncode == 0


def test_a_killed_training_leaves_the_old_model(model: Path, insects: Path, tmp_path: Path) -> None:
    new = some(tmp_path / "new", insects, 20, 24)
    before = model.read_bytes()
    for delay_s in (0.3, 0.8, 1.3, 1.8):
        run = subprocess.Popen([PICTELL, "train", new, "--update", model])
        with suppress(subprocess.TimeoutExpired):
            run.wait(delay_s)
        run.kill()
        run.wait()
        with pictell.load(model) as classifier:
            assert len(classifier.spec.labels) == 2
        from_bytes(beside(model).read_bytes(), "x")
    assert command("train", new, "--update", model).returncode == 0
    assert model.read_bytes() != before
