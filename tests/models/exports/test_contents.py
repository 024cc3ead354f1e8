"""A folder that is no model: what could be one in it, and what to give."""

import shlex
from pathlib import Path

import pytest

from exported_folders import LABELS, onnx_network, refusal, write
from pictell.models.bare import describe
from pictell.models.store import local as store
from pictell.options import ModelOptions

GRAPH = onnx_network(layout="NHWC", size=(8, 10))
TEXT = "\n".join(LABELS)


@pytest.mark.parametrize("labels", ["labels.txt", "classes.json", "data.yaml"])
def test_a_model_and_its_labels_are_named(tmp_path: Path, labels: str) -> None:
    text = {"classes.json": '["cat", "dog", "bird", "fish"]', "data.yaml": "names: [a, b, c, d]"}
    folder = write(tmp_path / "my model", {"net.onnx": GRAPH, labels: text.get(labels, TEXT)})
    message = refusal(folder)
    assert f"net.onnx and {labels}" in message
    words = shlex.split(message.partition(": give ")[2])
    assert words == ["--model", f"{folder}/net.onnx", "--labels", f"{folder}/{labels}"]
    given = ModelOptions(labels=words[3], preset="unit")
    assert len(describe(Path(words[1]), given).labels) == len(LABELS)


def test_of_several_labels_none_is_advised(tmp_path: Path) -> None:
    folder = write(tmp_path, {"net.onnx": GRAPH, "a.txt": TEXT, "b.txt": TEXT})
    assert refusal(folder).endswith(f"give --model {folder}/net.onnx")


def test_labels_that_cannot_be_read_are_not_advised(tmp_path: Path) -> None:
    files = {"net.onnx": GRAPH, "labels.txt": TEXT, "notes.json": '{"a": [', "empty.txt": ""}
    folder = write(tmp_path, files)
    assert refusal(folder).endswith(f"--labels {folder}/labels.txt")


def test_several_models(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.onnx": GRAPH, "b.onnx": GRAPH, "c.onnx": b"not a model"})
    assert "a.onnx, b.onnx: give one of them" in refusal(folder)


def test_a_model_in_a_folder_in_it(tmp_path: Path) -> None:
    folder = write(tmp_path, {"inner/saved_model.pb": b"", "README.md": "#"})
    assert f"give --model {folder}/inner" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("model.h5", b"\x89HDF\r\n\x1a\n", "Keras"),
        ("model.pt", b"\x80\x02}q\x00.", "pickle"),
        ("model.json", b'{"format": "graph-model", "modelTopology": {}}', "TensorFlow.js"),
        ("model.task", b"PK\x03\x04hand.tflite", "MediaPipe"),
    ],
)
def test_a_file_that_pictell_does_not_run_says_why(
    tmp_path: Path, name: str, content: bytes, named: str
) -> None:
    message = refusal(write(tmp_path, {name: content}))
    assert name in message
    assert named in message


def test_nothing_that_could_be_a_model(tmp_path: Path) -> None:
    assert "nor the file of a model" in refusal(write(tmp_path, {"notes.txt": "hello"}))


def test_a_config_of_another_program(tmp_path: Path) -> None:
    folder = write(tmp_path, {"config.json": {"port": 80}, "net.onnx": GRAPH})
    assert f"give --model {folder}/net.onnx" in refusal(folder)


def test_a_folder_of_another_tool_in_the_store(tmp_path: Path) -> None:
    from exported_folders import hugging_face

    store.add("from-hugging-face", hugging_face(tmp_path))
    try:
        folder = store.folder_of("from-hugging-face")
        assert folder is not None
        assert (folder / "model.toml").is_file()
        assert not (folder / "config.json").exists()
    finally:
        store.remove("from-hugging-face")


@pytest.mark.parametrize("name", ["photo.jpg", "cat/photo.PNG"])
def test_a_folder_of_pictures_leads_to_the_training(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, {name: b"", "notes.md": "#"})
    assert "pictell train" in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_weights_alone_say_how_their_folder_is_exported(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, {name: b"\x0f\0\0\0\0\0\0\0" + b'{"a":{"x":[0]}}'})
    assert "optimum-cli export onnx --task" not in refusal(folder / name)
    write(folder, {"config.json": {"model_type": "vit"}})
    assert f"--model {folder} {folder}/onnx" in refusal(folder / name)
    write(folder, {"config.json": {"pretrained_cfg": {"tag": "a1_in1k"}}})
    assert "timm.create_model" in refusal(folder / name)
