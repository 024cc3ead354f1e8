"""The folder of a model: what is right is read, what is wrong is an error."""

import csv
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

import fake_model as fake
import hostile_models as hostile
from pictell import models
from pictell.errors import InvalidModelError, StoreError, UnknownModelError, UsageError
from pictell.graphs import Weights
from pictell.models.examine import examine
from pictell.models.folder import (
    create_model_folder,
    read_model_folder,
    read_spec,
    read_unchecked_weights,
    read_weights,
    to_toml,
    write_model_folder,
)
from pictell.models.scorer import build_scorer
from pictell.models.store import local as store
from pictell.options import ModelOptions
from pictell.types import Attachment, Label, ModelSpec, PreprocessSpec

WEIGHTS = fake.weights(2).graph
SPEC = f"""\
[model]
name = "two"
format = "onnx"
weights = "weights.onnx"
sha256 = "{hashlib.sha256(WEIGHTS).hexdigest()}"
labels = "labels.tsv"
licence = "MIT"
source = "nobody"

[input]
name = "image"
layout = "NCHW"
channels = "RGB"
dtype = "float32"
width = 8
height = 6
resize_mode = "crop"
crop_fraction = 0.5
interpolation = "bilinear"
mean = [1, 2.5, 3]
std = [4, 5, 6]

[output]
name = "logits"
activation = "none"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid model."""
    (tmp_path / "model.toml").write_text(SPEC)
    (tmp_path / "labels.tsv").write_text("cat\tn02121808\tpuss, tabby\ndog\n")
    (tmp_path / "weights.onnx").write_bytes(WEIGHTS)
    return tmp_path


def write_spec(folder: Path, old: str, new: str) -> None:
    assert SPEC.count(old) == 1
    (folder / "model.toml").write_text(SPEC.replace(old, new))


def refusal(folder: Path) -> str:
    with pytest.raises(InvalidModelError) as caught:
        read_model_folder(folder)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_everything_in_a_folder_is_in_the_spec(folder: Path) -> None:
    assert read_model_folder(folder) == ModelSpec(
        name="two",
        weights=folder / "weights.onnx",
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        format="onnx",
        input_name="image",
        output_name="logits",
        activation="none",
        preprocess=PreprocessSpec(
            width=8,
            height=6,
            resize_mode="crop",
            crop_fraction=0.5,
            interpolation="bilinear",
            layout="NCHW",
            channels="RGB",
            mean=(1.0, 2.5, 3.0),
            std=(4.0, 5.0, 6.0),
        ),
        labels=(Label("cat", "n02121808", ("puss", "tabby")), Label("dog")),
        licence="MIT",
        source="nobody",
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ('resize_mode = "crop"', 'resize_mode = "squash"', "resize_mode", "squash"),
        ("crop_fraction = 0.5", "crop_fraction = 1", "crop_fraction", 1.0),
        ('"float32"', '"uint8"', "mean", None),
    ],
)
def test_a_changed_key_changes_the_spec(
    folder: Path, old: str, new: str, field: str, value: object
) -> None:
    write_spec(folder, old, new)
    if new == '"uint8"':
        text = (folder / "model.toml").read_text()
        (folder / "model.toml").write_text(re.sub(r"(mean|std) = .*\n", "", text))
    assert getattr(read_model_folder(folder).preprocess, field) == value


def test_further_outputs_may_be_named(folder: Path) -> None:
    write_spec(folder, '"logits"', '"logits"\nembedding = "e"\nfeature_map = "f"')
    spec = read_model_folder(folder)
    assert (spec.embedding, spec.feature_map) == ("e", "f")


KINDS = "animal\tanimal\t-\ncat\tanimal\n"


def name_taxonomy(folder: Path, name: str = "kinds.tsv") -> None:
    write_spec(folder, 'labels = "labels.tsv"', f'labels = "labels.tsv"\ntaxonomy = "{name}"')


