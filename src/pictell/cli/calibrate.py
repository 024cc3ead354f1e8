"""``pictell calibrate``: make a model's scores mean what they say, on labelled pictures."""

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
Fit a model's scores to pictures with known labels, so that of answers with a score of 0.8 some
80 % are right, and find out below what it should say that it is not sure:

  pictell calibrate --model my-model/ --data val/
  pictell calibrate --model my-model/ --data labels.csv --about "500 photos of the new camera"

What was found is stored as calibration.toml in the model's folder. The pictures must not be those that
the model was trained on. The data is given as to pictell evaluate; at least 200 pictures.
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

    _check_place(options.model)
    spec = models.find(options.model)
    folder = spec.weights.parent
    dataset = read_dataset(options.data, options.column)
    report_crashes(options.model)
    with Progress(total=min(len(dataset), MAX_PICTURES)) as progress:
        fitted = fit_calibration(
            spec,
            dataset,
            engine_options(options),
            about=options.about or Path(options.data).resolve().name,
            watch=progress.watch,
        )
    write_calibration(folder, fitted.calibration, spec.sha256)
    print(render(fitted))
    instead = "" if spec.calibration is None else ", instead of an earlier fit"
    print(f"stored in {visible(str(folder / CALIBRATION_FILE))}{instead}")
    return SOME_FAILED if fitted.failed else 0


def _check_place(model: str) -> None:
    """Raises ``UsageError`` where a model has no folder that is the user's to write to."""
    from pictell import models
    from pictell.models.folder import SPEC_FILE

    place = models.locate(model)
    if not os.path.exists(place):
        return
    for name, folder in models.BUILT_IN.items():
        if place.samefile(folder):
            raise UsageError(
                f"{model} belongs to pictell itself: calibrate a copy of its folder, "
                f"which pictell models path {name} names"
            )
    if not os.path.isfile(place / SPEC_FILE):
        raise UsageError(
            f"what is fitted is stored in a model's folder, which {model} is not: "
            "make one of it with pictell inspect --write"
        )
    if not os.access(place, os.W_OK):
        raise UsageError(
            f"{model} cannot be written to, and what is fitted is stored there: "
            "calibrate a copy of it"
        )


def _parser() -> Parser:
    parser = Parser(
        example=EXAMPLE,
        prog="pictell calibrate",
        usage="pictell calibrate --model MODEL --data DATA [OPTION …]",
    )
    add = parser.add_argument
    add("-m", "--model", required=True, metavar="M", help="a model's folder, or its name")
    add("-d", "--data", required=True, metavar="DATA", help="a folder of class folders, or a list")
    add("--about", metavar="TEXT", help="what the pictures are, stored too (the data's name)")
    add("--column", metavar="C", help="the list's column with the labels, if it has another name")
    add_engine_options(parser)
    add("-h", "--help", action="help", help="show this help")
    return parser
