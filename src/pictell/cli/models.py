"""``pictell models``: list, pull, import, locate and remove models."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pictell.cli.amounts import size as amount
from pictell.cli.model_options import add_model_options
from pictell.cli.output import say, write_json
from pictell.cli.parser import Parser
from pictell.errors import InvalidModelError, RuntimeMissingError, UsageError
from pictell.models import BUILT_IN, find
from pictell.models.folder import read_model_folder
from pictell.models.store import catalog
from pictell.models.store import local as store
from pictell.reports.columns import aligned

if TYPE_CHECKING:
    from pictell.graphs import Weights
    from pictell.models.store.catalog import Row
    from pictell.types import ModelSpec

LIST_EXAMPLE = """\
List the models, download one, use it:

  pictell models
  pictell models pull inception5h
  pictell --model inception5h samples/golf-ball.png

Import a model of your own, print its folder, remove it:

  pictell models import my-model MODEL.pb --labels LABELS.txt --preset tf-slim
  pictell models path my-model
  pictell models rm my-model

The accuracy is the published one on ImageNet, mostly of the float32 network. Each of these commands
has its own --help.
"""
PULL_EXAMPLE = """\
Download models of the catalogue; an interrupted download continues the next time:

  pictell models pull inception5h
  pictell models pull --mirror https://models.example.org/pictell inception5h
  pictell models pull --offline --mirror /media/usb/models inception5h

A mirror is an address or a folder. It has each file as MIRROR/NAME/FILE, where FILE is the last
part of the file's original address: /media/usb/models/inception5h/inception5h.zip.
"""
IMPORT_EXAMPLE = """\
Copy a model of your own into pictell's data folder, under a name:

  pictell models import my-model MODEL-FOLDER/
  pictell models import my-model MODEL.pb --labels LABELS.txt --preset tf-slim
"""
PATH_EXAMPLE = "Print the folder of an installed model:\n\n  pictell models path default\n"
REMOVE_EXAMPLE = "Remove a pulled or imported model:\n\n  pictell models rm inception5h\n"
NOT_GIVEN = "—"
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"", "0", "false", "no", "off"}
HEADINGS = ("name", "size", "top-1 %", "licence", "state")
ALIGN = "<>><<"


def run(words: list[str]) -> int:
    """Run the subcommand that the first word names; without one, list the models."""
    command, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("list", words)
    if command == "list" and rest and not rest[0].startswith("-"):
        raise UsageError(f"unknown command {rest[0]!r}: use pictell models {', '.join(COMMANDS)}")
    chosen = COMMANDS[command]
    chosen.run(chosen.parser().parse(rest))
    return 0


class Command(NamedTuple):
    """A subcommand: what makes its parser, and what runs it."""

    parser: Callable[[], Parser]
    run: Callable[[Namespace], None]


def list_parser() -> Parser:
    """The options of ``pictell models``."""
    parser = Parser("pictell models", "[list] [OPTION …]", LIST_EXAMPLE)
    parser.add_format(("text", "json"))
    return parser


def show(options: Namespace) -> None:
    """List the models: built in, in the catalogue, imported."""
    records = list(_records())
    if options.format == "json":
        write_json(records)
    else:
        print("".join(aligned([HEADINGS, *map(_cells, records)], ALIGN, indent="")), end="")


def pull_parser() -> Parser:
    """The options of ``pictell models pull``."""
    parser = Parser("pictell models pull", "[OPTION …] NAME …", PULL_EXAMPLE)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a name that pictell models lists")
    mirror = "an address or a folder to take the files from (PICTELL_MIRROR)"
    default = os.environ.get("PICTELL_MIRROR") or None
    parser.add_argument("--mirror", metavar="M", default=default, help=mirror)
    offline = "never use the network, only a mirror that is a folder (PICTELL_OFFLINE=1)"
    parser.add_argument("--offline", action="store_true", help=offline)
    return parser


def pull(options: Namespace) -> None:
    """Download models of the catalogue."""
    is_offline = options.offline or _is_set("PICTELL_OFFLINE")
    for name in options.names:
        _pull(name, options.mirror, is_offline)


def import_parser() -> Parser:
    """The options of ``pictell models import``."""
    parser = Parser("pictell models import", "NAME PATH [OPTION …]", IMPORT_EXAMPLE)
    parser.add_argument("name", metavar="NAME", help="the name to give it")
    parser.add_argument("path", type=Path, metavar="PATH", help="the model's file or folder")
    add_model_options(parser)
    return parser


def add(options: Namespace) -> None:
    """Copy a model of the user's own into the store."""
    store.add(options.name, options.path, options.model_options, check=_check_it_runs)
    _say_installed(options.name)