def test_a_taxonomy_is_read_and_written_again(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name_taxonomy(folder)
    (folder / "kinds.tsv").write_text(KINDS)
    spec = read_model_folder(folder)
    assert spec.taxonomy == Attachment("kinds.tsv", KINDS)
    copy = tmp_path_factory.mktemp("copy")
    write_model_folder(copy, spec, read_unchecked_weights(spec))
    again = read_model_folder(copy)
    assert again.taxonomy == Attachment("taxonomy.tsv", KINDS)
    tree = build_scorer(again, 0.9).taxonomy
    assert tree is not None
    assert tree.path(0) == ("animal", "cat")
    assert build_scorer(again, 0.9, flat=True).taxonomy is None


def test_max_depth_limits_the_answers_of_a_model_with_a_taxonomy(folder: Path) -> None:
    spec = read_model_folder(folder)
    with pytest.raises(UsageError, match="has no taxonomy"):
        build_scorer(spec, 0.9, max_depth=1)
    assert build_scorer(spec, 0.9, max_depth=1, flat=True).taxonomy is None
    name_taxonomy(folder)
    (folder / "kinds.tsv").write_text(KINDS)
    tree = build_scorer(read_model_folder(folder), 0.9, max_depth=1).taxonomy
    assert tree is not None
    assert tree.path(0) == ("animal", "cat")
    assert tree.information[0] == 0


def test_flat_does_not_parse_the_taxonomy(folder: Path) -> None:
    name_taxonomy(folder)
    (folder / "kinds.tsv").write_text("nonsense")
    spec = read_model_folder(folder)
    assert build_scorer(spec, 0.9, flat=True).taxonomy is None
    with pytest.raises(InvalidModelError, match=r"^kinds\.tsv: line 1: "):
        build_scorer(spec, 0.9)


@pytest.mark.parametrize("name", ["model.toml", "kinds.tsv", "calibration.toml"])
def test_texts_that_cannot_be_read_are_refused(folder: Path, name: str) -> None:
    name_taxonomy(folder)
    (folder / "kinds.tsv").write_text(KINDS)
    path = folder / name
    path.write_bytes(b"\xff")
    assert refusal(folder) == f"{name} is not UTF-8 text"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    assert refusal(folder) == f"{name} is longer than 16 MiB"
    path.unlink()
    os.mkfifo(path)
    assert refusal(folder) == f"{name} is not a regular file"
    path.unlink()
    if name != "calibration.toml":
        assert refusal(folder) == f"{name} cannot be read: No such file or directory"


def test_texts_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    spec = read_model_folder(folder)
    (folder / "model.toml").write_text("\ufeff" + SPEC, encoding="utf-8")
    assert read_model_folder(folder) == spec


@pytest.mark.parametrize(
    "name",
    # TOML cannot hold a name that is not UTF-8.
    ["model.toml", "labels.tsv", "taxonomy.tsv", "calibration.toml", "m\udcff.onnx"],
)
def test_weights_cannot_take_the_name_of_another_file(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    spec = replace(read_model_folder(folder), weights=folder / name)
    content = Weights("onnx", {name: WEIGHTS})
    with pytest.raises(InvalidModelError, match=f"cannot be named {name}"):
        write_model_folder(tmp_path_factory.mktemp("copy"), spec, content)


@pytest.mark.parametrize("place", ["there", "file/below"])
def test_a_folder_that_cannot_be_made_leaves_nothing(folder: Path, place: str) -> None:
    spec, content = read_model_folder(folder), Weights("onnx", {"weights.onnx": WEIGHTS})
    (folder / "there").mkdir()
    (folder / "file").touch()
    before = sorted(folder.rglob("*"))
    with pytest.raises(StoreError, match=r"exists already|cannot be written: Not a directory"):
        create_model_folder(folder / place, spec, content)
    assert sorted(folder.rglob("*")) == before


def test_weights_that_are_refused_leave_no_folder(folder: Path) -> None:
    spec = replace(read_model_folder(folder), weights=folder / "labels.tsv")
    before = sorted(folder.rglob("*"))
    with pytest.raises(InvalidModelError, match=r"cannot be named labels\.tsv"):
        create_model_folder(folder / "copy", spec, Weights("onnx", {"labels.tsv": WEIGHTS}))
    assert sorted(folder.rglob("*")) == before


def test_golden_answers_that_cannot_be_read_are_an_error_of_the_model(folder: Path) -> None:
    (folder / "golden.toml").write_bytes(b"\xff")
    spec, content = read_model_folder(folder), Weights("onnx", {"weights.onnx": WEIGHTS})
    with pytest.raises(InvalidModelError, match=r"^golden\.toml is not UTF-8 text$"):
        create_model_folder(folder / "copy", spec, content)
    assert not (folder / "copy").exists()


def test_a_taxonomy_must_be_in_the_folder(folder: Path) -> None:
    name_taxonomy(folder, "../kinds.tsv")
    assert "must be the name of a file in the folder" in refusal(folder)


def test_a_calibration_is_read_with_the_folder_and_parsed_when_used(folder: Path) -> None:
    (folder / "calibration.toml").write_text("nonsense")
    spec = read_model_folder(folder)
    assert spec.calibration == Attachment("calibration.toml", "nonsense")
    with pytest.raises(InvalidModelError, match=r"calibration\.toml"):
        build_scorer(spec, 0.9)
    assert build_scorer(replace(spec, calibration=None), 0.9, flat=False).calibration is None


def test_flat_keeps_the_calibration_and_leaves_out_the_taxonomy() -> None:
    spec = models.find("default")
    full = build_scorer(spec, 0.9)
    flat = build_scorer(spec, 0.9, flat=True)
    assert full.abstention is not None
    assert full.taxonomy is not None
    assert flat.calibration == full.calibration is not None
    assert (flat.flat, flat.taxonomy) == (True, None)


@pytest.mark.parametrize("table", ["model", "input", "output"])
def test_each_table_must_be_there(folder: Path, table: str) -> None:
    document = re.sub(rf"\[{table}\]\n(.+\n)*", "", SPEC)
    (folder / "model.toml").write_text(document)
    assert refusal(folder) == f"model.toml: missing key `{table}`"


@pytest.mark.parametrize("line", [line for line in SPEC.splitlines() if "=" in line])
def test_each_key_must_be_there(folder: Path, line: str) -> None:
    key = line.partition(" ")[0]
    table = re.findall(r"\[(\w+)\]\n", SPEC[: SPEC.index(line)])[-1]
    write_spec(folder, line + "\n", "")
    message = refusal(folder)
    assert message.startswith(f"model.toml: {table}: ")
    assert key in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"two"', "2", "model.name: expected `str`, got `int`"),
        ('licence = "MIT"\n', "", "model: missing key `licence`"),
        ("width = 8\n", "", "input: missing key `width`"),
        ("width = 8", 'width = "8"', "input.width: expected `int`, got `str`"),
        ("width = 8", "width = 8.0", "input.width: expected `int`, got `float`"),
        ("width = 8", "width = true", "input.width: expected `int`, got `bool`"),
        ("width = 8", "width = 0", "an input of 0 x 6 pixels"),
        ("height = 6", "height = -6", "an input of 8 x -6 pixels"),
        ("fraction = 0.5", "fraction = 0", "crop_fraction"),
        ("fraction = 0.5", "fraction = 1.1", "crop_fraction"),
        ("fraction = 0.5", "fraction = nan", "crop_fraction"),
        ("[1, 2.5, 3]", "127", "input.mean: expected `array | null`, got `int`"),
        ("[1, 2.5, 3]", "[1, 2]", "input.mean: expected `array` of length 3"),
        ("[1, 2.5, 3]", f"[1{400 * '0'}, 2, 3]", "input.mean[0]: number out of range"),
        ("mean = [1, 2.5, 3]\n", "", "input: a float32 input needs mean and std"),
        ("[4, 5, 6]", '[4, 5, "6"]', "input.std[2]: expected `float`, got `str`"),
        ('"crop"', '"pad"', "input.resize_mode: unknown value 'pad'"),
        ('"float32"', '"int8"', "input.dtype: unknown value 'int8'"),
        ('"none"', '"none"\nembedding = 3', "output.embedding: expected `str | null`"),
        ('"none"', '"none"\nembeding = "e"', "output: unknown key `embeding`"),
        ('"float32"', '"uint8"', "input: a uint8 input takes no mean"),
        ('"float32"', '"float32"\nnormalise = "none"', "input: a float32 input needs mean and std"),
        ("[output]", "[outputs]\n[output]", "unknown key `outputs`"),
        ("[output]", "[outputs]", "unknown key `outputs`"),
        ('"weights.onnx"', '"../weights"', "model: weights must be the name of a file"),
        ('"weights.onnx"', '".."', "model: weights must be the name of a file"),
        ('"weights.onnx"', '""', "model: weights must be the name of a file"),
        ('"labels.tsv"', '"/etc/passwd"', "model: labels must be the name of a file"),
    ],
)  # fmt: skip
def test_each_wrong_value_is_named(folder: Path, old: str, new: str, message: str) -> None:
    write_spec(folder, old, new)
    assert refusal(folder).startswith(f"model.toml: {message}")


