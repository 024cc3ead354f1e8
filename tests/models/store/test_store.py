"""The store: models are pulled from a real server, imported and removed, by several processes."""

import hashlib
import io
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from urllib3 import Retry

from file_server import FileServer, cut_after, stall_after
from pictell import models
from pictell.errors import (
    InvalidModelError,
    ModelUnavailableError,
    StoreError,
    UnknownModelError,
    UnsafeModelError,
    UsageError,
)
from pictell.graphs import Weights
from pictell.models.calibration_file import read_calibration
from pictell.models.folder import read_model_folder, read_weights
from pictell.models.single_file import write_single_file
from pictell.models.store import catalog
from pictell.models.store import local as store
from pictell.models.store.catalog import Row
from pictell.models.store.pull import pull
from pictell.options import ModelOptions
from pictell.types import ModelSpec
from waiting import wait_until

AT_ONCE = Retry(2)  # without waiting
GRAPH, LABELS = "tensorflow_inception_graph.pb", "imagenet_comp_graph_label_strings.txt"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("PICTELL_MODELS", str(folder))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as file_server:
        yield file_server


@pytest.fixture(scope="session")
def graph(shared: Path) -> Path:
    return shared / "models" / "mobilenet_v1_0.25_128_frozen" / "frozen_graph.pb"


@pytest.fixture(scope="session")
def bird(shared: Path) -> Path:
    return shared / "models" / "coral" / "mobilenet_v2_1.0_224_inat_bird_quant.tflite"


@pytest.fixture
def row(server: FileServer, graph: Path) -> Row:
    """A model published as inception5h is: a zip with the graph, its labels and a licence."""
    labels = "".join(f"thing {index}\n" for index in range(994)).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("LICENSE", "free")
        archive.writestr(GRAPH, graph.read_bytes())
        archive.writestr(LABELS, labels)
    return published(server, graph, file.getvalue(), "inception5h.zip")


def published(server: FileServer, graph: Path, content: bytes, file_name: str) -> Row:
    server.files[f"/{file_name}"] = content
    known = catalog.find("inception5h")
    return replace(
        known,
        name="inception5h-like",
        download=server.download(file_name),
        weights_sha256=(hashlib.sha256(graph.read_bytes()).hexdigest(),),
        options=replace(
            known.options, output_name="MobilenetV1/Predictions/Reshape_1", size=(128, 128)
        ),
    )


