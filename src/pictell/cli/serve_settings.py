"""The options of ``pictell serve`` from variables and ``config.toml``."""

from __future__ import annotations

import argparse
import os
from typing import Any

from pictell.cli import defaults
from pictell.cli.parser import Parser
from pictell.errors import UsageError

TABLE = "serve"
PREFIX = "PICTELL_SERVE_"
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Several(argparse._AppendAction):
    """An option that is given several times. Its values replace those of variables and the file."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add a value."""
        if getattr(namespace, self.dest) is self.default:
            setattr(namespace, self.dest, None)
        super().__call__(parser, namespace, values, option_string)


def fill_from_elsewhere(parser: Parser) -> None:
    """Make what variables and the table ``[serve]`` of the file say the defaults of the options.

    Raises ``UsageError``, which names where a wrong value is.
    """
    options = {_key(action): action for action in parser._actions if action.option_strings}
    options.pop("help", None)
    path = defaults.config_path()
    for key, value in defaults.read_table(TABLE).items():
        where = f"{path.name}: {TABLE}.{key}"
        if key not in options:
            raise UsageError(f"{where}: there is no option --{key.replace('_', '-')}")
        _set(parser, options[key], value, where)
    for key, action in options.items():
        if text := os.environ.get(PREFIX + key.upper()):
            _set(parser, action, text, PREFIX + key.upper())


def _key(action: argparse.Action) -> str:
    """The name of an option in variables and the file: its long form."""
    long = next(one for one in action.option_strings if one.startswith("--"))
    return long.removeprefix("--").replace("-", "_")


def _set(parser: Parser, action: argparse.Action, value: object, where: str) -> None:
    """Raises ``UsageError``."""
    try:
        parser.set_defaults(**{action.dest: _to_value(action, value)})
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{where} {error}") from error


def _to_value(action: argparse.Action, value: object) -> Any:
    """The value of an option. A list in a variable has spaces between its items."""
    if isinstance(action, argparse._AppendAction):
        texts = value if isinstance(value, list) else str(value).split()
        return [_convert(action, str(one)) for one in texts]
    if action.nargs == 0:
        return _to_boolean(str(value)) == bool(action.const)
    return _convert(action, str(value))


def _convert(action: argparse.Action, text: str) -> Any:
    if action.choices is not None and text not in action.choices:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(action.choices)}")
    return action.type(text) if callable(action.type) else text


def _to_boolean(text: str) -> bool:
    if text.lower() not in {*TRUE, *FALSE}:
        raise argparse.ArgumentTypeError(f"must be true or false, not {text!r}")
    return text.lower() in TRUE