@pytest.mark.parametrize(
    ("mean", "std", "remedy"),
    [
        ("[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]", "multiply both by 255"),
        ("[123, 116, 103]", "[0.017, 0.017, 0.017]", "multiply both by 255"),
        ("[0, 0, 0]", "[1, 1, 1]", "write std = [255, 255, 255] for pixels in 0..1, or normalise"),
    ],
)
def test_values_that_may_be_for_pixels_in_0_to_1_are_refused(
    folder: Path, mean: str, std: str, remedy: str
) -> None:
    text = SPEC.replace("[1, 2.5, 3]", mean).replace("[4, 5, 6]", std)
    (folder / "model.toml").write_text(text)
    assert remedy in refusal(folder)


def test_raw_pixels_are_written_and_read_as_such(folder: Path) -> None:
    text = re.sub(r"(mean|std) = .*\n", "", SPEC)
    (folder / "model.toml").write_text(text.replace("width = 8", 'width = 8\nnormalise = "none"'))
    spec = read_model_folder(folder)
    assert (spec.preprocess.mean, spec.preprocess.std) == ((0, 0, 0), (1, 1, 1))
    assert read_spec(Attachment("model.toml", to_toml(spec)), folder) == spec


@pytest.mark.parametrize("std", ["[4, 0, 6]", "[4, nan, 6]", "[4, inf, 6]", "[4, true, 6]"])
def test_a_std_that_cannot_divide_is_refused(folder: Path, std: str) -> None:
    write_spec(folder, "[4, 5, 6]", std)
    assert "std" in refusal(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"[model",
        b"x = " + 5000 * b"[",
        b"a." * 100_000 + b"a = 1",
        b'[a."b"' * 100_000,
        # Taken for itself, the second line has the long key in quotes.
        b'x = ["""\n""", {' + b"a." * 1_000_000 + b"a = 1}, '\"']",
    ],
)
def test_invalid_toml_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.toml").write_bytes(content)
    assert refusal(folder).startswith("model.toml is not valid TOML: ")


