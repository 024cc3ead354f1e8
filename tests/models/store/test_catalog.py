"""The catalogue: every row is complete and fits together."""

import hashlib
import re
from pathlib import Path
from typing import get_args

import pytest

from pictell.errors import UnknownModelError
from pictell.models.store import catalog
from pictell.types import Activation, Channels, Interpolation, Layout, WeightsFormat

ROWS = catalog.load()
SHA256 = re.compile(r"[0-9a-f]{64}")
CHECKSUM = re.compile(r"[0-9a-f]{64}|[0-9a-f]{96}")
FILE_URL = re.compile(r"https?://[^/]+/(.*/)?[^/?#]+")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_has_all_options(row: catalog.Row) -> None:
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


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_fits_together(row: catalog.Row) -> None:
    assert catalog.NAME.fullmatch(row.name)
    assert row.format in get_args(WeightsFormat)
    assert row.download or row.weights_sha256
    assert all(map(SHA256.fullmatch, row.weights_sha256))
    assert row.labels == catalog.IMAGENET or row.labels_download or row.is_archive
    assert row.top1_accuracy is None or 0 < row.top1_accuracy <= 1
    for download in filter(None, (row.download, row.labels_download)):
        assert FILE_URL.fullmatch(download.url)
        assert 0 < download.bytes < 200_000_000
        assert CHECKSUM.fullmatch(download.checksum)
    if row.is_archive:
        assert row.download.file_name.endswith((".zip", ".tgz", ".tar.gz"))


def test_no_file_is_in_two_rows() -> None:
    checksums = [checksum for row in ROWS.values() for checksum in row.weights_sha256]
    checksums += [row.download.checksum for row in ROWS.values() if row.is_archive]
    assert len(set(checksums)) == len(checksums)


def test_inception5h_has_the_options_of_the_original_program() -> None:
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


def test_published_files_are_recognised_by_checksum(shared: Path) -> None:
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


def test_the_labels_of_the_birds_match_their_checksum(shared: Path) -> None:
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
    assert catalog.by_checksum("0a" * 32) is None
