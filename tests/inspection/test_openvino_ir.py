"""OpenVINO's own models, written by OpenVINO itself, and hostile ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import pytest

import pictell
from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.graphs import Weights
from pictell.inspection import check_safe, inspect_weights, read_files, runnable
from pictell.inspection.openvino_xml import read_graph
from pictell.inspection.sniff import sniff_format
from pictell.models.bare import describe
from pictell.models.folder import create_model_folder, read_weights
from pictell.options import ModelOptions
from small_networks import CLASSES, HEIGHT, LAST_LAYERS, WIDTH, network

SMALL = """<?xml version="1.0"?>
<net name="small" version="11">{before}<layers>
<layer id="0" name="image" type="Parameter" version="opset1">
<data shape="{shape}" element_type="f32"/><output><port id="0" precision="FP32" names="image">
<dim>1</dim><dim>3</dim></port></output></layer>
<layer id="1" name="last" type="{op}" version="{opset}"><data axis="1"/>
<input><port id="0"/></input>
<output><port id="1" precision="FP32" names="scores"><dim>1</dim><dim>3</dim></port></output>
</layer>
<layer id="2" name="result" type="Result" version="opset1"><input><port id="0"/></input></layer>
{layer}</layers><edges>
<edge from-layer="{source}" from-port="0" to-layer="1" to-port="0"/>
<edge from-layer="1" from-port="1" to-layer="2" to-port="0"/></edges></net>
"""
CONSTANT = (
    '<layer id="3" name="c" type="Const" version="opset1"><data offset="{}" size="{}"/></layer>'
)


def small(**changes: str) -> Weights:
    values = {
        "before": "", "shape": "1,3", "op": "SoftMax", "opset": "opset8", "layer": "", "source": "0"
    } | changes  # fmt: skip
    return Weights("openvino", {"net.xml": SMALL.format(**values).encode(), "net.bin": bytes(8)})


def save(folder: Path, last: str, *, half: bool = False) -> Path:
    """The same network as an ONNX file and as a model of OpenVINO, whose path it returns."""
    (folder / "labels.txt").write_text("".join(f"thing {'abcd'[n]}\n" for n in range(CLASSES)))
    (folder / "net.onnx").write_bytes(network(last))
    model = openvino.Core().read_model(folder / "net.onnx")
    openvino.save_model(model, folder / "net.xml", compress_to_fp16=half)
    return folder / "net.xml"


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("last", sorted(LAST_LAYERS))
def test_it_answers_as_the_onnx_file_does(tmp_path: Path, last: str, half: bool) -> None:
    path = save(tmp_path, last, half=half)
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit", output_name="scores")
    wanted = describe(path.with_suffix(".onnx"), options).activation
    content = Weights("openvino", read_files(path, ["net.bin"]))
    # The operations that dequantise do not show it.
    assert inspect_weights(content).activations["scores"] in {wanted, None}
    options = replace(options, activation=wanted)
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    found = []
    for file in (path, path.with_suffix(".onnx")):
        with pictell.load(file, options=options) as classifier:
            result = classifier.classify(picture, probabilities=True)
            found.append(result.probabilities)
    assert found[0] == pytest.approx(found[1], abs=0.01 if half else 1e-4)


def test_a_model_folder_has_both_files(tmp_path: Path) -> None:
    path = save(tmp_path, "gemm")
    spec = describe(path, ModelOptions(labels=tmp_path / "labels.txt", preset="unit"))
    assert (spec.format, spec.external_data) == ("openvino", ("net.bin",))
    create_model_folder(tmp_path / "folder", spec, read_weights(spec))
    with pictell.load(tmp_path / "folder") as classifier:
        assert classifier.classify(np.zeros((9, 9, 3), np.uint8)).predictions
    (tmp_path / "folder" / "net.bin").write_bytes(b"other")
    with pytest.raises(InvalidModelError, match="SHA-256"):
        pictell.load(tmp_path / "folder")


def test_both_files_are_needed(tmp_path: Path) -> None:
    path = save(tmp_path, "gemm")
    path.with_suffix(".bin").rename(tmp_path / "other.bin")
    with pytest.raises(InvalidModelError, match=r"'net.bin' is missing"):
        describe(path, ModelOptions())
    path.with_suffix(".bin").symlink_to(tmp_path / "other.bin")
    with pytest.raises(UnsafeModelError, match="link"):
        describe(path, ModelOptions())


def test_what_the_file_says() -> None:
    found = inspect_weights(small(shape="?,3,8..16,-1"))
    assert found.inputs[0].shape == (None, 3, None, None)
    assert (found.outputs[0].name, found.outputs[0].shape) == ("scores", (1, 3))
    assert found.activations == {"scores": "none"}
    assert inspect_weights(small(op="Sigmoid")).activations == {"scores": "independent"}
    assert inspect_weights(small(op="TopK")).not_scores["scores"].operation == "TopK"
    check_safe(small())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"opset": "extension"}, "custom operation extension.SoftMax"),
        ({"op": "ReadValue"}, "remembers"),
        ({"layer": CONSTANT.format(0, 9)}, "outside its .bin"),
        ({"layer": CONSTANT.format(-1, 2)}, "outside its .bin"),
        ({"layer": CONSTANT.format("x", 2)}, "damaged"),
        ({"before": "<a>" * 300}, "nested too deep"),
        ({"before": "&lol;"}, "damaged"),
        ({"before": "<"}, "damaged"),
    ],
)
def test_hostile_files_are_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidModelError, match=words):
        check_safe(small(**changes))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('layer id="1"', 'layer id="01"', "no id"),
        ('layer id="1"', 'layer id="-1"', "no id"),
        ('layer id="2"', 'layer id="1"', "two layers"),
        ('from-layer="0"', 'from-layer="+0"', "no id"),
        ('to-port="0"', 'to-port="00"', "no id"),
        ('port id="1"', 'port id="one"', "no id"),
        ('to-layer="2"', 'to-layer="1"', "two edges"),
    ],
)
def test_ids_that_openvino_reads_otherwise_are_refused(old: str, new: str, words: str) -> None:
    content = small().graph.replace(old.encode(), new.encode(), 1)
    with pytest.raises(InvalidModelError, match=words):
        check_safe(Weights("openvino", {"net.xml": content, "net.bin": bytes(8)}))


def test_a_document_type_is_refused() -> None:
    content = small().graph.replace(b"<net ", b'<!DOCTYPE net [<!ENTITY a "b">]><net ', 1)
    with pytest.raises(InvalidModelError, match="document type"):
        check_safe(Weights("openvino", {"net.xml": content, "net.bin": b""}))


@pytest.mark.parametrize("op", ["RandomUniform", "Multinomial"])
def test_random_operations_are_refused_on_the_way_only(op: str) -> None:
    with pytest.raises(InvalidModelError, match="random"):
        runnable(small(op=op), ["scores"])
    layer = f'<layer id="9" name="x" type="{op}" version="opset8"/>'
    assert runnable(small(layer=layer), ["scores"]).taken_out == ()


def test_a_cycle_ends() -> None:
    weights = small(source="1", op="Reshape")
    graph = weights.graph.replace(b'from-layer="1" from-port="0"', b'from-layer="1" from-port="1"')
    weights = Weights("openvino", {"net.xml": graph, "net.bin": bytes(8)})
    assert inspect_weights(weights).activations == {"scores": None}
    assert runnable(weights, ["scores"]).weights is weights


@pytest.mark.parametrize("version", ["2", "7", "12"])
def test_other_versions_are_named(tmp_path: Path, version: str) -> None:
    (tmp_path / "net.xml").write_bytes(small().graph.replace(b'"11"', f'"{version}"'.encode(), 1))
    with pytest.raises(InvalidModelError, match="OpenVINO"):
        sniff_format(tmp_path / "net.xml")


def written(text: str, form: str) -> bytes:
    """The same document as other programs may write it."""
    body = text.partition("?>")[2] or text
    return {
        "mark": b"\xef\xbb\xbf" + text.encode(),
        "no declaration": body.strip().encode(),
        "comment": f"<!-- of a > b -->{body.strip()}".encode(),
        "single quotes": text.replace('"', "'").encode(),
        "sign in the name": text.replace("<net ", '<net note="a>b" ').encode(),
        "UTF-16": f'<?xml version="1.0" encoding="utf-16"?>{body}'.encode("utf-16"),
    }[form]


@pytest.mark.parametrize(
    "form",
    ["mark", "no declaration", "comment", "single quotes", "sign in the name", "UTF-16"],
)
def test_other_ways_to_write_the_document(tmp_path: Path, form: str) -> None:
    path = save(tmp_path, "gemm")
    path.write_bytes(written(path.read_text(), form))
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit")
    with pictell.load(path, options=options) as classifier:
        assert classifier.classify(np.zeros((9, 9, 3), np.uint8)).predictions


@pytest.mark.parametrize("kind", ["<!DOCTYPE net>", '<!DOCTYPE net [<!ENTITY a "b">]>'])
def test_a_document_type_is_the_reason(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path, "gemm")
    path.write_text(kind + (path.read_text().partition("?>")[2] or path.read_text()).strip())
    with pytest.raises(InvalidModelError, match="has a document type"):
        describe(path, ModelOptions())


@pytest.mark.parametrize("text", ["<!DOCTYPE other><net version='11'/>", "<pmml version='4'/>"])
def test_other_documents_are_no_models(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(InvalidModelError, match="a text file"):
        sniff_format(tmp_path / "x.xml")


@pytest.mark.parametrize("opset", ["opset0", "opset18", "opset99", "opset1x"])
def test_an_unknown_set_of_operations_is_refused(opset: str) -> None:
    with pytest.raises(InvalidModelError, match="custom operation"):
        check_safe(small(opset=opset))


def test_the_graph_is_read_once(tmp_path: Path) -> None:
    path = save(tmp_path, "gemm")
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit")
    before = read_graph.cache_info().misses
    with pictell.load(path, options=options):
        assert read_graph.cache_info().misses == before + 1
