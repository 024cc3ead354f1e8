"""``pictell undo``: put back the files that a run of a command changed."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING

from pictell.cli.amounts import files
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write_json
from pictell.cli.parser import Parser
from pictell.errors import JournalError, UsageError
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pictell.collection.journal import Run
    from pictell.collection.journal_lines import Header
    from pictell.collection.undo import Undone

EXAMPLE = """\
Put back the files that the last run of pictell sort or pictell tag changed, or another run:

  pictell undo --list
  pictell undo --dry-run
  pictell undo
  pictell undo RUN

Files that changed after the run are left alone; undo names them, and its exit status is 1. The next
pictell undo tries these again; to go on with an earlier run, give its name. The list says how many
files a run changed, of a stopped one by looking at the files. The journals of runs, with copies of
files that a run replaced or removed, stay until you remove them:

  pictell undo --forget RUN
  pictell undo --forget all
"""
ALL = "all"


def run(words: list[str]) -> int:
    """Undo a run, or list or forget runs."""
    options = _parse(words)
    from pictell.collection.journal import find_runs, journals_folder

    runs = find_runs(journals_folder())
    if options.list:
        return _list(runs, options.format)
    if options.forget is not None:
        forgotten = runs if options.forget == ALL else [_named(runs, options.forget)]
        for one in forgotten:
            one.forget()
        return 0
    return _undo(_chosen(runs, options.run), options)


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    given = [options.run, options.list or None, options.forget, options.dry_run or None]
    together = options.run is not None and options.dry_run
    if sum(one is not None for one in given) > 1 + together:
        raise UsageError("give one of: RUN with or without --dry-run, --list, --forget")
    return options


def _chosen(runs: list[Run], name: str | None) -> Run:
    from pictell.collection.journal import UNDONE

    if name is not None:
        return _named(runs, name)
    for one in runs:
        if one.state != UNDONE:
            return one
    raise UsageError("there is no run to undo: no file was changed, or all runs are undone")


def _named(runs: list[Run], name: str) -> Run:
    for one in runs:
        if one.id == name:
            return one
    raise UsageError(f"there is no run {name}: see pictell undo --list")


def _undo(chosen: Run, options: argparse.Namespace) -> int:
    from pictell.collection.undo import undo

    done: list[Undone] = []
    for file in undo(chosen, dry_run=options.dry_run):
        done.append(file)
        if file.refused is not None:
            say(f"{file.path}: {file.refused}; not put back")
        elif options.dry_run and options.format == "text" and not options.quiet:
            to = "" if file.to is None else f" to {file.to}"
            print(visible(f"{file.action} {file.path}{to}"))
    refused = sum(file.refused is not None for file in done)
    if options.format == "json":
        write_json({"run": chosen.id, "dry_run": options.dry_run, "files": [*map(_record, done)]})
    elif not (options.dry_run or options.quiet):
        print(visible(f"took back: {_words_and_folder(chosen.read()[0])}: {_amounts(done)}"))
    if refused and not (options.dry_run or options.quiet):
        say(
            f"{files(refused)} not put back: pictell undo {chosen.id} tries again, pictell undo "
            "RUN takes back another run of --list, "
            f"pictell undo --forget {chosen.id} gives up the rest"
        )
    return SOME_FAILED if refused else 0


def _words_and_folder(header: Header) -> str:
    """The command line of a run, and where it ran."""
    folder = os.fsdecode(header.folder)
    return f"{_words(header)} (in {folder})" if folder else _words(header)


def _words(header: Header) -> str:
    return shlex.join(["pictell", header.command, *map(os.fsdecode, header.words)])


def _amounts(done: Sequence[Undone]) -> str:
    """How many files were put back, and how many new ones are removed."""
    actions = [file.action for file in done if file.refused is None]
    removed = actions.count("remove")
    parts = [(len(actions) - removed, "put back"), (removed, "removed")]
    return ", ".join(f"{files(number)} {verb}" for number, verb in parts if number) or files(0)


def _record(file: Undone) -> dict[str, object]:
    to = None if file.to is None else str(file.to)
    return {"path": str(file.path), "action": file.action, "to": to, "refused": file.refused}


def _list(runs: list[Run], format_: str) -> int:
    """Write the runs, the last one first; name those whose journals are damaged."""
    from pictell.collection.undo import count_files

    records = list[dict[str, object]]()
    for one in runs:
        try:
            header, n_files, state = one.read()[0], count_files(one), one.state
        except JournalError as error:
            say(str(error))
            continue
        records.append(_run_record(one.id, header, n_files, state))
        if format_ == "text":
            local = f"{header.time.astimezone():%Y-%m-%d %H:%M}"
            about = f"{local}  {state:13}  {files(n_files):>12}"
            print(visible(f"{one.id}  {about}  {_words_and_folder(header)}"))
    if format_ == "json":
        write_json(records)
    return 0 if len(records) == len(runs) else SOME_FAILED


def _run_record(run: str, header: Header, n_files: int, state: str) -> dict[str, object]:
    return {
        "run": run,
        "time": header.time.isoformat(),
        "command": header.command,
        "words": _words(header),
        "folder": os.fsdecode(header.folder),
        "files": n_files,
        "state": state,
    }


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell undo", "[OPTION …] [RUN]", EXAMPLE)
    add = parser.add_argument
    add("run", nargs="?", metavar="RUN", help="a run of --list (the last one that is not undone)")
    add("--list", action="store_true", help="list the runs, the last one first")
    add("-n", "--dry-run", action="store_true", help="say what would be done, and change nothing")
    forget = "remove the journal of RUN, or of all runs: they cannot be undone any more"
    add("--forget", metavar="RUN", help=forget)
    add("-q", "--quiet", action="store_true", help="only the files that cannot be put back")
    parser.add_format(("text", "json"))
    return parser
