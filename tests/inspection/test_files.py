"""Only the files of a model are read, and only from its own folder."""

import hashlib
import os
from pathlib import Path

import pytest

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.inspection import checksum, read_files
from pictell.inspection import model_files as files

BAD_NAMES = [
    "../secret",
    "a/../../secret",
    "..",
    ".",
    "./w",
    "",
    "a//w",
    "a/",
    "/etc/passwd",
    "//server/share",
    "C:/w",
    "C:w",
    "a\\..\\w",
    "w:stream",
    "w\0",
    "w\n",
    "*/_ORT_MEM_ADDR_/*",
    "~/../w",
    "file:///etc/passwd",
    "w\u202ebin.exe",
]


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    for name in ("saved_model.pb", "variables/variables.index", "assets/deep/words.txt", "other"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def refusal(path: Path, *external_data: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_files(path, external_data)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"graph")
    assert read_files(tmp_path / "m.onnx") == {"m.onnx": b"graph"}


def test_external_data_follows_the_graph(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("m.onnx", "deep/w.bin", "a b-1.data"):
        (tmp_path / name).write_text(name)
    read = read_files(tmp_path / "m.onnx", ["deep/w.bin", "a b-1.data"])
    assert list(read) == ["m.onnx", "deep/w.bin", "a b-1.data"]
    assert all(content == name.encode() for name, content in read.items())


@pytest.mark.parametrize("name", BAD_NAMES)
def test_external_data_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(b"graph")
    assert type(refusal(folder / "m.onnx", name)) is UnsafeModelError


@pytest.mark.parametrize("linked", ["w.bin", "deep"])
def test_external_data_behind_a_link_is_refused(tmp_path: Path, linked: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "w.bin").write_text("secret")
    (tmp_path / "m.onnx").write_bytes(b"graph")
    if linked == "deep":
        (tmp_path / "deep").symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "w.bin").symlink_to(tmp_path / "elsewhere" / "w.bin")
    assert type(refusal(tmp_path / "m.onnx", "deep/w.bin")) is UnsafeModelError


def test_external_data_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"graph")
    error = refusal(tmp_path / "m.onnx", "w.bin")
    assert type(error) is InvalidModelError
    assert str(error).startswith("the model's file 'w.bin' is missing: ")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_external_data_must_be_a_regular_file(tmp_path: Path, make) -> None:
    (tmp_path / "m.onnx").write_bytes(b"graph")
    make(tmp_path / "w.bin")
    assert type(refusal(tmp_path / "m.onnx", "w.bin")) is UnsafeModelError


def test_only_the_files_of_a_saved_model_are_read(saved_model: Path) -> None:
    read = read_files(saved_model)
    assert list(read) == ["saved_model.pb", "variables/variables.index", "assets/deep/words.txt"]
    assert all(content == name.encode() for name, content in read.items())
    assert read_files(saved_model / "saved_model.pb") == read


def test_a_file_of_a_saved_model_may_have_a_name_that_is_not_utf_8(saved_model: Path) -> None:
    (saved_model / "assets" / os.fsdecode(b"w\xff")).write_bytes(b"")
    found = read_files(saved_model)
    sums = (f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
    assert checksum(found) == hashlib.sha256(os.fsencode("".join(sums))).hexdigest()


def test_a_saved_model_may_have_only_a_graph(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    assert read_files(tmp_path) == {"saved_model.pb": b"graph"}


@pytest.mark.parametrize("name", ["variables", "variables/more", "assets/deep/words.txt"])
def test_a_saved_model_has_no_links(saved_model: Path, tmp_path: Path, name: str) -> None:
    link = saved_model / name
    if link.exists():
        link.rename(tmp_path / "moved")
    link.symlink_to(tmp_path / "moved" if name != "variables/more" else "/etc/passwd")
    assert type(refusal(saved_model)) is UnsafeModelError


def test_a_saved_model_has_no_pipes(saved_model: Path) -> None:
    os.mkfifo(saved_model / "variables" / "pipe")
    assert type(refusal(saved_model)) is UnsafeModelError


def test_the_model_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"graph")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "m.onnx")
    assert read_files(tmp_path / "link.onnx") == {"link.onnx": b"graph"}


def test_a_model_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with path.open("wb") as sparse:
        sparse.truncate(files.MAX_BYTES + 1)
    assert str(refusal(path)) == "the model has more than 8 GiB"


@pytest.mark.parametrize("name", ["", "nothing.onnx", "x" * 300, "a\0b"])
def test_an_unreadable_file(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path / name)
    assert type(error) is InvalidModelError
    assert str(error).startswith("the weights cannot be read: ")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.onnx")
    assert str(refusal(tmp_path / "m.onnx")).startswith("not a regular file")
