"""``pictell verify MODEL``: check a model against its recorded answers, or in two engines."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import (
    ENGINES,
    add_engine_options,
    add_model_options,
    engine_options,
    model_options,
)
from pictell.cli.parser import Parser, non_negative
from pictell.cli.progress import say
from pictell.errors import UsageError
from pictell.reports.escape import visible
from pictell.runtimes import RUNTIMES

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.evaluation.verification import Agreement
    from pictell.models.golden import Golden
    from pictell.options import EngineOptions
    from pictell.types import ModelSpec, Weights

EXAMPLE = """\
Check that a model gives its recorded answers, or the same answers in two engines:

  pictell verify
  pictell verify MY-MODEL/ --record
  pictell verify frozen_graph.pb --labels labels.txt --against openvino cat.jpg holiday/
"""


def run(words: list[str]) -> int:
    """Verify the model; 0 if all scores agree within the tolerance, else 1."""
    options = _parse(words)
    if options.record and options.model == "default":
        raise UsageError("default is part of pictell: its golden answers cannot be replaced")
    from pictell import models
    from pictell.models.folder import read_weights

    spec = models.find(options.model, model_options(options))
    if options.against is not None:
        return _compare_engines(options, spec)
    classifier = _open_safely(spec, read_weights(spec), engine_options(options))
    if options.record:
        return _record(options, spec, classifier)
    return _compare_to_golden(options, spec, classifier)


def _parse(words: list[str]) -> argparse.Namespace:
    options = _parser().parse(words)
    if options.pictures and options.against is None:
        raise UsageError("pictures are used only to compare two engines: give --against RUNTIME")
    if options.against is not None and not options.pictures:
        raise UsageError("--against needs pictures: give MODEL, then the pictures")
    if options.against is not None and options.record:
        raise UsageError("--record and --against cannot be combined: give one of them")
    return options


def _open_safely(spec: ModelSpec, weights: Weights, engine: EngineOptions) -> Classifier:
    """Open the model after a trial run in another process, which a broken model may crash."""
    from pictell import runtimes
    from pictell.classifier import Classifier
    from pictell.image_model import ImageModel
    from pictell.runtimes.trial import try_in_child

    try_in_child(spec, weights, engine)
    return Classifier(ImageModel(spec, runtimes.open_session(spec, weights, engine)))


def _record(options: argparse.Namespace, spec: ModelSpec, classifier: Classifier) -> int:
    from pictell import runtimes
    from pictell.evaluation import verification
    from pictell.models.folder import GOLDEN_FILE, SPEC_FILE
    from pictell.models.golden import write_golden

    folder = spec.weights.parent
    if not (folder / SPEC_FILE).is_file():
        raise UsageError(
            f"{options.model} is not a model folder, where golden answers are stored: "
            "convert it with pictell inspect --write"
        )
    runtime = runtimes.choose(spec.format, options.runtime)
    golden = verification.record(classifier, RUNTIMES[runtime].package)
    write_golden(folder, golden)
    print(f"{visible(str(folder / GOLDEN_FILE))}: {len(golden.answers)} answers, {golden.made_by}")
    return 0


def _compare_to_golden(options: argparse.Namespace, spec: ModelSpec, classifier: Classifier) -> int:
    from pictell.evaluation import verification

    golden = _golden(options, spec)
    agreement = verification.compare_to_golden(classifier, golden)
    tolerance = golden.tolerance if options.tolerance is None else options.tolerance
    print(visible(f"{spec.name}: golden answers of {golden.made_by}"))
    return _report(agreement, tolerance)


def _golden(options: argparse.Namespace, spec: ModelSpec) -> Golden:
    from pictell.models.golden import read_golden

    golden = read_golden(spec.weights.parent)
    if golden is None:
        raise UsageError(
            f"{options.model} has no golden answers: store them with --record, "
            "or compare two engines with --against RUNTIME PICTURE …"
        )
    return golden


def _compare_engines(options: argparse.Namespace, spec: ModelSpec) -> int:
    from pictell import runtimes
    from pictell.evaluation import verification
    from pictell.models.folder import read_weights

    runtime = runtimes.choose(spec.format, options.runtime)
    if runtime == runtimes.choose(spec.format, options.against):
        raise UsageError(f"{runtime} cannot be compared with itself: give another --runtime")
    weights, engine = read_weights(spec), engine_options(options)
    first = _open_safely(spec, weights, replace(engine, runtime=runtime))
    second = _open_safely(spec, weights, replace(engine, runtime=options.against))
    agreement, failed = verification.compare(first, second, options.pictures)
    for result in failed:
        say(f"pictell: {visible(str(result))}")
    print(visible(f"{spec.name}: {runtime} and {options.against}"))
    tolerance = verification.TOLERANCE if options.tolerance is None else options.tolerance
    status = _report(agreement, tolerance)
    return max(status, SOME_FAILED) if failed else status


def _report(agreement: Agreement, tolerance: float) -> int:
    pictures = "picture" if agreement.pictures == 1 else "pictures"
    print(
        f"{agreement.pictures} {pictures}: same best class for {agreement.same_top1}; "
        f"largest difference of a probability {agreement.max_difference:.2g} "
        f"({visible(agreement.worst)}), median {agreement.median_difference:.2g}"
    )
    verified = agreement.pictures > 0 and agreement.max_difference <= tolerance
    print(f"{'verified' if verified else 'NOT verified'}: the tolerance is {tolerance:g}")
    return 0 if verified else SOME_FAILED


def _parser() -> Parser:
    parser = Parser(
        example=EXAMPLE,
        prog="pictell verify",
        usage="pictell verify [OPTION …] [MODEL] [PICTURE …]",
    )
    add = parser.add_argument
    add("model", nargs="?", default="default", metavar="MODEL", help="name, folder or file")
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or URLs, with --against")
    add("--against", choices=ENGINES, metavar="R", help="compare with this engine on the pictures")
    add("--record", action="store_true", help="store the current answers in the model's folder")
    add(
        "--tolerance",
        type=non_negative,
        metavar="T",
        help="largest difference of a probability (0.02, or as stored with the answers)",
    )
    add_model_options(parser)
    add_engine_options(parser)
    add("-h", "--help", action="help", help="show this help")
    return parser