def files_below(folder: Path) -> list[str]:
    """Every file except locks."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def model_files(row: Row) -> list[str]:
    return [f"{row.name}/{name}" for name in ("labels.tsv", "model.toml", GRAPH)]


# --- pulled


def test_pull_and_remove(row: Row, root: Path) -> None:
    assert store.installed() == {}
    folder = pull(row, retries=AT_ONCE)
    assert folder == root / row.name == store.folder_of(row.name)
    assert files_below(root) == model_files(row)
    spec = models.find(row.name)
    assert spec.name == row.name
    assert spec.preprocess.interpolation == "bilinear-tf1"
    assert spec.preprocess.mean == (117.0, 117.0, 117.0)
    assert spec.preprocess.resize_mode == "squash"
    assert len(spec.labels) == 1001
    assert spec.labels[993].name == "thing 993"
    assert (spec.licence, spec.source) == (row.licence, row.source)
    read_weights(spec)
    assert list(store.installed()) == [row.name]
    store.remove(row.name)
    assert store.installed() == {}
    assert files_below(root) == []
    assert list(root.glob(".work/*")) == []


def test_an_installed_model_is_not_downloaded_again(row: Row, server: FileServer) -> None:
    pull(row, retries=AT_ONCE)
    server.requests.clear()
    pull(row, retries=AT_ONCE)
    pull(row, offline=True)
    assert server.requests == []


def test_a_damaged_model_is_replaced(row: Row, root: Path) -> None:
    folder = pull(row, retries=AT_ONCE)
    for name in (GRAPH, "model.toml", "labels.tsv"):
        (folder / name).write_bytes(b"damaged")
        pull(row, retries=AT_ONCE)
        read_weights(read_model_folder(folder))
    assert files_below(root) == model_files(row)


def test_a_bare_file_with_its_own_labels(server: FileServer, bird: Path, root: Path) -> None:
    known = catalog.find("mobilenet_v2_1.0_224_inat_bird_quant")
    labels = bird.with_name("inat_bird_labels.txt")
    for path in (bird, labels):
        server.files[f"/{path.name}"] = path.read_bytes()
    pull(
        replace(
            known, download=server.download(bird.name), labels_download=server.download(labels.name)
        )
    )
    spec = models.find(known.name)
    assert spec.sha256 in known.weights_sha256
    assert spec.labels[0].name == "Haemorhous cassinii (Cassin's Finch)"
    assert len(spec.labels) == 965
    assert len(files_below(root)) == 3


def test_a_tar_with_pictells_own_labels(server: FileServer, graph: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.add(graph, f"./{GRAPH}")
    row = published(server, graph, file.getvalue(), "net.tgz")
    options = replace(row.options, labels=catalog.IMAGENET, background=True, unlabelled=None)
    pull(replace(row, labels=catalog.IMAGENET, options=options))
    labels = models.find(row.name).labels
    assert (labels[0].name, labels[1].name, len(labels)) == ("background", "tench", 1001)


def test_progress_is_reported(row: Row) -> None:
    reported: list[tuple[int, int]] = []
    pull(row, report=lambda have, total: reported.append((have, total)))
    assert reported[0] == (0, row.download.bytes)
    assert reported[-1] == (row.download.bytes, row.download.bytes)


def test_a_mirror_that_is_a_folder(row: Row, server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "usb" / row.name).mkdir(parents=True)
    (tmp_path / "usb" / row.name / "inception5h.zip").write_bytes(server.files["/inception5h.zip"])
    pull(row, mirror=str(tmp_path / "usb"), offline=True)
    assert list(store.installed()) == [row.name]
    assert server.requests == []


def test_offline_pull_does_nothing(row: Row, server: FileServer, root: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"save http://.*/inception5h\.zip as"):
        pull(row, offline=True)
    assert not root.exists()
    assert server.requests == []


def test_a_row_without_a_download() -> None:
    with pytest.raises(ModelUnavailableError, match="pictell models import"):
        pull(catalog.find("mobilenet_v1_0.25_128_frozen"))


# --- pulls that fail


def test_a_tampered_download_is_not_kept(row: Row, root: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="checksum differs"):
        pull(replace(row, download=replace(row.download, checksum="0" * 64)), retries=AT_ONCE)
    assert store.installed() == {}
    assert files_below(root) == []


def test_an_archive_with_paths_that_lead_out(server: FileServer, graph: Path, root: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"../{GRAPH}", b"evil")
        archive.writestr(LABELS, b"x")
    row = published(server, graph, file.getvalue(), "evil.zip")
    with pytest.raises(InvalidModelError, match="no member"):
        pull(row, retries=AT_ONCE)
    assert list(root.parent.rglob(GRAPH)) == []
    assert store.installed() == {}


def test_an_archive_of_links(server: FileServer, graph: Path, root: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        link = tarfile.TarInfo(GRAPH)
        link.type, link.linkname = tarfile.SYMTYPE, str(graph)
        archive.addfile(link)
        filler = random.Random(4).randbytes(50_000)
        other = tarfile.TarInfo("checkpoint")
        other.size = len(filler)
        archive.addfile(other, io.BytesIO(filler))
    row = published(server, graph, file.getvalue(), "links.tgz")
    with pytest.raises(UnsafeModelError, match="not a regular file"):
        pull(row, retries=AT_ONCE)
    assert store.installed() == {}


def test_another_graph_than_in_the_catalogue(row: Row) -> None:
    with pytest.raises(InvalidModelError, match="not the file in the catalogue"):
        pull(replace(row, weights_sha256=("0" * 64,)), retries=AT_ONCE)
    assert store.installed() == {}


def test_an_interrupted_download_continues_next_time(
    row: Row, server: FileServer, root: Path
) -> None:
    server.faults += [cut_after(100_000), *[cut_after(0)] * 2]
    with pytest.raises(ModelUnavailableError):
        pull(row, retries=AT_ONCE)
    assert files_below(root) == [f".work/{row.name}/{row.download.checksum}.part"]
    server.requests.clear()
    pull(row, retries=AT_ONCE)
    assert server.ranges() == ["bytes=100000-"]
    assert files_below(root) == model_files(row)


def test_a_model_that_does_not_fit_on_the_disk_is_not_downloaded(
    row: Row, server: FileServer
) -> None:
    with pytest.raises(StoreError, match=r"inception5h-like needs 2000000000 MB in .* MB are free"):
        pull(replace(row, download=replace(row.download, bytes=10**15)))
    assert server.requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no folders")
def test_a_store_that_cannot_be_written(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bird: Path
) -> None:
    (tmp_path / "file").touch()
    labels = ModelOptions(labels=bird.with_name("inat_bird_labels.txt"))
    for folder in (tmp_path / "file" / "store", tmp_path / "file", Path("/proc/models")):
        monkeypatch.setenv("PICTELL_MODELS", str(folder))
        with pytest.raises(StoreError, match=f"model store {folder} cannot be used: "):
            pull(row)
        with pytest.raises(StoreError):
            store.add("bird", bird, labels)
        assert store.folder_of("bird") is None


# --- several processes, killed processes

SCRIPT = """
import pickle, resource, sys
from pathlib import Path
from pictell.errors import PictellError
from pictell.models.store.pull import pull
row, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    print(pull(pickle.loads(Path(row).read_bytes())))
except PictellError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def start(row: Row, tmp_path: Path, largest_file: int = 0) -> subprocess.Popen[str]:
    (tmp_path / "row").write_bytes(pickle.dumps(row))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "row"), str(largest_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_several_processes_download_a_model_once(
    row: Row, server: FileServer, tmp_path: Path, root: Path
) -> None:
    processes = [start(row, tmp_path) for _ in range(3)]
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert (output.strip(), errors) == (str(root / row.name), "")
    assert len(server.requests) == 1
    assert files_below(root) == model_files(row)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_pull_continues(
    number: signal.Signals, row: Row, server: FileServer, tmp_path: Path, root: Path
) -> None:
    server.faults.append(stall_after(500_000))
    process = start(row, tmp_path)
    part = root / ".work" / row.name / f"{row.download.checksum}.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 200_000)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert store.installed() == {}
    have = part.stat().st_size
    pull(row, retries=AT_ONCE)
    assert server.ranges() == [None, f"bytes={have}-"]
    assert files_below(root) == model_files(row)
    assert list(root.glob(".work/*")) == []


def test_a_disk_that_fills_up_while_unpacking(
    row: Row, server: FileServer, graph: Path, tmp_path: Path, root: Path
) -> None:
    # The archive fits, what is in it does not.
    process = start(row, tmp_path, largest_file=(row.download.bytes + graph.stat().st_size) // 2)
    _, errors = process.communicate(timeout=60)
    assert errors == f"StoreError: the model store {root} cannot be used: File too large\n"
    assert files_below(root) == [f".work/{row.name}/{row.download.checksum}.part"]
    pull(row, retries=AT_ONCE)
    assert len(server.requests) == 1
    assert files_below(root) == model_files(row)


def test_work_that_was_left_long_ago_is_removed(row: Row, root: Path) -> None:
    pull(row, retries=AT_ONCE)
    for name, days in (("killed", 8), ("broken-off", 6)):
        (root / ".work" / name / ".draft-1").mkdir(parents=True)
        (root / ".work" / name / "x.part").touch()
        age(root / ".work" / name, days)
    store.remove(row.name)
    assert [path.name for path in root.glob(".work/*")] == ["broken-off"]


def age(folder: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    for path in [*folder.iterdir(), folder]:
        os.utime(path, (then, then))


def test_several_processes_remove_old_work_at_once(tmp_path: Path, root: Path, bird: Path) -> None:
    for number in range(300):
        (root / ".work" / f"old{number}").mkdir(parents=True)
        age(root / ".work" / f"old{number}", 8)
    labels = ModelOptions(labels=bird.with_name("inat_bird_labels.txt"))
    with ThreadPoolExecutor() as pool:
        names = [f"bird{number}" for number in range(4)]
        list(pool.map(lambda name: store.add(name, bird, labels), names))
    assert list(store.installed()) == names
    assert list(root.glob(".work/*")) == []


def test_a_draft_of_another_process_is_left_alone(
    row: Row, server: FileServer, tmp_path: Path, root: Path, bird: Path
) -> None:
    server.faults.append(stall_after(500_000))
    process = start(row, tmp_path)
    work = root / ".work" / row.name
    wait_until(lambda: list(work.glob("*.part")))
    (work / ".draft-1").mkdir()
    age(work, 8)
    store.add("bird", bird, ModelOptions(labels=bird.with_name("inat_bird_labels.txt")))
    assert (work / ".draft-1").is_dir()
    server.closing.set()
    _, errors = process.communicate(timeout=60)
    assert errors == ""
    assert list(store.installed()) == ["bird", row.name]


def test_what_a_killed_process_left_of_a_model_is_removed(row: Row, root: Path) -> None:
    draft = root / ".work" / row.name / ".draft-1"
    draft.mkdir(parents=True)
    (draft / GRAPH).touch()
    pull(row, retries=AT_ONCE)
    assert files_below(root) == model_files(row)


# --- two roots


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The cache and the data folder of a user without ``PICTELL_MODELS``."""
    monkeypatch.delenv("PICTELL_MODELS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return store.cache_root(), store.data_root()


def test_imported_models_are_not_in_the_cache(
    roots: tuple[Path, Path], row: Row, graph: Path
) -> None:
    cache, data = roots
    assert cache != data
    assert pull(row, retries=AT_ONCE) == cache / row.name
    assert store.add("mine", graph) == data / "mine"
    assert store.installed() == {row.name: cache / row.name, "mine": data / "mine"}
    assert models.find("mine").name == "mine"
    with pytest.raises(UsageError, match="exists already"):
        store.add(row.name, graph)
    with pytest.raises(UsageError, match="exists already"):
        store.add("mine", graph)
    for name in (row.name, "mine"):
        store.remove(name)
    assert store.installed() == {}
    assert not [path for root in roots for path in root.glob(".work/*")]


def test_models_imported_into_the_cache_are_found(roots: tuple[Path, Path], graph: Path) -> None:
    cache, data = roots
    store.add("mine", graph)
    cache.mkdir(exist_ok=True)
    (data / "mine").rename(cache / "mine")
    assert store.installed() == {"mine": cache / "mine"}
    assert models.find("mine").name == "mine"
    with pytest.raises(UsageError, match="exists already"):
        store.add("mine", graph)


def test_a_damaged_import_is_replaced_where_it_is(
    roots: tuple[Path, Path], row: Row, server: FileServer, graph: Path
) -> None:
    _, data = roots
    folder = pull(row, retries=AT_ONCE)
    data.mkdir(parents=True, exist_ok=True)
    folder.rename(data / row.name)
    (data / row.name / GRAPH).write_bytes(b"damaged")
    assert pull(row, retries=AT_ONCE) == data / row.name
    assert store.installed() == {row.name: data / row.name}
    read_weights(models.find(row.name))


# --- imported


def test_a_bare_file_and_a_folder(bird: Path, root: Path, tmp_path: Path) -> None:
    options = ModelOptions(labels=bird.with_name("inat_bird_labels.txt"))
    folder = store.add("my.bird_1", bird, options)
    assert folder == root / "my.bird_1"
    assert models.find("my.bird_1").name == "my.bird_1"
    shutil.copytree(folder, tmp_path / "folder")
    store.add("again", tmp_path / "folder")
    with pytest.raises(UsageError, match="again exists already: choose another name, or first"):
        store.add("again", bird, options)
    assert list(store.installed()) == ["again", "my.bird_1"]
    read_weights(models.find("again"))
    with pytest.raises(UsageError, match="bare files"):
        store.add("third", tmp_path / "folder", options)
    assert list(root.glob(".work/*")) == []


def test_the_built_in_model_under_another_name() -> None:
    store.add("mine", models.BUILT_IN["default"])
    mine, default = models.find("mine"), models.find("default")
    assert mine.labels == default.labels
    assert (mine.taxonomy, mine.calibration) == (default.taxonomy, default.calibration)


def test_a_packed_model_keeps_its_taxonomy_and_calibration(tmp_path: Path) -> None:
    default, packed = models.find("default"), tmp_path / "packed.onnx"
    write_single_file(packed, default, read_weights(default))
    store.add("mine", packed)
    mine = models.find("mine")
    assert mine.taxonomy == default.taxonomy
    assert read_calibration(mine) == read_calibration(default) is not None


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "a/b", "/etc", ".hidden", "-rf", "a\0b", "a\nb", "a b", "a\\b"),
        *("C:x", "ü", "\u202ea", "a" * 65, "~", "*", "\udc80"),
    ],
)
def test_names_that_are_not_valid(name: str, bird: Path, root: Path) -> None:
    assert store.folder_of(name) is None
    with pytest.raises(UsageError, match="not a valid model name"):
        store.add(name, bird, ModelOptions(labels=bird.with_name("inat_bird_labels.txt")))
    with pytest.raises(UnknownModelError):
        store.remove(name)
    assert not root.exists()


def test_names_that_are_taken(bird: Path, graph: Path) -> None:
    options = ModelOptions(labels=bird.with_name("inat_bird_labels.txt"))
    with pytest.raises(UsageError, match="built-in model"):
        store.add("default", bird, options)
    with pytest.raises(UsageError, match="another model in the catalogue"):
        store.add("inception5h", bird, options)
    store.add("mobilenet_v1_0.25_128_frozen", graph)
    assert models.find("mobilenet_v1_0.25_128_frozen").preprocess.width == 128


def test_files_that_are_not_models(tmp_path: Path, root: Path) -> None:
    with pytest.raises(UnknownModelError, match="no file or folder"):
        store.add("x", tmp_path / "missing")
    (tmp_path / "file").write_bytes(random.Random(3).randbytes(1000))
    (tmp_path / "file.pkl").write_bytes(pickle.dumps([1]))
    for name, error in (("file", InvalidModelError), ("file.pkl", UnsafeModelError)):
        with pytest.raises(error):
            store.add("x", tmp_path / name)
    assert not root.exists()


def test_an_import_that_the_check_refuses(graph: Path, root: Path) -> None:
    def refuse(spec: ModelSpec, weights: Weights) -> None:
        raise InvalidModelError(f"{spec.weights.name} of {len(weights.files)} file crashes")

    with pytest.raises(InvalidModelError, match=r"frozen_graph\.pb of 1 file crashes"):
        store.add("x", graph, check=refuse)
    assert not root.exists()


# --- removed, listed


def test_a_model_that_is_not_installed_cannot_be_removed(row: Row) -> None:
    with pytest.raises(UnknownModelError, match="'x' is installed"):
        store.remove("x")
    pull(row, retries=AT_ONCE)
    with pytest.raises(UnknownModelError, match=row.name):
        store.remove("x")
    with pytest.raises(UsageError, match="built in"):
        store.remove("default")


def test_only_models_are_listed(root: Path) -> None:
    for name in ("model", ".hidden", "empty", "a b"):
        (root / name).mkdir(parents=True)
    for name in ("model", ".hidden", "a b"):
        (root / name / "model.toml").touch()
    (root / "file").touch()
    assert list(store.installed()) == ["model"]


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PICTELL_MODELS", "here")
    assert store.cache_root() == store.data_root() == tmp_path / "here"
    monkeypatch.setenv("PICTELL_MODELS", "")
    for root in (store.cache_root(), store.data_root()):
        assert root.is_absolute()
        assert root.parts[-2:] == ("pictell", "models")
