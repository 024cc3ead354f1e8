"""``pictell undo``: put back the files that a run of a command changed."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.output import say, write_json
from pictell.cli.parser import Parser
from pictell.errors import JournalError, UsageError
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from pictell.collection.journal import Run
    from pictell.collection.undo import Undone

EXAMPLE = """\
Put back the files that the last run of pictell sort or pictell tag changed, or another run:

  pictell undo --list
  pictell undo --dry-run
  pictell undo
  pictell undo RUN

What was changed since by someone else is not touched: it is named, and the exit status is 1. Undo
the run again to try the rest. The journals of runs, with copies of files that a run replaced or
removed, stay until you remove them:

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

    files: list[Undone] = []
    for file in undo(chosen, dry_run=options.dry_run):
        files.append(file)
        if file.refused is not None:
            say(f"{file.path}: {file.refused}; not put back")
        elif options.dry_run and options.format == "text":
            to = "" if file.to is None else f" to {file.to}"
            print(visible(f"{file.action} {file.path}{to}"))
    done = sum(file.refused is None for file in files)
    if options.format == "json":
        write_json({"run": chosen.id, "dry_run": options.dry_run, "files": [*map(_record, files)]})
    elif not options.dry_run:
        header, _, _ = chosen.read()
        count = "1 file" if done == 1 else f"{done} files"
        print(visible(f"put back {count} of pictell {header.command}, run {chosen.id}"))
    return SOME_FAILED if done < len(files) else 0


def _record(file: Undone) -> dict[str, object]:
    to = None if file.to is None else str(file.to)
    return {"path": str(file.path), "action": file.action, "to": to, "refused": file.refused}


def _list(runs: list[Run], format_: str) -> int:
    """Write the runs, the last one first; name those whose journals are damaged."""
    records = list[dict[str, object]]()
    for one in runs:
        try:
            (header, entries, _), state = one.read(), one.state
        except JournalError as error:
            say(str(error))
            continue
        words = " ".join(["pictell", header.command, *map(os.fsdecode, header.words)])
        folder = str(Path(os.fsdecode(header.folder)))
        record = {"run": one.id, "time": header.time.isoformat(), "command": header.command}
        records.append(
            {**record, "words": words, "folder": folder, "files": len(entries), "state": state}
        )
        if format_ == "text":
            local = f"{header.time.astimezone():%Y-%m-%d %H:%M}"
            print(visible(f"{one.id}  {local}  {state:13}  {len(entries):6} files  {words}"))
    if format_ == "json":
        write_json(records)
    return 0 if len(records) == len(runs) else SOME_FAILED


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell undo", "[OPTION …] [RUN]", EXAMPLE)
    add = parser.add_argument
    add("run", nargs="?", metavar="RUN", help="a run of --list (the last one that is not undone)")
    add("--list", action="store_true", help="list the runs, the last one first")
    add("-n", "--dry-run", action="store_true", help="say what would be done, and change nothing")
    forget = "remove the journal of RUN, or of all runs: they cannot be undone any more"
    add("--forget", metavar="RUN", help=forget)
    parser.add_format(("text", "json"))
    return parser
