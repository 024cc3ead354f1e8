"""``pictell correct``: a trained model learns from a picture that it got wrong."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file
from pictell.cli.parser import Parser
from pictell.errors import PictellError, UsageError
from pictell.files import os_reason, read_bytes
from pictell.models.folder import SPEC_FILE
from pictell.reports.escape import visible
from pictell.results import percent

if TYPE_CHECKING:
    from pictell.results import Result

EXAMPLE = """\
Tell a trained model what is in a picture that it got wrong:

  pictell correct GARDEN.jpg rex --model pets.onnx

Take the last correction back:

  pictell correct --undo --model pets.onnx

The file is changed in under a second. To learn a new class, use pictell train.
"""


def run(words: list[str]) -> int:
    """Correct the file of the model, or undo its last correction."""
    options = _parse(words)
    path = Path(options.model)
    if options.undo:
        from pictell.training.correct import undo

        content = _read(path)
        output_file.write(path, [undo(content)])
        print(f"undone in {visible(options.model)}")
        return 0
    for line in _correct(path, options.picture, options.label):
        print(visible(line))
    return 0


def make_parser() -> Parser:
    """The options of the command."""
    usage = "[PICTURE LABEL | --undo] --model MODEL"
    parser = Parser("pictell correct", usage, EXAMPLE)
    add = parser.add_argument
    add("picture", nargs="?", metavar="PICTURE", help="a file or a URL")
    add("label", nargs="?", metavar="LABEL", help="the class that it shows")
    add("-m", "--model", required=True, metavar="FILE", help="a file of pictell train")
    add("--undo", action="store_true", help="take the last correction back")
    return parser


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    if options.undo and options.picture is not None:
        raise UsageError("--undo takes no picture: leave one out")
    if not options.undo and options.label is None:
        raise UsageError("give a picture and its label, or --undo (see pictell correct --help)")
    return options


def _correct(path: Path, picture: str, label: str) -> list[str]:
    """Correct the file. Says what the model said of the picture before, and what it says now."""
    # Imported here, as --undo needs no runtime.
    from pictell.images.sources import argument_source
    from pictell.loading import load
    from pictell.models.vocabulary import named
    from pictell.scoring.calibration import Calibration
    from pictell.training.correct import correct
    from pictell.training.graph import read_head

    if os.path.isdir(picture):
        raise UsageError(f"{picture} is a folder: give one picture")
    content = _read(path)
    classes = len(read_head(content).weights)
    with load(path) as classifier:
        source = argument_source(picture)
        read = classifier.model.read(source)
        if isinstance(read.content, PictellError):
            raise read.content
        # Read once, as a URL may have another picture next time.
        source = replace(source, content=read.content)
        found = named(classifier.scorer.tree, label)
        if len(found) != 1 or found[0] >= classes:
            raise UsageError(
                f"{label!r} is not the name of one class: see pictell labels -m {path}"
            )
        name = classifier.spec.labels[found[0]].name
        before = classifier.classify(source, probabilities=True)
        if _is_sure(before, name):
            return [f"{_said(before, found[0], name)}: there is nothing to correct"]
        (features,) = classifier.embed([source])
        calibration = classifier.scorer.calibration or Calibration()
    changed = correct(content, features, found[0], calibration, classifier.spec.activation)
    if _read(path) != content:
        raise UsageError(f"{path} was changed by another program in the meantime: try again")
    output_file.write(path, [changed])
    with load(path) as classifier:
        now = classifier.classify(source, probabilities=True)
    return [
        f"before  {_said(before, found[0], name)}",
        f"now     {_said(now, found[0], name)}",
    ]


def _is_sure(result: Result, name: str) -> bool:
    return result.status == "sure" and result.answer is not None and result.answer.name == name


def _said(result: Result, class_index: int, name: str) -> str:
    """The result, and the score of the class if it is not the answer."""
    if result.probabilities is None or (result.answer is not None and result.answer.name == name):
        return str(result)
    return f"{result}; {name} {percent(result.probabilities[class_index])}"


def _read(path: Path) -> bytes:
    if path.with_name(SPEC_FILE).exists():
        raise UsageError(f"{path} belongs to the model folder {path.parent}: give a file of train")
    try:
        return read_bytes(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