def test_a_folder_without_spec_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "model.toml cannot be read: No such file or directory"


def test_labels_that_cannot_be_read_are_refused(folder: Path) -> None:
    (folder / "labels.tsv").unlink()
    assert refusal(folder) == "the labels file labels.tsv cannot be read: No such file or directory"


def test_weights_with_another_checksum_are_refused(folder: Path) -> None:
    spec = read_model_folder(folder)
    assert read_unchecked_weights(spec).graph == WEIGHTS
    spec.weights.write_bytes(WEIGHTS + b".")
    with pytest.raises(InvalidModelError, match=r"SHA-256 of weights\.onnx is not"):
        read_unchecked_weights(spec)


def test_weights_that_are_missing_are_refused(folder: Path) -> None:
    spec = replace(read_model_folder(folder), weights=folder / "none")
    with pytest.raises(InvalidModelError, match=r"the weights cannot be read: .*No such file"):
        read_unchecked_weights(spec)


def test_what_is_written_is_read_back(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = replace(read_model_folder(folder), top1_accuracy=0.5, source='a "quoted"\tsource\x7f')
    copy = tmp_path_factory.mktemp("copy")
    write_model_folder(copy, spec, read_unchecked_weights(spec))
    assert read_model_folder(copy) == replace(spec, weights=copy / "weights.onnx")
    assert read_unchecked_weights(read_model_folder(copy)) == read_unchecked_weights(spec)


def test_weights_of_any_name_are_written_and_read_back(folder: Path, tmp_path: Path) -> None:
    name = 'a\\b "c"\n.onnx'
    spec = replace(read_model_folder(folder), weights=folder / name)
    create_model_folder(tmp_path / "new", spec, Weights("onnx", {name: WEIGHTS}))
    assert read_model_folder(tmp_path / "new") == replace(spec, weights=tmp_path / "new" / name)


def test_the_folder_above_the_current_one_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICTELL_MODELS", str(tmp_path / "store"))
    (tmp_path / "model" / "variables").mkdir(parents=True)
    scores = hostile.tensor_info("scores:0", sizes=(-1, 3))
    usual = hostile.signature(
        {"image": hostile.tensor_info("image:0", sizes=(-1, 4, 4, 3))}, {"scores": scores}
    )
    graph = hostile.saved(hostile.classifier(), signatures={"serving_default": usual}).graph
    (tmp_path / "model" / "saved_model.pb").write_bytes(graph)
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    monkeypatch.chdir(tmp_path / "model" / "variables")
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit", size=(4, 4))
    store.add("above", Path(".."), options)
    read_weights(models.find("above"))
    assert list(tmp_path.glob("store/.work/*")) == []


def test_links_in_a_path_are_followed_before_its_dots(tmp_path: Path) -> None:
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "there" / "model.onnx").write_bytes(WEIGHTS)
    (tmp_path / "link").symlink_to(tmp_path / "there" / "deep")
    path = tmp_path / "link" / ".." / "model.onnx"
    assert examine(path, ModelOptions()).model.content.graph == WEIGHTS


