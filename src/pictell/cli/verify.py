"""``pictell verify MODEL``: does it answer as it did when it was made, or alike in two engines?"""

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
    from pictell.evaluation.verification import Comparison
    from pictell.models.golden import Golden
    from pictell.options import EngineOptions
    from pictell.types import ModelSpec, Weights

EXAMPLE = """\
See whether a model answers as it did when it was made, or alike in two engines:

  pictell verify
  pictell verify my-model/ --record
  pictell verify frozen_graph.pb --labels labels.txt --against openvino cat.jpg holiday/
"""


def run(words: list[str]) -> int:
    """Verify the model; 0 when the answers are the same within the tolerance, else 1."""
    options = _parse(words)
    if options.record and options.model == "default":
        raise UsageError("default is part of pictell: its golden answers are not recorded anew")
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
        raise UsageError("pictures are for comparing two engines: give --against RUNTIME")
    if options.against is not None and not options.pictures:
        raise UsageError("no picture to compare the engines on: give MODEL, then the pictures")
    if options.against is not None and options.record:
        raise UsageError("--record stores answers, --against compares engines: give one of them")
    return options


def _open_safely(spec: ModelSpec, weights: Weights, engine: EngineOptions) -> Classifier:
    """The model, once it has answered in a process of its own, which may die of it."""
    from pictell import runtimes
    from pictell.classifier import Classifier
    from pictell.runtimes.trial import try_in_child

    try_in_child(spec, weights, engine)
    return Classifier(spec, runtimes.open_session(spec, weights, engine))


def _record(options: argparse.Namespace, spec: ModelSpec, classifier: Classifier) -> int:
    from pictell import runtimes
    from pictell.evaluation import verification
    from pictell.models.folder import GOLDEN_FILE, SPEC_FILE
    from pictell.models.golden import write_golden

    folder = spec.weights.parent
    if not (folder / SPEC_FILE).is_file():
        raise UsageError(
            f"golden answers are stored in a model's folder, and {options.model} is a bare file: "
            "make a folder of it with pictell inspect --write"
        )
    runtime = runtimes.choose(spec.format, options.runtime)
    golden = verification.record(classifier, RUNTIMES[runtime].package)
    write_golden(folder, golden)
    print(f"{visible(str(folder / GOLDEN_FILE))}: {len(golden.answers)} answers, {golden.made_by}")
    return 0


def _compare_to_golden(options: argparse.Namespace, spec: ModelSpec, classifier: Classifier) -> int:
    from pictell.evaluation import verification

    golden = _golden(options, spec)
    comparison = verification.compare_to_golden(classifier, golden)
    tolerance = golden.tolerance if options.tolerance is None else options.tolerance
    print(visible(f"{spec.name}: golden answers of {golden.made_by}"))
    return _judge(comparison, tolerance)


def _golden(options: argparse.Namespace, spec: ModelSpec) -> Golden:
    from pictell.models.golden import read_golden

    golden = read_golden(spec.weights.parent)
    if golden is None:
        raise UsageError(
            f"{options.model} has no golden answers: store some in its folder with --record, "
            "or compare two engines with --against RUNTIME PICTURE …"
        )
    return golden


def _compare_engines(options: argparse.Namespace, spec: ModelSpec) -> int:
    from pictell import runtimes
    from pictell.evaluation import verification
    from pictell.models.folder import read_weights

    runtime = runtimes.choose(spec.format, options.runtime)
    if runtime == runtimes.choose(spec.format, options.against):
        raise UsageError(
            f"{runtime} would be compared with itself: give another --runtime, or install one"
        )
    weights, engine = read_weights(spec), engine_options(options)
    first = _open_safely(spec, weights, replace(engine, runtime=runtime))
    second = _open_safely(spec, weights, replace(engine, runtime=options.against))
    comparison, failed = verification.compare(first, second, options.pictures)
    for result in failed:
        say(f"pictell: {visible(result.source)}: {visible(str(result.error))}")
    print(visible(f"{spec.name}: {runtime} and {options.against}"))
    tolerance = verification.TOLERANCE if options.tolerance is None else options.tolerance
    status = _judge(comparison, tolerance)
    return max(status, SOME_FAILED) if failed else status


def _judge(comparison: Comparison, tolerance: float) -> int:
    pictures = "picture" if comparison.pictures == 1 else "pictures"
    print(
        f"{comparison.pictures} {pictures}: the first label is the same on "
        f"{comparison.same_top1}, probabilities differ by {comparison.max_difference:.2g} at most "
        f"({visible(comparison.worst)}), by {comparison.median_difference:.2g} on half of them"
    )
    good = comparison.pictures > 0 and comparison.max_difference <= tolerance
    print(f"{'verified' if good else 'NOT verified'}: the tolerance is {tolerance:g}")
    return 0 if good else SOME_FAILED


def _parser() -> Parser:
    parser = Parser(
        example=EXAMPLE,
        prog="pictell verify",
        usage="pictell verify [OPTION …] [MODEL] [PICTURE …]",
    )
    add = parser.add_argument
    add("model", nargs="?", default="default", metavar="MODEL", help="name, folder or file")
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or URLs, with --against")
    add("--against", choices=ENGINES, metavar="R", help="compare with this engine, on pictures")
    add("--record", action="store_true", help="store the answers of now in the model's folder")
    add(
        "--tolerance",
        type=non_negative,
        metavar="T",
        help="how far probabilities may be apart (0.02, or as stored with the answers)",
    )
    add_model_options(parser)
    add_engine_options(parser)
    add("-h", "--help", action="help", help="show this help")
    return parser
