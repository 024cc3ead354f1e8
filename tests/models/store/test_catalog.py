"""The shipped catalogue, and catalogues with mistakes in them."""

import hashlib
from pathlib import Path
from typing import get_args

import pytest

from pictell.errors import InvalidModelError, UnknownModelError
from pictell.models.store import catalog
from pictell.types import Activation, Channels, Interpolation, Layout

ROWS = catalog.load()
SHA256, SHA384 = "0a" * 32, "0a" * 48
GOOD = f"""
[net]
source = "somebody"
licence = "MIT"
format = "onnx"
url = "https://example.org/net.onnx"
bytes = 5
sha256 = "{SHA256}"
weights = "net.onnx"
labels = "imagenet"
[net.options]
preset = "torchvision"
size = [224, 224]
"""


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_says_all_that_is_needed(row: catalog.Row) -> None:
    options = row.options
    assert options.activation in get_args(Activation)
    assert options.interpolation in get_args(Interpolation)
    assert options.layout in get_args(Layout)
    assert options.channels in get_args(Channels)
    assert options.crop_fraction is not None
    assert options.size is not None
    assert len(options.size) == 2
    assert (options.mean is None) == (options.std is None) == (row.format == "tflite")
    assert options.preset is None
    assert (options.labels == catalog.IMAGENET) == (row.labels == catalog.IMAGENET)
    assert row.download is None or row.download.bytes < 200_000_000
    assert not row.is_archive or row.url.endswith((".zip", ".tgz", ".tar.gz"))


def test_no_two_rows_have_a_file_in_common() -> None:
    checksums = [checksum for row in ROWS.values() for checksum in row.weights_sha256]
    checksums += [row.download.checksum for row in ROWS.values() if row.is_archive]
    assert len(set(checksums)) == len(checksums)


def test_inception5h_as_the_program_of_its_time_fed_it() -> None:
    row = catalog.find("inception5h")
    assert row.options.mean == (117.0, 117.0, 117.0)
    assert row.options.std == (1.0, 1.0, 1.0)
    assert (row.options.resize_mode, row.options.crop_fraction) == ("squash", 1.0)
    assert row.options.interpolation == "bilinear-tf1"
    assert row.options.unlabelled == 7
    assert row.is_archive
    assert row.download == catalog.Download(
        "https://storage.googleapis.com/download.tensorflow.org/models/inception5h.zip",
        49937555,
        "d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",
    )
    assert row.download.file_name == "inception5h.zip"


def test_published_files_are_known_by_their_content(shared: Path) -> None:
    models = shared / "models"
    found = {
        str(path.relative_to(models)): row.name
        for path in [*models.glob("*/*.pb"), *models.glob("coral/*.tflite")]
        if (row := catalog.by_checksum(hashlib.sha256(path.read_bytes()).hexdigest()))
    }
    assert found == {
        "mobilenet_v1_0.25_128_frozen/frozen_graph.pb": "mobilenet_v1_0.25_128_frozen",
        "mobilenet_v1_0.25_128_frozen/quantized_graph.pb": "mobilenet_v1_0.25_128_quantized",
        "mobilenet_v1_0.25_224_frozen/frozen_graph.pb": "mobilenet_v1_0.25_224_frozen",
        **{
            f"coral/{name}.tflite": name
            for name in (
                "mobilenet_v1_0.25_128_quant",
                "mobilenet_v2_1.0_224_inat_bird_quant",
                "mobilenet_v2_1.0_224_quant",
                "tf2_mobilenet_v2_1.0_224_ptq",
            )
        },
    }


def test_the_birds_come_with_their_names(shared: Path) -> None:
    download = catalog.find("mobilenet_v2_1.0_224_inat_bird_quant").labels_download
    assert download is not None
    content = (shared / "models" / "coral" / download.file_name).read_bytes()
    assert len(content) == download.bytes
    assert hashlib.sha256(content).hexdigest() == download.checksum


def test_an_unknown_name_lists_those_that_can_be_pulled() -> None:
    with pytest.raises(UnknownModelError, match="'nothing'") as caught:
        catalog.find("nothing")
    assert "inception5h, " in str(caught.value)
    assert "_frozen" not in str(caught.value)
    assert catalog.by_checksum(SHA256) is None


# --- mistakes


def load(tmp_path: Path, text: str) -> catalog.Row:
    path = tmp_path / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    (row,) = catalog.load(path).values()
    return row


def test_a_row_of_ones_own(tmp_path: Path) -> None:
    row = load(tmp_path, GOOD)
    assert not row.is_archive
    assert row.weights_sha256 == (SHA256,)
    assert row.options.std == (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("[net]", "[net", "cannot be read"),
        ("[net]\n", '["../net"]\n', "no table of options"),
        ('licence = "MIT"', "", "licence"),
        ('licence = "MIT"', 'license = "MIT"', "license"),
        ('licence = "MIT"', "licence = 5", "licence must be of type str"),
        ("size =", "sizes =", "sizes"),
        ("torchvision", "pytorch", "pytorch"),
        ('format = "onnx"', 'format = "pickle"', "unknown format 'pickle'"),
        ("bytes = 5", "", "belong together"),
        ("bytes = 5", "bytes = 0", "a file of 0 bytes"),
        ("bytes = 5", "bytes = true", "bytes must be of type int"),
        (f'sha256 = "{SHA256}"', "", "belong together"),
        (SHA256, SHA256.upper(), "no SHA-256"),
        (SHA256, SHA384, "no SHA-256"),
        ("bytes = 5", f'bytes = 5\nsha384 = "{SHA256}"', "no SHA-384"),
        ("bytes = 5", f'bytes = 5\nsha384 = "{SHA384}"', "not both"),
        ("https:", "ftp:", "no address of a file"),
        ("net.onnx", "", "no address of a file"),
        ('"imagenet"', '"labels.txt"', "where labels.txt comes from"),
        ("bytes = 5", 'bytes = 5\nlabels_url = "https://x.org/y"', "belong together"),
        ("bytes = 5", "bytes = 5\ntop1_accuracy = 75.0", "not in"),
        ("bytes = 5", 'bytes = 5\nweights_sha256 = ["x"]', "no SHA-256"),
        ("bytes = 5", 'bytes = 5\nweights_sha256 = "x"', "must be of type list"),
    ],
)
def test_mistakes_are_named(before: str, after: str, complaint: str, tmp_path: Path) -> None:
    assert before in GOOD
    with pytest.raises(InvalidModelError, match=complaint) as caught:
        load(tmp_path, GOOD.replace(before, after, 1))
    assert str(caught.value).startswith("catalog.toml")


def test_a_row_without_options_or_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelError, match="options"):
        load(tmp_path, GOOD.partition("[net.options]")[0])
    with pytest.raises(InvalidModelError, match="a name is of letters"):
        load(tmp_path, GOOD.replace("[net", '["../net"'))
    lines = [line for line in GOOD.split("\n") if line[:3] not in {"url", "byt", "sha"}]
    with pytest.raises(InvalidModelError, match="neither url nor weights_sha256"):
        load(tmp_path, "\n".join(lines))
    with pytest.raises(InvalidModelError, match="cannot be read"):
        catalog.load(tmp_path / "missing.toml")
