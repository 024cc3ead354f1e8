"""Names that independent writers write in each form are read back as they were."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pprint import pformat
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from hypothesis import given
from hypothesis import strategies as st

from pictell.models.labels import labels_from_text

Pairs = Sequence[tuple[int, str]]

# One line of text that can be printed.
names = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"])
    | st.sampled_from("\"'`,;:-#\\{}[]&*!|>%@ 0é猫"),
    min_size=1,
    max_size=100,
).map(str.strip)
unique_names = st.lists(names.filter(bool), min_size=2, max_size=12, unique=True)


def table(pairs: Pairs, heading: Sequence[str] = (), last: bool = False, **dialect: Any) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, **dialect)
    if heading:
        writer.writerow(heading)
    writer.writerows([name, number] if last else [number, name] for number, name in pairs)
    return stream.getvalue().replace("\r\n", "\n")


def label_map(pairs: Pairs, as_utf8: bool = False) -> str:
    file = descriptor_pb2.FileDescriptorProto(name="map.proto", syntax="proto2")
    item, whole = file.message_type.add(name="Item"), file.message_type.add(name="Map")
    item.field.add(name="name", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    item.field.add(name="id", number=2, type="TYPE_INT32", label="LABEL_OPTIONAL")
    whole.field.add(
        name="item", number=1, type="TYPE_MESSAGE", type_name="Item", label="LABEL_REPEATED"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("Map"))()
    for number, name in pairs:
        message.item.add(name=name, id=number)
    return text_format.MessageToString(message, as_utf8=as_utf8)


def swapped(pairs: Pairs) -> dict[str, int]:
    return {name: number for number, name in pairs}


WRITERS: dict[str, Callable[[Pairs], str]] = {
    "JSON index to name": lambda pairs: json.dumps(dict(pairs)),
    "JSON name to index": lambda pairs: json.dumps(swapped(pairs), indent=1),
    "JSON id2label": lambda pairs: json.dumps({"x": [1], "id2label": dict(pairs), "y": {"a": 2}}),
    "JSON objects": lambda pairs: json.dumps(
        [{"id": index, "name": name} for index, name in pairs]
    ),
    "JSON lines": lambda pairs: "\n".join(json.dumps([index, name]) for index, name in pairs),
    "Python dict": lambda pairs: repr(dict(pairs)),
    "pprint": lambda pairs: pformat(dict(pairs), sort_dicts=False),
    "pprint name to index": lambda pairs: pformat(swapped(pairs), sort_dicts=False, width=20),
    "assignment": lambda pairs: f"class_indices = {swapped(pairs)!r}\n",
    "YAML": lambda pairs: yaml.safe_dump({"nc": 2, "names": dict(pairs)}, sort_keys=False),
    "YAML in brackets": lambda pairs: yaml.safe_dump(
        {"a": 1, "names": dict(pairs)}, sort_keys=False, default_flow_style=None
    ),
    "YAML in Unicode": lambda pairs: yaml.safe_dump(
        {"names": dict(pairs), "z": 1}, sort_keys=False, allow_unicode=True
    ),
    "YAML start": lambda pairs: yaml.safe_dump(
        dict(pairs), sort_keys=False, explicit_start=True, allow_unicode=True
    ),
    "label map": label_map,
    "label map in UTF-8": lambda pairs: label_map(pairs, as_utf8=True),
    "CSV": table,
    "CSV, name first": lambda pairs: table(pairs, last=True),
    "CSV with quotes": lambda pairs: table(pairs, quoting=csv.QUOTE_ALL),
    "CSV with semicolons": lambda pairs: table(pairs, delimiter=";"),
    "CSV with a heading": lambda pairs: table(pairs, ["ClassId", "SignName"]),
    "CSV with a heading, name first": lambda pairs: table(pairs, ["label", "id"], last=True),
    "TSV": lambda pairs: table(pairs, delimiter="\t"),
    "TSV, name first": lambda pairs: table(pairs, delimiter="\t", last=True),
    "TSV with a heading": lambda pairs: table(pairs, ["name", "index"], delimiter="\t", last=True),
}


BARE_TABLES = {
    writer
    for name, writer in WRITERS.items()
    if name.startswith(("CSV", "TSV")) and "heading" not in name
}


def read(text: str) -> list[str]:
    return [label.name for label in labels_from_text(text, "labels")]


@pytest.mark.parametrize("writer", WRITERS.values(), ids=[*WRITERS])
@given(st.data(), unique_names, st.sampled_from([0, 1]))
def test_names_in_any_order_are_read_by_their_numbers(
    writer: Callable[[Pairs], str], data: st.DataObject, written: list[str], start: int
) -> None:
    # Without quotes and a heading, names such as "1:" look like a number and what is around it.
    if writer in BARE_TABLES:
        written = [f"a {name} z" for name in written]
    pairs = data.draw(st.permutations([*enumerate(written, start)]))
    assert read(writer(pairs)) == written


LISTS: dict[str, Callable[[list[str]], str]] = {
    "JSON": json.dumps,
    "JSON in lines": lambda names: json.dumps(names, indent=2, ensure_ascii=False),
    "JSON names": lambda names: json.dumps({"version": 1, "labels": names}),
    "Python": repr,
    "pprint": lambda names: pformat(names, width=30),
    "fastai": lambda names: f"(#{len(names)}) {names!r}",
    "YAML": lambda names: yaml.safe_dump({"names": names, "nc": 3}),
    "YAML list": lambda names: yaml.safe_dump(names, allow_unicode=True),
    "YAML in brackets": lambda names: yaml.safe_dump(
        {"a": 1, "names": names}, default_flow_style=None, allow_unicode=True
    ),
}


@pytest.mark.parametrize("writer", LISTS.values(), ids=[*LISTS])
@given(st.lists(names.filter(bool), min_size=1, max_size=12))
def test_lists_are_read_in_their_order(
    writer: Callable[[list[str]], str], written: list[str]
) -> None:
    assert read(writer(written)) == written
