"""``pictell models …``: what models there are, and which of them are here."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli.model_options import add_model_options, model_options
from pictell.cli.parser import Parser
from pictell.cli.progress import say
from pictell.errors import (
    InvalidModelError,
    ModelUnavailableError,
    RuntimeMissingError,
    UnknownModelError,
    UsageError,
)
from pictell.models import BUILT_IN
from pictell.models.folder import read_model_folder
from pictell.models.store import catalog
from pictell.models.store import local as store
from pictell.reports.escape import json_escaped, visible

if TYPE_CHECKING:
    from pictell.models.store.catalog import Row
    from pictell.options import ModelOptions

EXAMPLE = """\
See which models there are, get one, use it:

  pictell models
  pictell models pull inception5h
  pictell --model inception5h cat.jpg

  pictell models import my-model graph.pb --labels labels.txt --preset tf-slim
  pictell models path my-model
  pictell models rm my-model

Every one of these has its own --help.
"""
PULL_EXAMPLE = """\
Get models of the catalogue; what is cut off is continued the next time:

  pictell models pull inception5h
  pictell models pull --mirror https://models.example.org/pictell inception5h
  pictell models pull --offline --mirror /media/usb/models inception5h

A mirror, an address or a folder, has each file as MIRROR/NAME/FILE, with the name of the model and
the last part of the file's own address: /media/usb/models/inception5h/inception5h.zip.
"""
IMPORT_EXAMPLE = """\
Keep a model of your own under a name:

  pictell models import my-model model-folder/
  pictell models import my-model graph.pb --labels labels.txt --preset tf-slim
"""
PATH_EXAMPLE = """\
Print the folder of a model that is here:

  pictell models path inception5h
"""
REMOVE_EXAMPLE = """\
Remove models that were pulled or imported:

  pictell models rm inception5h my-model
"""
NOT_GIVEN = "—"
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"", "0", "false", "no", "off"}
HEADINGS = ("name", "MB", "top-1 %", "licence", "state")


def run(words: list[str]) -> int:
    """Run the subcommand that the first word names; without one, list the models."""
    command, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("list", words)
    if command == "list" and rest and not rest[0].startswith("-"):
        raise UsageError(f"no command {rest[0]!r}: pictell models {', '.join(COMMANDS)}")
    return COMMANDS[command](rest)


def show(words: list[str]) -> int:
    """List the models: built in, of the catalogue, imported."""
    parser = _parser(EXAMPLE, "models", "[list] [OPTION …]")
    parser.add_argument(
        "-f", "--format", choices=("text", "json"), default="text", metavar="F",
        help="text or json (text)",
    )  # fmt: skip
    records = list(_records())
    if parser.parse(words).format == "json":
        lines = (json_escaped(json.dumps(record, ensure_ascii=False)) for record in records)
        sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _table(records)))
    return 0


def pull(words: list[str]) -> int:
    """Bring models of the catalogue into the store."""
    parser = _parser(PULL_EXAMPLE, "models pull", "[OPTION …] NAME …")
    add = parser.add_argument
    add("names", nargs="+", metavar="NAME", help="a name that pictell models lists")
    add(
        "--mirror",
        default=os.environ.get("PICTELL_MIRROR") or None,
        metavar="M",
        help="an address or a folder that has the files instead (PICTELL_MIRROR)",
    )
    add(
        "--offline",
        action="store_true",
        help="never connect; a mirror that is a folder still does (PICTELL_OFFLINE=1)",
    )
    options = parser.parse(words)
    offline = options.offline or _is_set("PICTELL_OFFLINE")
    for name in options.names:
        _pull(name, options.mirror, offline)
    return 0


def remove(words: list[str]) -> int:
    """Remove models from the store."""
    parser = _parser(REMOVE_EXAMPLE, "models rm", "NAME …")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a model that is here")
    for name in parser.parse(words).names:
        store.remove(name)
        say(f"pictell: {name} is removed")
    return 0


def path(words: list[str]) -> int:
    """Print where a model is."""
    parser = _parser(PATH_EXAMPLE, "models path", "NAME")
    parser.add_argument("name", metavar="NAME", help="a model that is here")
    name = parser.parse(words).name
    folder = BUILT_IN.get(name) or store.folder_of(name)
    if folder is None and name in catalog.load():
        raise ModelUnavailableError(f"{name} is not here: get it with pictell models pull {name}")
    if folder is None:
        names = ", ".join([*BUILT_IN, *store.installed()])
        raise UnknownModelError(f"no model named {name!r} is here; there are: {names}")
    print(folder)
    return 0


def add(words: list[str]) -> int:
    """Put a model of the user's own into the store."""
    parser = _parser(IMPORT_EXAMPLE, "models import", "NAME PATH [OPTION …]")
    parser.add_argument("name", metavar="NAME", help="what it is to be called")
    parser.add_argument("path", type=Path, metavar="PATH", help="its file or its folder")
    add_model_options(parser)
    options = parser.parse(words)
    store.check_name(options.name)
    tried = _try(options.path, model_options(options))
    store.add(options.name, options.path, model_options(options))
    say(f"pictell: {options.name} is here{tried}: pictell --model {options.name} PICTURE")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "list": show,
    "pull": pull,
    "import": add,
    "path": path,
    "rm": remove,
}


