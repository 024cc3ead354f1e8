"""An argument parser with errors of one line and help that starts with an example."""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

from pictell.errors import UsageError

# Python refuses to parse thousands of digits.
MAX_DIGITS = 18
# How similar a word must be to an option or a command to suggest it, 0..1.
CLOSE = 0.75
# The start of argparse's message about unknown options.
UNKNOWN = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """A parser that raises ``UsageError`` and whose help starts with ``example``."""

    def __init__(self, *, example: str, prog: str, usage: str) -> None:
        super().__init__(prog=prog, usage=usage, add_help=False, allow_abbrev=False)
        self._example = example

    def format_help(self) -> str:
        """The example, then argparse's help."""
        return f"{self._example}\n{super().format_help()}"

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Parse options and pictures in any order. Raises ``UsageError``."""
        # Intermixed parsing in Python 3.11 ignores --.
        return self.parse_args(words) if "--" in words else self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` instead of ending the process."""
        if message.startswith(UNKNOWN):
            words = message.removeprefix(UNKNOWN).split(" ")
            message = UNKNOWN + " ".join(map(self._with_nearest, words))
        raise UsageError(f"{message} (see {self.prog} --help)")

    def _with_nearest(self, word: str) -> str:
        """An unknown option with the nearest one there is."""
        from difflib import get_close_matches

        if not word.startswith("--"):
            return word
        options = [option.removeprefix("--") for option in self._option_string_actions]
        nearest = get_close_matches(word[2:].partition("=")[0], options, 1, CLOSE)
        return f"{word} (did you mean --{nearest[0]}?)" if nearest else word


def positive_int(text: str) -> int:
    """A whole number of 1 or more."""
    return _whole_number(text, least=1)


def non_negative_int(text: str) -> int:
    """A whole number of 0 or more."""
    return _whole_number(text, least=0)


def non_negative(text: str) -> float:
    """A finite number of 0 or more."""
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, not {text!r}")
    return value


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return value


def probability(text: str) -> float:
    """A number in 0..1."""
    is_percentage = len(text) > 1 and text.endswith("%")
    value = number(text[:-1] if is_percentage else text)
    if not is_percentage and 0 <= value <= 1:
        return value
    instead = f": {value / 100:g} for {value:g} %" if 0 <= value <= 100 else ""
    raise argparse.ArgumentTypeError(f"must be in 0..1, not {text!r}{instead}")


def positive_seconds(text: str) -> float:
    """A time in seconds, above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a time in seconds above 0, not {text!r}")
    return seconds


def _whole_number(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS) or int(text) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of {least} or more, not {text!r}")
    return int(text)
