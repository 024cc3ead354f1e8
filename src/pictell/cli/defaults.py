"""Defaults of options: environment variables, then ``config.toml``, then the built-in values.

docs/command-line.md describes them. ``pictell.load()`` in Python does not use them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pictell import models
from pictell.cli.parser import CLOSE, probability
from pictell.errors import InvalidModelError, ModelError, UsageError
from pictell.files import TextFileError, os_reason, read_text
from pictell.options import MIN_CONFIDENCE
from pictell.reports import FORMATS

FILE = "config.toml"
MAX_BYTES = 1024 * 1024
# Tables of the file, whose keys are the options of a command.
TABLES = ("serve",)
# Where a value comes from that neither a variable nor the file gives.
BUILT_IN = "default"


class Default(NamedTuple):
    """The value of a key, and its origin: a variable, the path of the file, or ``BUILT_IN``."""

    value: Any
    origin: str


class Key(NamedTuple):
    """A key of the file: the built-in value, its types in TOML, and the check of a value.

    ``check`` gives the value, or raises ``argparse.ArgumentTypeError``, ``UsageError`` or a
    ``ModelError``.
    """

    built_in: str | float | None
    types: tuple[type, ...]
    check: Callable[[Any], Any]


def config_path() -> Path:
    """The path of the file, which need not exist. ``PICTELL_CONFIG`` replaces it."""
    if chosen := os.environ.get("PICTELL_CONFIG"):
        try:
            return Path(chosen).absolute()
        except OSError as error:
            raise UsageError(f"PICTELL_CONFIG={chosen} is no path: {os_reason(error)}") from error
    if sys.platform == "linux":
        # What platformdirs says. Its import takes longer than all else that is done here.
        folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        folder = folder if folder.is_absolute() else _expanded("~/.config")
        return folder / "pictell" / FILE
    from pictell.user_folders import config_folder

    return config_folder() / FILE


def fill(options: argparse.Namespace, *keys: str) -> None:
    """Set those of the options that are ``None`` to their defaults. Raises ``UsageError``."""
    missing = [key for key in keys if getattr(options, key) is None]
    for key, default in find(*missing).items():
        setattr(options, key, default.value)


def find(*keys: str) -> dict[str, Default]:
    """The defaults of some keys. Raises ``UsageError``, which names where a wrong value is."""
    found = {key: Default(KEYS[key].built_in, BUILT_IN) for key in keys}
    variables = {key: variable for key in keys if os.environ.get(variable := _variable(key))}
    if len(variables) < len(keys):
        path = config_path()
        for key, value in _read(path).items():
            if key in found and key not in variables:
                found[key] = Default(_from_file(key, value, path), str(path))
    for key, variable in variables.items():
        found[key] = Default(_checked(key, os.environ[variable], variable), variable)
    return found


def read_table(name: str) -> Mapping[str, object]:
    """A table of the file, such as ``[serve]``; empty without it. Raises ``UsageError``."""
    table = _read(config_path()).get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{FILE}: {name} must be a table: [{name}]")
    return table


def _variable(key: str) -> str:
    return f"PICTELL_{key.upper()}"


def _read(path: Path) -> Mapping[str, object]:
    """The file's table, empty without a file."""
    if not os.path.lexists(path) or path == Path(os.devnull):
        return {}
    from pictell.models import toml

    try:
        table = toml.parse(read_text(path, MAX_BYTES), path.name, dict[str, object])
    except TextFileError as error:
        raise UsageError(f"the defaults in {path} cannot be used: the file {error}") from error
    except InvalidModelError as error:
        raise UsageError(str(error)) from error
    for key in table:
        if key not in KEYS and key not in TABLES:
            raise UsageError(f"{path.name}: {_unknown(key)}")
    return table


def _unknown(key: str) -> str:
    from difflib import get_close_matches

    nearest = get_close_matches(key, KEYS, 1, CLOSE)
    hint = f"did you mean {nearest[0]}?" if nearest else f"the keys are {', '.join(KEYS)}"
    return f"unknown key {key!r} ({hint})"


def _from_file(key: str, value: object, path: Path) -> Any:
    where, types = f"{path.name}: {key}", KEYS[key].types
    if type(value) not in types:
        raise UsageError(f"{where} must be {'text in quotes' if str in types else 'a number'}")
    if key == "model" and isinstance(value, str):
        value = _beside(path, value)
    return _checked(key, value, where)


def _checked(key: str, value: object, where: str) -> Any:
    try:
        return KEYS[key].check(value)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{where} {error}") from error
    except (ModelError, UsageError) as error:
        raise UsageError(f"{where}: {error}") from error


def _beside(path: Path, model: str) -> str:
    """A model's path from the folder of the file; a name stays a name."""
    has_folder = Path(model).name != model or model.startswith((".", "~"))
    if has_folder or model.lower().endswith(models.MODEL_SUFFIXES):
        return str(path.parent / _expanded(model))
    return model


def _expanded(path: str) -> Path:
    # Path.expanduser fails for a user without a home folder.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _known_model(model: str) -> str:
    if model not in models.BUILT_IN:
        models.locate(model)
    return model


def _probability(value: str | float) -> float:
    try:
        return probability(str(value))
    except ValueError:  # Python does not print integers of more than 4300 digits
        raise argparse.ArgumentTypeError("must be in 0..1") from None


def _known_format(name: str) -> str:
    if name not in FORMATS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(FORMATS)}, not {name!r}")
    return name


def _server(url: str) -> str:
    # Most runs have no server.
    from pictell.server.remote import parse_server

    parse_server(url)
    return url


KEYS = {
    "model": Key("default", (str,), _known_model),
    "min_confidence": Key(MIN_CONFIDENCE, (int, float), _probability),
    "format": Key(FORMATS[0], (str,), _known_format),
    "server": Key(None, (str,), _server),
}
