"""What commands write: data to stdout, messages to stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable

from pictell.places import hide_in_text
from pictell.reports.escape import json_escaped, visible


def say(message: str) -> None:
    """Write a message to stderr, as one line, without passwords. Errors of stderr are ignored."""
    with contextlib.suppress(OSError):
        print(f"pictell: {visible(hide_in_text(message))}", file=sys.stderr, flush=True)


def write(pieces: Iterable[bytes]) -> None:
    """Write every piece to stdout as soon as it is ready."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def write_json(record: object) -> None:
    """Write a JSON document to stdout, with nothing in it that a terminal obeys."""
    # Most commands write no JSON.
    import json

    lines = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2).split("\n")
    write(f"{json_escaped(line)}\n".encode() for line in lines)


def write_json_lines(records: Iterable[object]) -> None:
    """Write each record to stdout as a line of JSON, as soon as it is ready."""
    import json

    lines = (json.dumps(one, ensure_ascii=False, allow_nan=False) for one in records)
    write(f"{json_escaped(line)}\n".encode() for line in lines)
