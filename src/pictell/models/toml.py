"""Read TOML documents strictly into msgspec structs, and write them."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TypeVar

import msgspec

from pictell.errors import InvalidModelError

T = TypeVar("T")
# The longest document that anything writes is a list of some thousand files.
MAX_CHARACTERS = 1024 * 1024
# tomllib needs time that grows with the square of the dots in a key, and with the keys of a table
# times the dots in its name.
MAX_DOTS_IN_KEY = 16
# Strings of the four kinds, comments and spaces.
NO_KEY = re.compile(
    r"""
    "{3}(?: [^"\\] | \\. | "{1,2}(?!") )*+ "{0,5}  |  " (?: [^"\\\n] | \\. )*+ "?
    | '{3} (?: [^'] | '{1,2}(?!') )*+ '{0,5}  |  ' [^'\n]*+ '?
    | \#[^\n]*+  |  [ \t]++
    """,
    re.DOTALL | re.VERBOSE,
)
LONG_KEY = re.compile(rf"(?:\.[\w-]*+){{{MAX_DOTS_IN_KEY + 1}}}")
# A value in an error may be as long as the document.
MAX_ERROR = 300


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table or a whole document: its fields are the keys it may have.

    Keys that pictell does not read are errors, as they are usually misspelt.
    """


def parse(text: str, name: str, document: type[T]) -> T:
    """The document in a TOML text; ``name`` is its name in errors. Raises ``InvalidModelError``."""
    try:
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters")
        if LONG_KEY.search(NO_KEY.sub("", text)):
            raise ValueError(f"a key has more than {MAX_DOTS_IN_KEY} dots")
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidModelError(f"{name} is not valid TOML: {explain(error)}") from error
    try:
        return msgspec.convert(content, document)
    except (msgspec.ValidationError, InvalidModelError) as error:
        raise InvalidModelError(f"{name}: {explain(error)}") from error


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


def explain(error: Exception) -> str:
    """What is wrong with a document, cut to ``MAX_ERROR`` characters.

    An error of msgspec becomes a text with the key first: ``input.mean: expected `float`, got
    `str` ``.
    """
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    message, _, place = str(error).partition(" - at `$.")
    message = message.replace("Object missing required field", "missing key")
    message = message.replace("Object contains unknown field", "unknown key")
    message = message.replace("Invalid enum value", "unknown value")
    message = f"{message[:1].lower()}{message[1:]}"
    text = f"{place.removesuffix('`')}: {message}" if place else message
    return text if len(text) <= MAX_ERROR else f"{text[:MAX_ERROR]}…"