def path_parser() -> Parser:
    """The options of ``pictell models path``."""
    parser = Parser("pictell models path", "NAME", PATH_EXAMPLE)
    parser.add_argument("name", metavar="NAME", help="an installed model")
    return parser


def path(options: Namespace) -> None:
    """Print the folder of a model."""
    print(find(options.name).weights.parent)


def remove_parser() -> Parser:
    """The options of ``pictell models rm``."""
    parser = Parser("pictell models rm", "NAME …", REMOVE_EXAMPLE)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a pulled or imported model")
    return parser


def remove(options: Namespace) -> None:
    """Remove models from the store."""
    for name in options.names:
        store.remove(name)
        say(f"{name} is removed")


COMMANDS = {
    "list": Command(list_parser, show),
    "pull": Command(pull_parser, pull),
    "import": Command(import_parser, add),
    "path": Command(path_parser, path),
    "rm": Command(remove_parser, remove),
}


def _is_set(variable: str) -> bool:
    word = os.environ.get(variable, "").lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise UsageError(f"{variable} is {word!r}: set it to 1 or 0")
    return word in TRUE_WORDS


def _pull(name: str, mirror: str | None, offline: bool) -> None:
    # Imported here: the other commands need no network.
    from tqdm import tqdm

    from pictell.models.store.pull import pull as pull_row

    if name in BUILT_IN:
        say(f"{name} is built in: there is nothing to download")
        return
    row = catalog.find(name)
    # disable=None: no bar unless stderr is a terminal.
    with tqdm(
        desc=name, unit="B", unit_scale=True, dynamic_ncols=True, leave=False, disable=None
    ) as bar:

        def report(have: int, total: int) -> None:
            if bar.total != total:  # the next file
                bar.reset(total)
            bar.update(have - bar.n)

        pull_row(row, mirror=mirror, offline=offline, report=report)
    _say_installed(name)


def _check_it_runs(spec: ModelSpec, weights: Weights) -> None:
    """Run the model once in a separate process, if a runtime for it is installed."""
    from pictell.runtimes.trial import try_in_child

    try:
        try_in_child(spec, weights)
    except RuntimeMissingError as error:
        say(f"the model cannot run yet: {error}")


def _say_installed(name: str) -> None:
    say(f"{name} is installed: pictell --model {name} PICTURE")


def _records() -> Iterator[dict[str, object]]:
    """One record for each model: built in, in the catalogue (if it has a download), imported."""
    rows, installed = catalog.load(), store.installed()
    for name, folder in BUILT_IN.items():
        yield _record_of_folder(name, folder, "built in")
    for row in rows.values():
        if row.name in installed:
            yield _record_of_folder(row.name, installed[row.name], "installed")
        elif row.download is not None:
            yield _record(row.name, row.download.bytes, row, "available")
    for name in sorted(installed.keys() - rows.keys()):
        yield _record_of_folder(name, installed[name], "imported")


def _record_of_folder(name: str, folder: Path, state: str) -> dict[str, object]:
    try:
        spec = read_model_folder(folder)
    except InvalidModelError:
        return _record(name, None, None, "damaged")
    files = (file for file in folder.rglob("*") if file.is_file())
    return _record(name, sum(file.stat().st_size for file in files), spec, state)


def _record(
    name: str, size: int | None, model: Row | ModelSpec | None, state: str
) -> dict[str, object]:
    facts = {key: getattr(model, key, None) for key in ("top1_accuracy", "licence", "source")}
    return {"name": name, "bytes": size, **facts, "state": state}


def _cells(record: dict[str, object]) -> tuple[str, ...]:
    size, accuracy = record["bytes"], record["top1_accuracy"]
    return (
        str(record["name"]),
        amount(size) if isinstance(size, int) else NOT_GIVEN,
        f"{accuracy:.1%}".rstrip("%") if isinstance(accuracy, float) else NOT_GIVEN,
        str(record["licence"] or NOT_GIVEN),
        str(record["state"]),
    )
