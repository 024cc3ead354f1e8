"""The fields of records and of the JSON Schema of results, by their paths."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from pictell.results import Result

SCHEMA = Result.json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def fields(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field that a schema describes: ``answer.name``, ``predictions[].label``."""
    for name, field in schema.get("properties", {}).items():
        yield path + name, field
        yield from fields(field, f"{path}{name}.")
        yield from fields(field.get("items", {}), f"{path}{name}[].")


def keys(record: Any, path: str = "") -> Iterator[str]:
    """The path of each key in a record, as ``fields`` writes it."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield path + name
            yield from keys(value, f"{path}{name}.")
    elif isinstance(record, list):
        for value in record:
            yield from keys(value, f"{path.removesuffix('.')}[].")


def check(record: Any) -> None:
    """Fail if a result, read from JSON, does not fit the schema or has a key that is not in it."""
    VALIDATOR.validate(record)
    assert set(keys(record)) <= dict(fields(SCHEMA)).keys()


def rows(schema: Mapping[str, Any]) -> list[str]:
    """The table of the fields in ``docs/output.md``."""
    return [
        f"| `{path}` | {_type_text(field)} | {field['description']} |"
        for path, field in fields(schema)
    ]


def _type_text(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return "string or null"
    if field["type"] == "array":
        return f"array of {field['items']['type']}s"
    kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
    low, high = field.get("minimum"), field.get("maximum")
    limits = "" if low is None else f", {low} or more" if high is None else f", {low} to {high}"
    return " or ".join(kinds) + limits