def test_the_specs_of_the_package_are_written_as_they_are_read() -> None:
    spec = models.find("default")
    file = Attachment("model.toml", to_toml(spec))
    assert read_spec(file, spec.weights.parent) == replace(spec, calibration=None)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_model_is_found_by_its_folder(folder: Path, kind: type) -> None:
    assert models.find(kind(folder)) == read_model_folder(folder)


@pytest.mark.parametrize(
    "name",
    ["nothing.onnx", "Nothing.PB", "folder/nothing", "a.keras", "a b.H5", "m.xml", "saved.zip"],
)
def test_a_model_file_that_is_not_there_is_named_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModelError) as caught:
        models.find(name)
    assert str(caught.value) == f"{name}: no such file or folder"


@pytest.mark.parametrize("name", ["nothing", "", "a\nb", "x" * 5000, "a\0b"])
def test_an_unknown_model_lists_the_known_ones(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownModelError) as caught:
        models.find(name)
    assert str(caught.value) == (
        f"no model named {name!r}: give one of default, a model's file, "
        "a folder with a model.toml, or a name that pictell models lists"
    )


def test_the_models_of_the_package_are_complete() -> None:
    for name in models.BUILT_IN:
        spec = models.find(name)
        assert read_weights(spec).graph
        assert len({label.name for label in spec.labels}) == len(spec.labels)


def test_the_default_models_labels_are_those_of_imagenet(shared: Path) -> None:
    labels = models.find("default").labels
    with (shared / "facts" / "imagenet_classes.tsv").open(encoding="utf-8", newline="") as stream:
        published = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [label.synset for label in labels] == [row["wnid"] for row in published]
    assert [{label.name, *label.synonyms} for label in labels] == [
        {label.name, *row["names"].split(", ")}
        for label, row in zip(labels, published, strict=True)
    ]
    assert len(labels) == 1000
