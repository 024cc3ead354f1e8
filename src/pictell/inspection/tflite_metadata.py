"""The metadata in a TFLite file: tensorflow_lite_support/metadata/metadata_schema.fbs, M001."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pictell.inspection.flatbuffer import Buffer, Table, damaged
from pictell.inspection.tflite import read_root, tensor_names

ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
# Members of the unions ContentProperties and ProcessUnitOptions.
IMAGE, BOXES = 2, 3
NORMALISATION, CALIBRATION = 1, 2
# Slots of texts in the table ModelMetadata.
TEXTS = {"name": 0, "description": 1, "version": 2, "author": 4, "license": 5}
MODEL_DESCRIPTION = 3


class AssociatedFile(NamedTuple):
    """A file in the appended archive; ``kind`` is a number of the schema's AssociatedFileType."""

    name: str
    kind: int
    locale: str


class TensorMetadata(NamedTuple):
    """What is stated of an input or output.

    ``content`` is a number of the union ContentProperties, 0 if there is none. ``normalisation``
    has the mean and the std, each of one number for a channel or one for all, ``None`` if it is not
    stated. ``highest`` are the highest values. ``calibrated``: whether scores are to be calibrated.
    """

    content: int
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None
    highest: tuple[float, ...]
    calibrated: bool
    files: tuple[AssociatedFile, ...]


class TfliteMetadata(NamedTuple):
    """``texts`` by name, ``inputs`` and ``outputs`` by the tensor's; ``files`` of no tensor."""

    texts: Mapping[str, str]
    inputs: Mapping[str, TensorMetadata]
    outputs: Mapping[str, TensorMetadata]
    files: tuple[AssociatedFile, ...]


def read_description(graph: bytes) -> str:
    """The description of the model in TFLite's own schema. Raises ``InvalidModelError``."""
    return read_root(graph).text(MODEL_DESCRIPTION)


def read_tflite_metadata(graph: bytes) -> TfliteMetadata | None:
    """The metadata, ``None`` if there is none. Raises ``InvalidModelError`` if it is damaged."""
    content = _content(graph)
    if content is None:
        return None
    if content[4:8] != IDENTIFIER:
        raise damaged()
    model = Buffer(content).table(0)
    texts = {name: model.text(slot) for name, slot in TEXTS.items()}
    subgraphs = model.tables(3)
    main = subgraphs[0] if subgraphs else None
    inputs, outputs = tensor_names(graph)
    return TfliteMetadata(
        {name: text for name, text in texts.items() if text},
        _by_name(inputs, main.tables(2) if main else []),
        _by_name(outputs, main.tables(3) if main else []),
        (*_files(main.tables(4) if main else []), *_files(model.tables(6))),
    )


def _content(graph: bytes) -> bytes | None:
    """The bytes of the buffer that the entry of the model's metadata names."""
    root = read_root(graph)
    entries = [entry for entry in root.tables(6) if entry.text(0) == ENTRY]
    if not entries:
        return None
    number, buffers = entries[0].number(1, "I"), root.tables(4)
    if number >= len(buffers):
        raise damaged()
    # In files above 2 GB the bytes are at an offset; 0 and 1 stand for no offset.
    offset, size = buffers[number].number(1, "Q"), buffers[number].number(2, "Q")
    return graph[offset : offset + size] if offset > 1 else buffers[number].content(0)


def _by_name(names: tuple[str, ...], tables: list[Table]) -> dict[str, TensorMetadata]:
    """The metadata of each tensor: the order is that of the graph."""
    if tables and len(tables) != len(names):
        raise damaged()
    return dict(zip(names, map(_tensor, tables), strict=False))


def _tensor(table: Table) -> TensorMetadata:
    content, stats = table.table(3), table.table(5)
    units = {kind: unit for unit in table.tables(4) if (kind := unit.number(0, "B"))}
    found = units[NORMALISATION].table(1) if NORMALISATION in units else None
    return TensorMetadata(
        content=content.number(0, "B") if content else 0,
        normalisation=None if found is None else (_floats(found, 0), _floats(found, 1)),
        highest=_floats(stats, 0) if stats else (),
        calibrated=CALIBRATION in units,
        files=_files(table.tables(6)),
    )


def _floats(table: Table, slot: int) -> tuple[Any, ...]:
    return table.numbers(slot, "f")


def _files(tables: list[Table]) -> tuple[AssociatedFile, ...]:
    return tuple(
        AssociatedFile(table.text(0), table.number(2, "b"), table.text(3)) for table in tables
    )
