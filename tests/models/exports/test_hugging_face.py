"""Folders of transformers, with an ONNX file."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pictell
from exported_folders import (
    ID2LABEL,
    LABELS,
    PROCESSOR,
    hugging_face,
    onnx_network,
    refusal,
    write,
)
from pictell.errors import ModelWarning
from pictell.models.bare import describe
from pictell.options import ModelOptions
from pictell.types import Label
from small_networks import run

CONFIG = {"id2label": ID2LABEL, "model_type": "vit"}


def test_everything_is_stated(tmp_path: Path) -> None:
    spec = describe(hugging_face(tmp_path), ModelOptions())
    assert spec.weights == tmp_path / "model.onnx"
    assert spec.labels == tuple(map(Label, LABELS))
    assert (spec.input_name, spec.output_name, spec.activation) == (
        "pixel_values",
        "logits",
        "softmax",
    )
    image = spec.preprocess
    assert (image.width, image.height, image.layout, image.channels) == (10, 8, "NCHW", "RGB")
    assert (image.resize_mode, image.crop_fraction, image.interpolation) == (
        "squash",
        1,
        "bilinear",
    )
    assert (image.mean, image.std) == ((127.5,) * 3, (127.5,) * 3)


def test_the_answers_are_those_of_the_network(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (8, 10, 3), np.uint8)
    with pictell.load(hugging_face(tmp_path)) as classifier:
        result = classifier.classify(Image.fromarray(pixels))
    image = (pixels.transpose(2, 0, 1)[None].astype(np.float32) - 127.5) / 127.5
    (logits,) = run(onnx_network(), image)
    expected = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert result.top is not None
    assert result.top.label == LABELS[int(expected.argmax())]
    assert result.top.score == pytest.approx(float(expected.max()), abs=1e-5)


def test_the_case(shared: Path) -> None:
    spec = describe(shared / "cases" / "models" / "hf", ModelOptions())
    assert spec.labels == (Label("cat"), Label("dog"), Label("bird"))
    assert (spec.preprocess.width, spec.preprocess.resize_mode) == (32, "squash")


@pytest.mark.parametrize(
    "name", ["onnx/model.onnx", "model_quantized.onnx", "onnx/model_fp16.onnx", "vit.onnx"]
)
def test_where_the_graph_may_lie(tmp_path: Path, name: str) -> None:
    write(hugging_face(tmp_path, model=None), {name: onnx_network()})
    assert describe(tmp_path, ModelOptions()).weights == tmp_path / name


def test_of_several_graphs_model_onnx_is_taken(tmp_path: Path) -> None:
    write(hugging_face(tmp_path), {"model_int8.onnx": b"", "onnx/model.onnx": b""})
    assert describe(tmp_path, ModelOptions()).weights == tmp_path / "model.onnx"


def test_several_graphs_without_it(tmp_path: Path) -> None:
    graphs = {"onnx/model_fp16.onnx": onnx_network(), "onnx/model_q4.onnx": onnx_network()}
    folder = write(hugging_face(tmp_path, model=None), graphs)
    assert "rename the one to use to model.onnx" in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "tf_model.h5"])
def test_weights_without_a_graph(tmp_path: Path, name: str) -> None:
    folder = write(hugging_face(tmp_path, model=None), {name: b"\x00" * 64})
    message = refusal(folder)
    assert name in message
    assert f"--task image-classification --model {folder} {folder}/onnx" in message


@pytest.mark.parametrize(
    ("values", "activation"),
    [
        ({}, "softmax"),
        ({"problem_type": "single_label_classification"}, "softmax"),
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"problem_type": None}, "softmax"),
    ],
)
def test_the_problem_decides_the_activation(
    tmp_path: Path, values: dict[str, Any], activation: str
) -> None:
    spec = describe(hugging_face(tmp_path, config=CONFIG | values), ModelOptions())
    assert spec.activation == activation


@pytest.mark.parametrize(
    "name", ["DetrForObjectDetection", "SegformerForSemanticSegmentation", "BertForMaskedLM"]
)
def test_other_tasks_are_named(tmp_path: Path, name: str) -> None:
    assert name in refusal(hugging_face(tmp_path, config=CONFIG | {"architectures": [name]}))


@pytest.mark.parametrize(
    "name", ["DeiTForImageClassificationWithTeacher", "MineForImageClassification", "ResNetMine"]
)
def test_other_classes_of_classifiers(tmp_path: Path, name: str) -> None:
    config = CONFIG | {"architectures": [name]}
    assert describe(hugging_face(tmp_path, config=config), ModelOptions()).labels


def test_the_folder_in_it_leads_to_the_folder(tmp_path: Path) -> None:
    folder = write(hugging_face(tmp_path, model=None), {"onnx/model.onnx": onnx_network()})
    assert f"give {folder}, with config.json" in refusal(folder / "onnx")


def test_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hugging_face(tmp_path / "mine"))
    assert describe(Path(), ModelOptions()).labels
    (tmp_path / "mine" / "config.json").write_text("[")
    assert refusal(Path()).startswith("mine: config.json: ")


def test_regression_is_no_classification(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path, config=CONFIG | {"problem_type": "regression"})
    assert "problem_type is regression" in refusal(folder)


def test_probabilities_in_the_graph_stay_as_they_are(tmp_path: Path) -> None:
    spec = describe(hugging_face(tmp_path, model=onnx_network("softmax")), ModelOptions())
    assert spec.activation == "none"


def test_only_label2id(tmp_path: Path) -> None:
    config = {"label2id": {"b": "1", "a": "0", "d": "3", "c": "2"}, "model_type": "vit"}
    spec = describe(hugging_face(tmp_path, config=config), ModelOptions())
    assert [label.name for label in spec.labels] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"model_type": "vit"}, "give --labels FILE"),
        ({"id2label": {"0": "cat", "2": "dog"}}, "config.json: id2label"),
        ({"id2label": {"0": "cat", "1": "dog"}}, "2 labels for an output of 4 classes"),
        ({"id2label": ID2LABEL, "label2id": {"cat": 1}}, "id2label and label2id disagree"),
        ({"id2label": ID2LABEL, "label2id": {"cat": "\n"}}, "disagree about class"),
        ({"id2label": {"0": "LABEL_0"}, "label2id": {"cat": 0}}, "disagree about class 0"),
        ({"id2label": {"0": ""}}, "label 1 is empty"),
    ],
)
def test_labels_that_do_not_fit_are_replaced_by_the_users(
    tmp_path: Path, config: dict[str, Any], named: str
) -> None:
    folder = hugging_face(tmp_path / "hf", config=config)
    assert named in refusal(folder)
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\nd\n")
    spec = describe(folder, ModelOptions(labels=names))
    assert [label.name for label in spec.labels] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"id2label": [1, 2]}',
        '{"id2label": {"0": 7}}',
        '{"id2label": {"0": "a"}, "num_labels": "many"}',
        '{"model_type": NaN}',
        '{"id2label": ' + "[" * 100_000,
        '{"model_type": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"model_type": ["vit"]}',
        '{"model_type": "' + "v" * 100_000 + '", "problem_type": "x"}',
        '{"model_type": "\\ud800"}',
        '{"num_labels": 1' + "0" * 5000 + ', "model_type": "vit"}',
    ],
)
def test_hostile_configs_are_one_line_that_names_the_file(tmp_path: Path, content: str) -> None:
    assert "config.json" in refusal(hugging_face(tmp_path, config=content))


def test_a_mean_that_is_no_number(tmp_path: Path) -> None:
    text = json.dumps(PROCESSOR).replace("0.5", "NaN")
    message = refusal(hugging_face(tmp_path, preprocessor_config=text))
    assert "preprocessor_config.json" in message
    text = json.dumps(PROCESSOR).replace("0.5", "1e999")
    assert "preprocessor_config.json" in refusal(hugging_face(tmp_path, preprocessor_config=text))


def test_without_preprocessing_the_user_gives_it(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path, preprocessor_config=None)
    assert "give --mean and --std" in refusal(folder, ModelOptions(size=(10, 8)))
    given = ModelOptions(size=(10, 8), preset="unit")
    assert describe(folder, given).preprocess.std == (255,) * 3


def test_options_win_over_the_folder(tmp_path: Path) -> None:
    given = ModelOptions(mean=(1, 2, 3), std=(4, 5, 6), resize_mode="crop", activation="sigmoid")
    spec = describe(hugging_face(tmp_path), given)
    assert (spec.preprocess.mean, spec.preprocess.std) == ((1, 2, 3), (4, 5, 6))
    assert (spec.preprocess.resize_mode, spec.activation) == ("crop", "sigmoid")


def test_what_pictell_cannot_do_may_be_replaced(tmp_path: Path) -> None:
    processor = PROCESSOR | {"image_processor_type": "MineImageProcessor"}
    folder = hugging_face(tmp_path, preprocessor_config=processor)
    assert "'MineImageProcessor'" in refusal(folder)
    partly = ModelOptions(resize_mode="squash", size=(10, 8), mean=(1, 2, 3), std=(4, 5, 6))
    assert "--interpolation" in refusal(folder, partly)
    spec = describe(folder, ModelOptions(preset="torchvision", size=(10, 8)))
    assert spec.preprocess.crop_fraction == 0.875


def test_the_new_file_of_a_processor(tmp_path: Path) -> None:
    nested = {"processor_class": "CLIPProcessor", "image_processor": PROCESSOR}
    folder = hugging_face(tmp_path, preprocessor_config=None, processor_config=nested)
    assert describe(folder, ModelOptions()).preprocess.width == 10


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.onnx"])
def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    folder = hugging_face(tmp_path / "hf")
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    assert "link" in refusal(folder)


def test_a_linked_folder_of_graphs(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path / "hf", model=None)
    write(tmp_path, {"elsewhere/model.onnx": onnx_network()})
    (folder / "onnx").symlink_to(tmp_path / "elsewhere")
    assert "link" in refusal(folder)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path, config=None)
    os.mkfifo(folder / "config.json")
    assert "config.json" in refusal(folder)


def test_code_is_not_run(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    config = CONFIG | {"auto_map": {"AutoModel": "modeling_mine.Mine"}}
    folder = write(hugging_face(tmp_path / "hf", config=config), {"modeling_mine.py": code})
    describe(folder, ModelOptions())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx"])
def test_for_the_file_alone_the_folder_is_advised(tmp_path: Path, name: str) -> None:
    folder = write(hugging_face(tmp_path, model=None), {name: onnx_network()})
    message = refusal(folder / name)
    assert f"give its folder, {folder}" in message
    (folder / "config.json").write_text('{"id2label": {"0": "only one"}}')
    # The folder would not do either.
    assert "give its folder" not in refusal(folder / name)


def test_a_file_alone_warns_of_what_its_folder_asks_for(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path)
    labels = write(tmp_path, {"labels.txt": "\n".join(LABELS)}) / "labels.txt"
    options = ModelOptions(labels=labels, size=(10, 8), activation="softmax")
    complete = replace(options, preset="unit")
    assert describe(folder / "model.onnx", complete).preprocess.std == (255,) * 3
    partly = replace(options, mean=(0,) * 3, std=(255,) * 3, crop_fraction=0.9, resize_mode="crop")
    describe(folder / "model.onnx", partly)
    write(folder, {"preprocessor_config.json": PROCESSOR | {"resample": 4}})
    describe(folder / "model.onnx", complete)
    with pytest.warns(
        ModelWarning, match=r"preprocessor_config.json beside it does not fit: .*--in"
    ):
        describe(folder / "model.onnx", partly)
