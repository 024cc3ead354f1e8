"""argparse with pictell's manners: errors of one line, help that starts with an example."""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

from pictell.errors import UsageError

# Python refuses to parse thousands; nobody means more than these.
MAX_DIGITS = 18


class Parser(argparse.ArgumentParser):
    """A parser that raises ``UsageError`` and shows ``example`` before anything else."""

    def __init__(self, *, example: str, prog: str, usage: str) -> None:
        super().__init__(prog=prog, usage=usage, add_help=False, allow_abbrev=False)
        self._example = example

    def format_help(self) -> str:
        """The example, then argparse's own page."""
        return f"{self._example}\n{super().format_help()}"

    def parse(self, words: list[str]) -> argparse.Namespace:
        """The command line, options and pictures in any order. Raises ``UsageError``."""
        # Mixed, Python 3.11 forgets what -- says of the words after it.
        return self.parse_args(words) if "--" in words else self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        """Raise instead of exit: one table turns errors into exit statuses."""
        raise UsageError(f"{message} (see {self.prog} --help)")


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
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be in 0..1, not {text!r}")
    return value


def positive_seconds(text: str) -> float:
    """A time in seconds above 0."""
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
