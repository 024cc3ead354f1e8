"""``pictell inspect``: what is in a model's file, what is missing, and its model.toml."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pictell.cli.amounts import size as amount
from pictell.cli.exit_status import exit_status
from pictell.cli.model_options import add_engine_options, add_model_options
from pictell.cli.output import write_json
from pictell.cli.parser import Parser
from pictell.cli.terminal import line_columns
from pictell.errors import InvalidModelError, ModelError
from pictell.models import locate
from pictell.reports.columns import wrap
from pictell.reports.escape import visible
from pictell.runtimes import RUNTIMES

if TYPE_CHECKING:
    from pictell.graphs import Inspection, TensorSpec
    from pictell.models.examine import Examination

EXAMPLE = """\
Show what is in a model's file, what pictell knows about it and what is missing to run it:

  pictell inspect default
  pictell inspect default --format json
  pictell inspect default --write model.onnx
  pictell inspect MODEL.pb --try
  pictell inspect MODEL.onnx --labels LABELS.txt --preset unit --write my-model/
"""
MAX_OPS_SHOWN = 8
# Of the values: a checksum of 64 digits fits the 80 columns of a terminal.
INDENT = 16
MAX_SHOWN = 80 - INDENT
MAX_ENTRIES_SHOWN = 20
MEANINGS = {
    "none": "probabilities",
    "softmax": "logits",
    "independent": "probabilities of classes that do not exclude each other",
    "sigmoid": "logits of classes that do not exclude each other",
    None: "probabilities or logits (its last operation does not show which)",
}


def run(words: list[str]) -> int:
    """Show what is in the file, or write it as a model folder or a single file."""
    options = make_parser().parse(words)
    from pictell.models.examine import examine

    examination = examine(locate(options.file), options.model_options)
    failure = _try(examination, options) if options.try_it else None
    if options.write is not None:
        if failure is not None:
            raise failure
        _write(examination, Path(options.write))
        return 0
    tried = None if not options.try_it else "it runs" if failure is None else f"no: {failure}"
    record = {**_record(examination), "tried": tried}
    if options.format == "json":
        write_json(record)
    else:
        print("\n".join(_lines(examination, record)))
    return 0 if failure is None else exit_status(failure)


def _try(examination: Examination, options: argparse.Namespace) -> ModelError | None:
    from pictell.runtimes.trial import try_in_child

    spec, content = examination.ready_spec(), examination.model.content
    try:
        try_in_child(spec, content, options.engine_options)
    except ModelError as error:
        return error
    return None


def _write(examination: Examination, target: Path) -> None:
    from pictell.models.folder import create_model_folder
    from pictell.models.single_file import write_single_file

    spec = examination.ready_spec()
    write = write_single_file if target.suffix == ".onnx" else create_model_folder
    write(target, spec, examination.model.content)
    name = visible(str(target))
    print(f"{name} is written. To use it: pictell --model {name} PICTURE")


def _record(examination: Examination) -> dict[str, Any]:
    model = examination.model
    inspection = model.inspection
    return {
        "file": str(model.path),
        "bytes": sum(map(len, model.content.files.values())),
        "sha256": model.sha256,
        "known_as": model.row.name if model.row else None,
        "format": inspection.format,
        "inputs": list(map(asdict, inspection.inputs)),
        "outputs": list(map(asdict, inspection.outputs)),
        "activations": dict(inspection.activations),
        "ops": dict(inspection.ops),
        "taken_out": list(examination.taken_out),
        "runtimes": _runtimes(inspection),
        "safe": examination.refusal is None,
        "refusal": examination.refusal,
        "metadata": examination.metadata,
        "stated_by": model.stated.origin if model.stated else None,
        "preprocessing": examination.preprocessing,
        "ready": examination.refusal is None and examination.missing is None,
        "missing": examination.missing,
        "embedding": _embedding(examination),
        "model_toml": examination.toml,
    }


def _embedding(examination: Examination) -> str:
    """The tensors that ``pictell train`` would use, or why it cannot."""
    from pictell.inspection import runnable
    from pictell.training.backbone import find_taps
    from pictell.training.graph import is_trained

    model, spec = examination.model, examination.spec
    if model.inspection.format != "onnx" or len(model.content.files) > 1:
        return "no: training needs an ONNX model of one file"
    output = spec.output_name if spec else model.inspection.outputs[0].name
    declared = spec.embedding if spec else None
    try:
        if is_trained(model.content.graph):
            return "embedding, the features that it was trained on"
        graph = runnable(model.content, [output]).weights.graph
        taps = find_taps(graph, output, declared)
    except InvalidModelError as error:
        return f"no: {error}"
    how = "stated" if declared else "found"
    texture = "" if taps.texture is None else f"; texture {taps.texture}"
    return f"{taps.embedding}, {how}{texture}"


def _lines(examination: Examination, record: dict[str, Any]) -> list[str]:
    """The record as text."""
    inspection = examination.model.inspection
    rows = [
        ("format", record["format"]),
        ("size", amount(record["bytes"])),
        ("SHA-256", record["sha256"]),
        ("known as", record["known_as"] or "not in the catalogue"),
        *(("input", _tensor_text(tensor)) for tensor in inspection.inputs),
        *(("output", _output_text(examination, tensor)) for tensor in inspection.outputs),
        ("operations", _ops_text(inspection)),
        *_metadata_rows(record["metadata"]),
        ("taken out", _taken_out_text(record["taken_out"])),
        ("runtimes", ", ".join(record["runtimes"])),
        ("safe", _yes_or_no(record["refusal"])),
        ("preprocessing", record["preprocessing"]),
        ("ready", _yes_or_no(record["missing"])),
        ("embedding", record["embedding"]),
        ("tried", record["tried"]),
    ]
    table = [line for row in rows if row[1] is not None for line in _row_lines(*row)]
    toml = ["", *record["model_toml"].splitlines()] if record["model_toml"] else []
    return [visible(record["file"]), *table, *map(visible, toml)]


def _metadata_rows(metadata: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each key and its value on one line."""
    for key, value in islice(metadata.items(), MAX_ENTRIES_SHOWN):
        line = visible(f"{key[:MAX_SHOWN]}: {value[:MAX_SHOWN]}")
        yield "metadata", line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"
    more = len(metadata) - MAX_ENTRIES_SHOWN
    if more > 0:
        yield "metadata", f"and {more:,} more"


