"""Read TOML documents strictly into msgspec structs, and write them."""

from __future__ import annotations

import json
import tomllib
from typing import TypeVar

import msgspec

from pictell.errors import InvalidModelError

T = TypeVar("T")
# tomllib needs time that grows with the square of the dots in a key. A list of external files is
# one line with some dots for each.
MAX_DOTS_PER_LINE = 3000


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table or a whole document: its fields are the keys it may have.

    Keys that pictell does not read are errors, as they are usually misspelt.
    """


def parse(text: str, name: str, document: type[T]) -> T:
    """The document in a TOML text; ``name`` is its name in errors. Raises ``InvalidModelError``."""
    try:
        if any(line.count(".") > MAX_DOTS_PER_LINE for line in text.split("\n")):
            raise ValueError(f"a line has more than {MAX_DOTS_PER_LINE} dots")
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidModelError(f"{name} is not valid TOML: {error}") from error
    try:
        return msgspec.convert(content, document)
    except (msgspec.ValidationError, InvalidModelError) as error:
        raise InvalidModelError(f"{name}: {_explain(str(error))}") from error


def to_text(document: msgspec.Struct) -> str:
    """The TOML text of a document of tables. Keys with default values are left out."""
    tables = msgspec.to_builtins(document).items()
    text = "\n".join(f"[{name}]\n{_lines(table)}" for name, table in tables)
    # TOML does not allow DEL, and UTF-8 cannot encode the surrogates that file names may have.
    return text.replace("\x7f", "\\u007f").encode("utf-8", "replace").decode()


def _lines(table: dict[str, object]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: object) -> str:
    # JSON and TOML write all other values alike, but infinity is inf in TOML.
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _explain(error: str) -> str:
    """msgspec's error with the key first: ``input.mean: expected `float`, got `str` ``."""
    message, _, place = error.partition(" - at `$.")
    message = message.replace("Object missing required field", "missing key")
    message = message.replace("Object contains unknown field", "unknown key")
    message = message.replace("Invalid enum value", "unknown value")
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{place.removesuffix('`')}: {message}" if place else message