def _parser(example: str, name: str, usage: str) -> Parser:
    parser = Parser(example=example, prog=f"pictell {name}", usage=f"pictell {name} {usage}")
    parser.add_argument("-h", "--help", action="help", help="show this help")
    return parser


def _pull(name: str, mirror: str | None, offline: bool) -> None:
    from pictell.models.store.pull import pull as bring

    if name in BUILT_IN:
        say(f"pictell: {name} is part of pictell: nothing is to be pulled")
        return
    row = catalog.find(name)
    with _bar(name) as report:
        bring(row, mirror=mirror, offline=offline, report=report)
    say(f"pictell: {name} is here: pictell --model {name} PICTURE")


def _try(path: Path, stated: ModelOptions) -> str:
    """Run the model once in a process of its own, if an engine for it is installed."""
    from pictell.models import find
    from pictell.models.folder import read_weights
    from pictell.runtimes.trial import try_in_child

    if not path.exists():
        raise UnknownModelError(f"no file or folder {str(path)!r}")
    spec = find(path.absolute(), stated)
    try:
        try_in_child(spec, read_weights(spec))
    except RuntimeMissingError as error:
        return f", though it cannot run yet ({error})"
    return ""


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, where somebody watches; a report of bytes for each file."""
    if not sys.stderr.isatty():
        yield lambda have, total: None
        return
    from tqdm import tqdm

    with tqdm(
        desc=name, unit="B", unit_scale=True, dynamic_ncols=True, leave=False, file=sys.stderr
    ) as bar:

        def report(have: int, total: int) -> None:
            if bar.total != total:  # a file begins, or goes on where an earlier run was cut off
                bar.reset(total)
                bar.n = bar.initial = have
                bar.refresh()
            bar.update(have - bar.n)

        yield report


def _is_set(variable: str) -> bool:
    word = os.environ.get(variable, "").lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise UsageError(f"{variable} is {word!r}: set it to 1 or 0")
    return word in TRUE_WORDS


def _records() -> Iterator[dict[str, object]]:
    """One record a model: built in, of the catalogue (if it can be had), imported."""
    rows, here = catalog.load(), store.installed()
    for name, folder in BUILT_IN.items():
        yield _record_of_folder(name, folder, "built in")
    for row in rows.values():
        if row.name in here:
            yield _record_of_folder(row.name, store.root() / row.name, "here")
        elif row.download is not None:
            yield _record_of_row(row, row.download.bytes)
    for name in here:
        if name not in rows:
            yield _record_of_folder(name, store.root() / name, "imported")


def _record_of_row(row: Row, size: int) -> dict[str, object]:
    return {
        "name": row.name,
        "bytes": size,
        "top1_accuracy": row.top1_accuracy,
        "licence": row.licence,
        "source": row.source,
        "state": None,
    }


def _record_of_folder(name: str, folder: Path, state: str) -> dict[str, object]:
    record: dict[str, object] = {"name": name, "bytes": None, "top1_accuracy": None}
    try:
        spec = read_model_folder(folder)
    except InvalidModelError:
        return record | {"licence": None, "source": None, "state": "broken"}
    files = (file for file in folder.rglob("*") if file.is_file())
    return record | {
        "bytes": sum(file.stat().st_size for file in files),
        "top1_accuracy": spec.top1_accuracy,
        "licence": spec.licence,
        "source": spec.source,
        "state": state,
    }


def _table(records: list[dict[str, object]]) -> Iterator[str]:
    """Aligned columns, the numbers to the right."""
    cells = [HEADINGS, *(_cells(record) for record in records)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, size, accuracy, licence, state in cells:
        yield (
            f"{name:{widths[0]}}  {size:>{widths[1]}}  {accuracy:>{widths[2]}}  "
            f"{licence:{widths[3]}}  {state}"
        )


def _cells(record: dict[str, object]) -> tuple[str, ...]:
    size, accuracy = record["bytes"], record["top1_accuracy"]
    return (
        str(record["name"]),
        f"{size / 1e6:.1f}" if isinstance(size, int) else NOT_GIVEN,
        f"{accuracy * 100:.1f}" if isinstance(accuracy, float) else NOT_GIVEN,
        visible(str(record["licence"] or NOT_GIVEN)),
        str(record["state"] or NOT_GIVEN),
    )
