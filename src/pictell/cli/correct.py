"""``pictell correct``: a trained model learns from a picture that it got wrong."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file
from pictell.cli.parser import Parser
from pictell.errors import PictellError, UsageError
from pictell.files import os_reason
from pictell.models.folder import SPEC_FILE
from pictell.reports.escape import visible

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

        output_file.write(path, [undo(_read(path))])
        print(f"undone in {visible(options.model)}")
        return 0
    before, now = _correct(path, options.picture, options.label)
    print(f"before  {visible(str(before))}")
    print(f"now     {visible(str(now))}")
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


def _correct(path: Path, picture: str, label: str) -> tuple[Result, Result]:
    """Correct the file; what the model said of the picture before, and what it says now."""
    # Imported here, as --undo needs no runtime.
    from pictell.images.sources import to_source
    from pictell.loading import load
    from pictell.models.vocabulary import named
    from pictell.scoring.calibration import Calibration
    from pictell.training.correct import correct
    from pictell.training.graph import read_head

    content = _read(path)
    classes = len(read_head(content).weights)
    with load(path) as classifier:
        source = classifier.model.read(to_source(picture, allow_private=True))
        if isinstance(source.content, PictellError):
            raise source.content
        found = named(classifier.scorer.tree, label)
        if len(found) != 1 or found[0] >= classes:
            raise UsageError(
                f"{label!r} is not the name of one class: see pictell labels -m {path}"
            )
        before = classifier.classify(source.content)
        (features,) = classifier.embed([source.content])
        calibration = classifier.scorer.calibration or Calibration()
    changed = correct(content, features, found[0], calibration, classifier.spec.activation)
    output_file.write(path, [changed])
    with load(path) as classifier:
        now = classifier.classify(source.content)
    return replace(before, source=picture), replace(now, source=picture)


def _read(path: Path) -> bytes:
    if path.with_name(SPEC_FILE).exists():
        raise UsageError(f"{path} belongs to the model folder {path.parent}: give a file of train")
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
