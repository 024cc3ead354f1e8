"""What could stand at the cursor of a command line: the answer to a shell that asks.

The shell runs pictell with the command line in variables, by the script of ``pictell completion``;
argcomplete reads them, and writes the answer to file descriptor 8.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from argcomplete.completers import BaseCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.lexers import split_line

from pictell.cli.answer_options import ANSWERED
from pictell.cli.parser import Parser
from pictell.errors import PictellError, UsageError
from pictell.models import BUILT_IN
from pictell.models.store import catalog, local
from pictell.results import Status

PROGRAM = "pictell"
# No command line is longer.
MAX_DIGITS = 9
# The metavars of arguments that are files.
FILES = {"DATA", "FILE", "FOLDER", "LIST", "PATH", "TABLE", "TARGET"}


def complete(commands: Sequence[str], help_word: str) -> None:
    """Answer the shell and end the process. Raises ``UsageError`` for a wrong question."""
    cursor = os.environ.get("COMP_POINT", "")
    if not cursor.isdecimal() or len(cursor) > MAX_DIGITS:
        raise UsageError(f"COMP_POINT must be the position of the cursor, not {cursor!r}")
    *_, words, _ = split_line(os.environ["COMP_LINE"], int(cursor))
    start = _program(words)
    before = words[start + 1 :]
    parser, used = _parser(before, commands, help_word)
    # argcomplete leaves out the words before the parser's own; it counts from 1.
    os.environ["_ARGCOMPLETE"] = str(start + used + 1)
    values = _Values(() if before else (*commands, help_word))
    _Finder()(parser, always_complete_options=False, default_completer=values)


class _Finder(CompletionFinder):
    """A finder that knows that options may stand between pictures."""

    def collect_completions(
        self, active_parsers: Any, parsed_args: argparse.Namespace, cword_prefix: str
    ) -> list[str]:
        """The completions of the word at the cursor."""
        parser = active_parsers[-1]
        if not parser.active_actions:
            parser.active_actions = [
                action for action in parser._get_positional_actions() if action.nargs in ("*", "+")
            ]
        return super().collect_completions(active_parsers, parsed_args, cword_prefix)


def _program(words: Sequence[str]) -> int:
    """The position of the program's name: zsh gives the whole line, with other commands too."""
    names = [position for position, word in enumerate(words) if os.path.split(word)[1] == PROGRAM]
    return names[-1] if names and os.environ.get("_ARGCOMPLETE_SHELL") == "zsh" else 0


def _parser(words: Sequence[str], commands: Sequence[str], help_word: str) -> tuple[Parser, int]:
    """The parser for what follows these words, and how many of them name its command."""
    command, *rest = words or [""]
    if command == "models":
        return _models_parser(rest)
    if command == help_word:
        parser = Parser("pictell help", "[COMMAND]", "")
        parser.add_argument("command", nargs="?", choices=commands)
        return parser, 1
    module, used = (command, 1) if command in commands else ("classify", 0)
    return import_module(f"pictell.cli.{module}").make_parser(), used


def _models_parser(words: Sequence[str]) -> tuple[Parser, int]:
    from pictell.cli import models

    if words and words[0] in models.COMMANDS:
        return models.COMMANDS[words[0]].parser(), 2
    parser = models.list_parser()
    parser.add_argument("command", nargs="?", choices=models.COMMANDS)
    return parser, 1


class _Values(BaseCompleter):
    """The values of an argument without choices: names of models, files, or nothing.

    ``commands`` can stand where the first picture can.
    """

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = commands

    def __call__(
        self,
        *,
        prefix: str,
        action: argparse.Action,
        parser: argparse.ArgumentParser,
        parsed_args: argparse.Namespace,
    ) -> Iterable[str]:
        """The values that could stand at the cursor; argcomplete takes those with the prefix."""
        if action.dest == "pictures":
            return [*self._commands, *_files(prefix)]
        if action.dest in {"model", "file"}:
            return [*_models(), *_files(prefix)]
        if action.dest == "status":
            return STATUSES.get(parser.prog, tuple(Status))
        if action.dest == "by":
            return ["date", "label", "date,label", "label,date"]
        if action.dest in {"name", "names"}:
            return NAMES[parser.prog]()
        return _files(prefix) if action.metavar in FILES or action.dest == "mirror" else ()


def _models() -> list[str]:
    """The models that are built in, installed or can be downloaded."""
    return list(dict.fromkeys([*BUILT_IN, *_installed(), *_published()]))


def _installed() -> Iterable[str]:
    with suppress(PictellError):
        return local.installed()
    return ()


def _published() -> list[str]:
    return [row.name for row in catalog.load().values() if row.download is not None]


# The statuses of a command that takes only some.
STATUSES = {"pictell sort": ANSWERED, "pictell tag": ANSWERED}
# What the names of these commands are.
NAMES: Mapping[str, Callable[[], Iterable[str]]] = {
    "pictell models pull": _published,
    "pictell models import": list,
    "pictell models path": lambda: [*BUILT_IN, *_installed()],
    "pictell models rm": _installed,
}


def _files(prefix: str) -> Iterator[str]:
    """The files and folders whose path begins with a prefix; hidden ones if it asks for them."""
    folder, start = os.path.split(prefix)
    # A home folder stays ~ on the command line, and Path would remove ./ from it.
    real = os.path.expanduser(folder) or "."  # noqa: PTH111
    with suppress(OSError, ValueError), os.scandir(real) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            # A shell takes the answer as lines.
            if entry.name.isprintable() and (start or not entry.name.startswith(".")):
                yield os.path.join(folder, entry.name) + "/" * entry.is_dir()  # noqa: PTH118
