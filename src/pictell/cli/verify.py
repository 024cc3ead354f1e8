"""``pictell verify MODEL``: check a model against its recorded answers, or with two runtimes."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pictell import models, runtimes
from pictell.cli import defaults
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import add_engine_options, add_model_options
from pictell.cli.output import say, write_json
from pictell.cli.own_folder import own_folder
from pictell.cli.parser import Parser, add_choice, probability
from pictell.errors import UsageError
from pictell.models.folder import GOLDEN_FILE, read_weights
from pictell.models.golden import read_golden, write_golden
from pictell.places import hide_in_text
from pictell.reports.escape import visible
from pictell.runtimes import RUNTIMES

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.evaluation.verification import Agreement
    from pictell.options import EngineOptions
    from pictell.results import Result
    from pictell.types import ModelSpec

EXAMPLE = """\
Check that a model gives its recorded answers, or the same answers with two runtimes:

  pictell verify
  pictell verify MY-MODEL/ --record
  pictell verify --format json
  pictell verify MODEL.pb --labels LABELS.txt --against openvino samples/
"""


def run(words: list[str]) -> int:
    """Verify the model; 0 if all scores agree within the tolerance, else 1."""
    options = _parse(words)
    if options.record:
        return _record(options)
    return _compare_to_golden(options) if options.against is None else _compare_engines(options)


def _record(options: argparse.Namespace) -> int:
    from pictell.evaluation import verification

    folder = own_folder(options.model)
    spec = models.find(options.model, options.model_options)
    runtime = runtimes.choose(spec.format, options.runtime)
    classifier = _open_safely(spec, options.engine_options)
    golden = verification.record(classifier, RUNTIMES[runtime].package)
    write_golden(folder, golden)
    file, answers, made_by = folder / GOLDEN_FILE, len(golden.answers), golden.about.made_by
    if options.format == "json":
        write_json({"model": spec.name, "file": str(file), "answers": answers, "made_by": made_by})
    else:
        print(f"{visible(str(file))}: {answers} answers, {made_by}")
    return 0


def _compare_to_golden(options: argparse.Namespace) -> int:
    from pictell.evaluation import verification

    spec = models.find(options.model, options.model_options)
    golden = read_golden(spec.weights.parent)
    if golden is None:
        raise UsageError(
            f"{options.model} has no golden answers: store them with --record, "
            "or compare two runtimes with --against RUNTIME PICTURE …"
        )
    classifier = _open_safely(spec, options.engine_options)
    agreement = verification.compare_to_golden(classifier, golden)
    made_by = golden.about.made_by
    facts = {"model": spec.name, "against": "golden answers", "made_by": made_by}
    title = f"{spec.name}: golden answers of {made_by}"
    return _report(agreement, options, golden.about.tolerance, title, facts)


def _compare_engines(options: argparse.Namespace) -> int:
    from pictell.evaluation import verification

    spec = models.find(options.model, options.model_options)
    runtime = runtimes.choose(spec.format, options.runtime)
    if runtime == runtimes.choose(spec.format, options.against):
        raise UsageError(f"{runtime} cannot be compared with itself: give another --runtime")
    first, second = (
        _open_safely(spec, replace(options.engine_options, runtime=name))
        for name in (runtime, options.against)
    )
    agreement, failed = verification.compare(first, second, options.pictures)
    for result in failed:
        say(str(result))
    facts = {"model": spec.name, "runtime": runtime, "against": options.against}
    facts |= {"failed": [_failure(result) for result in failed]}
    title = f"{spec.name}: {runtime} and {options.against}"
    status = _report(agreement, options, verification.TOLERANCE, title, facts)
    return SOME_FAILED if failed else status


def _failure(result: Result) -> dict[str, str]:
    assert result.error is not None
    return {
        "source": result.source,
        "code": result.error.code,
        "message": hide_in_text(result.error.message),
    }


def _open_safely(spec: ModelSpec, engine: EngineOptions) -> Classifier:
    """Open the model after a trial run in another process, which a broken model may crash."""
    from pictell.classifier import Classifier
    from pictell.image_model import ImageModel
    from pictell.runtimes.trial import try_in_child

    weights = read_weights(spec)
    try_in_child(spec, weights, engine)
    session = runtimes.open_session(spec, weights, engine)
    # Alone in its batch, a picture gets the same answer at each run.
    return Classifier(ImageModel(spec, session, batch_size=1))


def _report(
    agreement: Agreement,
    options: argparse.Namespace,
    default: float,
    title: str,
    facts: dict[str, Any],
) -> int:
    """Write how far the scores agree, after what is compared: its title or its facts."""
    from pictell.evaluation.verification import repeat_text

    tolerance = default if options.tolerance is None else options.tolerance
    agrees = agreement.pictures > 0 and agreement.max_difference <= tolerance
    verified = agrees and agreement.repeats
    if options.format == "json":
        write_json(facts | asdict(agreement) | {"tolerance": tolerance, "verified": verified})
        return 0 if verified else SOME_FAILED
    print(visible(title))
    pictures = "picture" if agreement.pictures == 1 else "pictures"
    print(
        f"{agreement.pictures} {pictures}: same best class for {agreement.same_top1}; "
        f"largest difference of a probability {agreement.max_difference:.2g} "
        f"({visible(agreement.worst)}), median {agreement.median_difference:.2g}"
    )
    reason = f"the tolerance is {tolerance:g}"
    if not agreement.repeats:
        reason = repeat_text(agreement.repeat_difference, visible(agreement.repeat_worst))
    print(f"{'verified' if verified else 'NOT verified'}: {reason}")
    return 0 if verified else SOME_FAILED


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    if options.pictures and options.against is None:
        raise UsageError("pictures are used only to compare two runtimes: give --against RUNTIME")
    if options.against is not None and not options.pictures:
        raise UsageError("--against needs pictures: give MODEL, then the pictures")
    if options.against is not None and options.record:
        raise UsageError("--record and --against cannot be combined: give one of them")
    defaults.fill(options, "model")
    return options


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell verify", "[OPTION …] [MODEL] [PICTURE …]", EXAMPLE)
    add = parser.add_argument
    add("model", nargs="?", metavar="MODEL", help="name, folder or file (default)")
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or URLs, with --against")
    add_choice(parser, "--against", RUNTIMES, "a second runtime for the pictures")
    parser.add_format(("text", "json"))
    add("--record", action="store_true", help="store the current answers in the model's folder")
    largest = "largest difference of a probability (0.02, or as stored with the answers)"
    add("--tolerance", type=probability, metavar="T", help=largest)
    add_model_options(parser)
    add_engine_options(parser)
    return parser
