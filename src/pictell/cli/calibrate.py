"""``pictell calibrate``: fit a model's scores to labelled pictures."""

from __future__ import annotations

import os
from pathlib import Path

from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import add_engine_options, engine_options, report_crashes
from pictell.cli.parser import Parser
from pictell.cli.progress import Progress
from pictell.errors import UsageError
from pictell.reports.escape import visible

EXAMPLE = """\
Fit a model's scores to pictures with known labels, so that about 80 % of the classes with a score
of 0.8 are right, and find the limit below which a picture is unknown:

  pictell calibrate --model MY-MODEL/ --data VAL/
  pictell calibrate --model MY-MODEL/ --data labels.csv --about "500 photos of the new camera"

The result is stored as calibration.toml in the model's folder. Give at least 200 pictures that the
model was not trained on, in the format of pictell evaluate.
"""


def run(words: list[str]) -> int:
    """Calibrate the model; 1 when some pictures could not be read."""
    options = _parser().parse(words)
    from pictell import models
    from pictell.evaluation.calibrate import MAX_PICTURES, fit_calibration
    from pictell.evaluation.dataset import read_dataset
    from pictell.models.calibration_file import write_calibration
    from pictell.models.folder import CALIBRATION_FILE
    from pictell.reports.evaluation.calibration import render

    _check_writable(options.model)
    spec = models.find(options.model)
    folder = spec.weights.parent
    dataset = read_dataset(options.data, options.column)
    report_crashes(options.model)
    with Progress(total=min(len(dataset), MAX_PICTURES)) as progress:
        result = fit_calibration(
            spec,
            dataset,
            engine_options(options),
            about=options.about or Path(options.data).resolve().name,
            watch=progress.watch,
        )
    write_calibration(folder, result.fitted, spec.sha256)
    print(render(result))
    replaced = "" if spec.calibration is None else ", replacing the previous calibration"
    print(f"stored in {visible(str(folder / CALIBRATION_FILE))}{replaced}")
    return SOME_FAILED if result.failed else 0


def _check_writable(model: str) -> None:
    """Raise ``UsageError`` if the model has no folder of its own that can be written to."""
    from pictell import models
    from pictell.models.folder import SPEC_FILE

    place = models.locate(model)
    if not os.path.exists(place):
        return
    for name, folder in models.BUILT_IN.items():
        if place.samefile(folder):
            raise UsageError(
                f"{model} is part of pictell: calibrate a copy of its folder "
                f"(pictell models path {name})"
            )
    if not os.path.isfile(place / SPEC_FILE):
        raise UsageError(
            f"{model} is not a model folder, where the calibration is stored: "
            "convert it with pictell inspect --write"
        )
    if not os.access(place, os.W_OK):
        raise UsageError(f"{model} is not writable: calibrate a copy of the folder")


def _parser() -> Parser:
    parser = Parser(
        example=EXAMPLE,
        prog="pictell calibrate",
        usage="pictell calibrate --model MODEL --data DATA [OPTION …]",
    )
    add = parser.add_argument
    add("-m", "--model", required=True, metavar="M", help="a model's folder, or its name")
    add("-d", "--data", required=True, metavar="DATA", help="a folder of class folders, or a list")
    add("--about", metavar="TEXT", help="a description of the pictures to store (the data's name)")
    add("--column", metavar="C", help="the column of the list that holds the labels")
    add_engine_options(parser)
    add("-h", "--help", action="help", help="show this help")
    return parser