def _row_lines(name: str, value: str) -> Iterator[str]:
    """A name and its value, which is as wide as the terminal."""
    columns = line_columns()
    shown = visible(value)
    lines = [shown] if columns is None else wrap(shown, columns - INDENT)
    for head, line in zip_longest([name], lines, fillvalue=""):
        yield f" {head:{INDENT - 2}} {line}"


def _yes_or_no(problem: str | None) -> str:
    return "yes" if problem is None else f"no: {problem}"


def _tensor_text(tensor: TensorSpec) -> str:
    from pictell.inspection.selection import shape_text

    shape = "unknown shape" if tensor.shape is None else shape_text(tensor.shape)
    text = f"{tensor.name}  {tensor.dtype} {shape}"
    if tensor.quantisation is not None:
        scale, zero_point = tensor.quantisation
        text += f", quantised: {scale:g} x (stored - {zero_point})"
    return text


def _output_text(examination: Examination, tensor: TensorSpec) -> str:
    from pictell.inspection.scores import scores_outputs

    spec = examination.spec
    if spec is not None and tensor.name != spec.output_name:
        return _tensor_text(tensor)
    inspection = examination.model.inspection
    if tensor not in scores_outputs(inspection):
        return f"{_tensor_text(tensor)}, no scores"
    found = inspection.activations.get(tensor.name)
    return f"{_tensor_text(tensor)}, {MEANINGS[spec.activation if spec else found]}"


def _ops_text(inspection: Inspection) -> str:
    ops = sorted(inspection.ops.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{count} {name}" for name, count in ops[:MAX_OPS_SHOWN])
    more = len(ops) - MAX_OPS_SHOWN
    return f"{shown}, and {more} more kinds" if more > 0 else shown


def _taken_out_text(names: list[str]) -> str | None:
    from pictell.inspection.selection import listed

    return f"random operations of the training: {listed(names)}" if names else None


def _runtimes(inspection: Inspection) -> list[str]:
    return [
        name if runtime.installed else f"{name} (pip install 'pictell[{name}]')"
        for name, runtime in RUNTIMES.items()
        if inspection.format in runtime.formats
    ]


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell inspect", "[OPTION …] MODEL", EXAMPLE)
    add = parser.add_argument
    add("file", metavar="MODEL", help="a model's name, file or folder")
    parser.add_format(("text", "json"))
    written = "write a model folder, or if TARGET ends in .onnx one file with everything in it"
    add("--write", metavar="TARGET", help=written)
    tried = "run the model once on a grey image, in a separate process"
    add("--try", dest="try_it", action="store_true", help=tried)
    add_model_options(parser)
    add_engine_options(parser)
    return parser
