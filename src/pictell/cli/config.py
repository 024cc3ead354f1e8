"""``pictell config``: the defaults of options, and where they come from."""

from __future__ import annotations

import os

from pictell.cli import defaults
from pictell.cli.output import write_json
from pictell.cli.parser import Parser
from pictell.reports.escape import visible

EXAMPLE = """\
Show the defaults of options and where each comes from:

  pictell config
  pictell config --format json
  PICTELL_FORMAT=json pictell config

Print the path of the file of defaults:

  pictell config --path

The file is TOML, with any of these lines; a variable such as PICTELL_MODEL replaces a line, an
option on the command line replaces both:

  model = "default"
  min_confidence = 0.95
  format = "jsonl"
  server = "http://localhost:8000"
"""


def run(words: list[str]) -> int:
    """Write the defaults, or the path of their file."""
    options = make_parser().parse(words)
    path = defaults.config_path()
    if options.path:
        print(visible(str(path)))
        return 0
    found, exists = defaults.find(*defaults.KEYS), os.path.lexists(path)
    if options.format == "json":
        settings = {key: default._asdict() for key, default in found.items()}
        write_json({"file": str(path), "exists": exists, "defaults": settings})
        return 0
    rows = [
        (key, "none" if default.value is None else str(default.value), default.origin)
        for key, default in found.items()
    ]
    rows = [("file", str(path), "exists" if exists else "does not exist"), *rows]
    cells = [tuple(map(visible, row)) for row in rows]
    key_width, value_width, _ = (max(map(len, column)) for column in zip(*cells, strict=True))
    for key, value, origin in cells:
        print(f"{key:{key_width}}  {value:{value_width}}  {origin}")
    return 0


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell config", "[OPTION …]", EXAMPLE)
    parser.add_format(("text", "json"))
    path = "print only the path of the file of defaults"
    parser.add_argument("--path", action="store_true", help=path)
    return parser
