"""An argument parser with errors of one line and help that starts with an example."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import NoReturn, TypeAlias

from pictell.errors import UsageError
from pictell.options import EngineOptions, Limits, ModelOptions

Part: TypeAlias = ModelOptions | EngineOptions | Limits

# How similar a word must be to an option or a command to suggest it, 0..1.
CLOSE = 0.75
# What other tools call these options.
OTHER_NAMES = {"scale": "std", "topk": "top-k", "threshold": "min-confidence", "weights": "model"}
# The start of argparse's message about unknown options.
UNKNOWN = "unrecognized arguments: "


class _Formatter(argparse.HelpFormatter):
    """The formatter of ``argparse``, whose own way to the width imports archive formats.

    ``argparse`` makes a formatter for each option that a parser gets.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """The width of the terminal in characters, which COLUMNS overrides; 80 without one."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    return 80


class Parser(argparse.ArgumentParser):
    """A parser that raises ``UsageError`` and whose help starts with ``example``.

    ``parts`` are the classes that check several options, by the name that their object has in what
    ``parse`` returns. The options have the names of its fields.
    """

    def __init__(self, prog: str, usage: str, example: str) -> None:
        super().__init__(
            prog=prog, usage=f"{prog} {usage}", allow_abbrev=False, formatter_class=_Formatter
        )
        self._example = example
        self.parts: dict[str, type[Part]] = {}

    def add_format(self, formats: Collection[str]) -> None:
        """Add the option for the format on stdout; the first one is the default."""
        first, names = next(iter(formats)), ", ".join(formats)
        text = f"{names}: the format of the output ({first})"
        self.add_argument("-f", "--format", choices=formats, default=first, help=text, metavar="F")

    def fold(self, group: argparse._ArgumentGroup, text: str) -> None:
        """Show a text in the help instead of the options of a group, which still work."""
        group.description = text
        # argparse reads it for the help only.
        group._group_actions = []

    def format_help(self) -> str:
        """The example, then argparse's help."""
        # argparse needs it, too; most runs show no help.
        from textwrap import fill

        def filled(paragraph: str) -> str:
            if " " in {line[:1] for line in paragraph.splitlines()}:
                return paragraph.rstrip("\n")
            return fill(paragraph, _columns(), break_long_words=False, break_on_hyphens=False)

        example = "\n\n".join(map(filled, self._example.split("\n\n")))
        return f"{example}\n\n{super().format_help()}"

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Parse options and pictures in any order. Raises ``UsageError``."""
        # Intermixed parsing in Python 3.11 ignores --.
        parse = self.parse_args if "--" in words else self.parse_intermixed_args
        options = parse(words)
        for name, kind in self.parts.items():
            setattr(options, name, self._make(kind, options))
        return options

    def given(self, options: argparse.Namespace) -> dict[str, str]:
        """The options that are not at their defaults, as they are written, by their names."""
        return {
            action.dest: action.option_strings[-1]
            for action in self._actions
            if action.option_strings
            and getattr(options, action.dest, action.default) != action.default
        }

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` instead of ending the process."""
        if message.startswith(UNKNOWN):
            words = message.removeprefix(UNKNOWN).split(" ")
            message = UNKNOWN + " ".join(map(self._with_nearest, words))
        raise UsageError(f"{message} (see {self.prog} --help)")

    def _make(self, kind: type[Part], options: argparse.Namespace) -> Part:
        """A dataclass of options; its errors name the option instead of the field."""
        given = {name: getattr(options, name) for name in kind.__slots__}
        try:
            return kind(**{name: value for name, value in given.items() if value is not None})
        except UsageError as error:
            name, must, expected = str(error).partition(" must ")
            for action in self._actions:
                if must and action.dest == name:
                    self.error(str(argparse.ArgumentError(action, f"must {expected}")))
            raise

    def _with_nearest(self, word: str) -> str:
        """An unknown option with the nearest one there is."""
        from difflib import get_close_matches

        if not word.startswith("--"):
            return word
        options = [option.removeprefix("--") for option in self._option_string_actions]
        wanted = word[2:].partition("=")[0]
        nearest = get_close_matches(OTHER_NAMES.get(wanted, wanted), options, 1, CLOSE)
        return f"{word} (did you mean --{nearest[0]}?)" if nearest else word


def add_choice(
    group: argparse._ActionsContainer,
    option: str,
    choices: Collection[str],
    meaning: str,
    default: str | None = None,
) -> None:
    """Add an option with a fixed list of values, which its help names."""
    metavar, text = option[2].upper(), f"{', '.join(choices)}: {meaning}"
    group.add_argument(option, choices=choices, default=default, metavar=metavar, help=text)


def whole_number(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def non_empty(text: str) -> str:
    """A text with at least a character."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def positive_int(text: str) -> int:
    """A whole number of 1 or more."""
    if (value := whole_number(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text!r}")
    return value


def number(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None


def probability(text: str) -> float:
    """A number in 0..1."""
    is_percentage = len(text) > 1 and text.endswith("%")
    value = number(text[:-1] if is_percentage else text)
    if not is_percentage and 0 <= value <= 1:
        return value
    instead = f": {value / 100:g} for {value:g} %" if 0 <= value <= 100 else ""
    raise argparse.ArgumentTypeError(f"must be in 0..1, not {text!r}{instead}")
