"""Formats are detected from bytes; for other files the error names the format in one line."""

import bz2
import gzip
import lzma
import os
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from ai_edge_litert.schema_py_generated import BuiltinOperator

import pictell
from hostile_models import classifier, graph_def, onnx_model, saved, tflite, tflite_model
from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.inspection.sniff import sniff_format

NOBODY = 65534
KINDS = "pictell reads ONNX, TFLite, OpenVINO, frozen TensorFlow graphs and SavedModels"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model"


def refusal(path: Path, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        sniff_format(path)
    message = str(caught.value)
    assert type(caught.value) is error
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    "name", ["model", "model.onnx", "model.txt", "model.ckpt-8.pb", "ckpt.tflite"]
)
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("onnx", onnx_model().SerializeToString()),
        ("frozen-graph", graph_def(classifier()).SerializeToString()),
        ("tflite", tflite(tflite_model(BuiltinOperator.SOFTMAX))),
    ],
)
def test_the_content_decides(tmp_path: Path, name: str, kind: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert sniff_format(path) == kind


def test_the_default_model_is_onnx() -> None:
    assert sniff_format(Path(pictell.__file__).parent / "models/default/weights.onnx") == "onnx"


def test_real_models(shared: Path) -> None:
    models = shared / "models"
    assert {sniff_format(path) for path in models.rglob("*.pb")} == {"frozen-graph"}
    assert {sniff_format(path) for path in models.rglob("*.tflite")} == {"tflite"}


def test_a_saved_model_by_its_folder_or_graph(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(saved(classifier()).graph)
    assert sniff_format(tmp_path) == "saved-model"
    assert sniff_format(tmp_path / "saved_model.pb") == "saved-model"


def test_a_saved_model_graph_by_another_name_needs_its_folder(file: Path) -> None:
    file.write_bytes(saved(classifier()).graph)
    assert refusal(file, InvalidModelError).startswith("the graph of a SavedModel: give its folder")


class Harmless:
    """A class whose pickle imports this module."""


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("content", [{"a": 1}, ["cat"], Harmless(), (1, 2), np.ones(3)])
def test_pickles_are_unsafe(file: Path, protocol: int, content: object) -> None:
    path = file.with_suffix(".pkl")
    path.write_bytes(pickle.dumps(content, protocol))
    assert refusal(path, UnsafeModelError).startswith("a pickle, ")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("content", [{"a": 1}, ["cat"], Harmless()])
def test_pickles_by_another_name_are_unsafe(file: Path, protocol: int, content: object) -> None:
    file.write_bytes(pickle.dumps(content, protocol))
    refusal(file, UnsafeModelError)


@pytest.mark.parametrize("new_container", [True, False])
@pytest.mark.parametrize("name", ["model.pth", "model.pt", "model.bin", "model.onnx"])
def test_torch_files_are_unsafe(tmp_path: Path, new_container: bool, name: str) -> None:
    path = tmp_path / name
    state = {"weight": torch.ones(3)}
    torch.save(state, path, _use_new_zipfile_serialization=new_container)
    assert "pickle" in refusal(path, UnsafeModelError)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model"])
def test_keras_hdf5_is_unsafe(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / name, "w") as h5:
        h5["weights"] = np.ones(3)
    assert "Keras" in refusal(tmp_path / name, UnsafeModelError)


def test_a_keras_archive_is_unsafe(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    assert "Keras" in refusal(file, UnsafeModelError)


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (["m/archive_format", "m/models/model.json", "m/data/x.pt"], InvalidModelError, "torch.ex"),
        (["m/constants.pkl", "m/code/a.py", "m/data.pkl"], UnsafeModelError, "TorchScript"),
        (["m/data.pkl", "m/data/0", "m/config.json"], UnsafeModelError, "pickle"),
    ],
)
def test_archives_are_named_by_what_is_in_them(
    file: Path, names: list[str], error: type[Exception], words: str
) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    assert words in refusal(file, error)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("net.mlmodel", b"\x08\x01\x12\x00\xa2\x1f\x00", "Core ML"),
        ("net.safetensors", b"\x02\0\0\0\0\0\0\0{}", "safetensors"),
        ("net.pdiparams", b"\0\0\0\0\0\0", "PaddlePaddle"),
        ("net.cfg", b"[net]\nwidth=224\n", "darknet"),
        ("net.bin", b"\0\x01\x02", "OpenVINO"),
    ],
)
def test_files_of_other_programs_are_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name, InvalidModelError)


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n"


@pytest.mark.parametrize("name", ["model", "model.onnx", "model.pt", "model.keras", "net.xml"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LFS_POINTER, "git lfs pull"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
        (b'<html lang="fr">\xe9', "a web page"),
    ],
)
def test_what_a_download_gives_instead_of_a_model(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name, InvalidModelError)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x1c\0\0\0ET12" + bytes(30), "ExecuTorch"),
        (b"GGUF\x03\0\0\0" + bytes(30), "llama.cpp"),
        (b'\x0f\0\0\0\0\0\0\0{"a":{"x":[0]}}\0\0', "safetensors"),
        (b'{"nodes": [{"op": "null"}], "arg_nodes": [0], "heads": [[3, 0, 0]]}', "MXNet"),
        (b'{"base_code": {"magic": "pir", "version": 1}}', "PaddlePaddle"),
        (b'{"format": "layers-model", "modelTopology": {}}', "TensorFlow.js"),
        (b'{"class_name": "Sequential", "config": {}}', "Keras"),
        (gzip.compress(b"model"), "unpack"),
        (bz2.compress(b"model"), "unpack"),
        (lzma.compress(b"model"), "unpack"),
        (bytes(257) + b"ustar" + bytes(250), "unpack"),
    ],
)
def test_files_of_other_programs_are_named_by_their_content(
    file: Path, content: bytes, words: str
) -> None:
    file.write_bytes(content)
    assert words in refusal(file, InvalidModelError)


