"""The labelled pictures of a command, and the column of their labels."""

from __future__ import annotations

import argparse

from pictell.cli.parser import Parser
from pictell.errors import UsageError

COLUMN = "the column of the list that holds the labels"


def add_data_options(parser: Parser) -> None:
    """Add ``--data``, the same as an argument, and ``--column``."""
    parser.add_argument("place", nargs="?", metavar="DATA", help="the same as --data DATA")
    data = "a folder of class folders, or a list"
    parser.add_argument("-d", "--data", metavar="DATA", help=data)
    parser.add_argument("--column", metavar="C", help=COLUMN)


def data_of(options: argparse.Namespace) -> str:
    """The folder or list of labelled pictures. Raises ``UsageError`` without one or with two."""
    given = [one for one in (options.data, options.place) if one is not None]
    if not given:
        raise UsageError("give the labelled pictures: --data FOLDER, or --data LIST")
    if len(given) > 1:
        raise UsageError(f"the data is given twice, as {given[0]} and {given[1]}: give one of them")
    return str(given[0])
