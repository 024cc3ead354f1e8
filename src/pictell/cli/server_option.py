"""The option of the main command that sends pictures to a server."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pictell.errors import UsageError

if TYPE_CHECKING:
    from pictell.server.client import RemoteClassifier

TOKEN_VARIABLE = "PICTELL_TOKEN"
# The options that mean the same with a server. All others are about a model on this machine.
FITTING = frozenset(
    """
    allow_private color details format from_file max_bytes min_score model names_only null
    output_file proxy quiet server status timeout_s top_k
    """.split()
)


def check_server_options(given: Mapping[str, str]) -> None:
    """Raise ``UsageError`` if an option that is given has no effect with a server.

    ``given`` has the options as they are written, by their names (see ``Parser.given``).
    """
    wrong = [written for name, written in given.items() if name not in FITTING]
    if wrong:
        # An empty URL replaces a server of the variable or of config.toml.
        instead = "leave out --server" if "server" in given else "give --server '' for none"
        raise UsageError(f"a server does not take {', '.join(wrong)}: leave that out, or {instead}")


def connect_to(options: argparse.Namespace) -> RemoteClassifier:
    """Connect to the server of the options. Raises ``UsageError`` or ``ServerError``."""
    # Most runs have no server.
    from pictell.server.client import connect

    return connect(options.server, model=options.model, limits=options.limits, proxy=options.proxy)