def test_a_folder_of_core_ml_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.mlpackage").mkdir()
    assert "Core ML" in refusal(tmp_path / "net.mlpackage", InvalidModelError)


def test_another_archive_must_be_unpacked(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model.pb", b"x")
    assert refusal(file, InvalidModelError) == f"a zip archive: unpack it first; {KINDS}"


@pytest.mark.parametrize(
    "name",
    ["model.ckpt", "model.ckpt-8.index", "model.meta", "a.data-00000-of-00001", "checkpoint"],
)
def test_a_checkpoint_must_be_frozen(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00\x01\x02 any bytes")
    assert refusal(path, InvalidModelError).startswith("a checkpoint ")
    assert "checkpoint" in refusal(tmp_path, InvalidModelError)


@pytest.mark.parametrize("text", ["node {\n", "\n# made\nversions: 3\n", "ir_version: 8\n"])
def test_graphs_in_text_form(file: Path, text: str) -> None:
    file.write_text(text)
    assert refusal(file, InvalidModelError) == ("the graph is in text form: save it in binary form")


@pytest.mark.parametrize(
    "text", ["cat\ndog\nlion\n", "dog\nfox", "\n\n", "chien\nchêne\n", "a" * 99_999]
)
def test_labels_are_not_a_model(file: Path, text: str) -> None:
    file.write_text(text)
    assert refusal(file, InvalidModelError).startswith("a text file, such as labels")


def test_a_text_cut_in_the_middle_of_a_character(file: Path) -> None:
    file.write_text("x" + "é" * 99_999)
    assert "a text file" in refusal(file, InvalidModelError)


def test_onnx_runtimes_own_format(file: Path) -> None:
    file.write_bytes(b"\x10\0\0\0ORTM" + bytes(100))
    assert "ONNX Runtime's own format" in refusal(file, InvalidModelError)


@pytest.mark.parametrize(
    "content",
    [b"\0" * 100, b"\x93NUMPY\x01\x00v", b"\x0a\x03abc\x9a\x01\x00", b"\xff"],
)
def test_anything_else(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert refusal(file, InvalidModelError) == f"not a model, or damaged: {KINDS}"


def test_an_empty_file(file: Path) -> None:
    file.touch()
    assert refusal(file, InvalidModelError) == "the file is empty"


def test_a_missing_file(file: Path) -> None:
    assert refusal(file, InvalidModelError) == "the model cannot be read: No such file or directory"


def test_an_impossible_name() -> None:
    assert "cannot be read" in refusal(Path("a\0b"), InvalidModelError)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop the rights of root, who may read every file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_an_unreadable_file(file: Path) -> None:
    file.write_bytes(b"x")
    file.chmod(0)
    with as_nobody():
        assert refusal(file, InvalidModelError) == "the model cannot be read: Permission denied"


def test_a_pipe_is_not_waited_for(file: Path) -> None:
    os.mkfifo(file)
    assert refusal(file, InvalidModelError).startswith("not a regular file")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    assert refusal(tmp_path, InvalidModelError).startswith("the folder has neither model.toml")


def test_a_saved_model_in_text_form(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pbtxt").touch()
    assert refusal(tmp_path, InvalidModelError) == (
        "the SavedModel is in text form: save it in binary form"
    )


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    content = onnx_model().SerializeToString()
    path = tmp_path / "large.onnx"
    with path.open("wb") as sparse:
        sparse.write(content)
        # One more field, ``doc_string``, with 4 GB in it; the file system stores none of them.
        sparse.write(b"\x32\x80\xa8\xd6\xb9\x07")
        sparse.truncate(len(content) + 2_000_000_000)
    assert sniff_format(path) == "onnx"


@pytest.mark.parametrize(
    ("content", "program"),
    [
        (b"tree\nversion=v4\nnum_class=1\n", "LightGBM"),
        (b'{"learner":{"attributes":{}},"version":[2,1,0]}', "XGBoost"),
        (b"{L\0\0\0\0\0\0\0\x07learner{L\0", "XGBoost"),
        (b"binf\0\0\0?", "XGBoost"),
        (b"CBM1\x10\0\0\0", "CatBoost"),
    ],
)
def test_a_model_for_tables_says_so(file: Path, content: bytes, program: str) -> None:
    file.write_bytes(content)
    message = refusal(file, InvalidModelError)
    assert message.startswith(f"a model of {program}, which takes tables")
    assert "pictell train" in message


@pytest.mark.parametrize(
    "name",
    ["fingerprint.pb", "keras_metadata.pb", "variables", "variables/variables.index", "assets"],
)
def test_a_part_of_a_saved_model_leads_to_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "assets").mkdir()
    for part in ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb"):
        (tmp_path / part).write_bytes(b"\x08\x01\x12\x00")
    (tmp_path / "variables" / "variables.index").write_bytes(b"\0")
    message = refusal(tmp_path / name, InvalidModelError)
    assert message == f"a part of a SavedModel: give its folder, {tmp_path}"


def test_the_root_folder_is_no_model() -> None:
    assert refusal(Path("/"), InvalidModelError).startswith("the folder has neither")
