"""XML as a tree that knows where each element stands in the bytes, so that a change can be spliced.

A serialiser would write everything anew: quotes, white space, comments, entities. The parser is
expat without document types: with no entities there is nothing to expand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

# Real sidecars have some thousands of elements and attributes, at most twenty deep.
MAX_PARTS, MAX_DEPTH = 100_000, 100
# A start tag of a well-formed document. Values may hold '>' and '/'.
ATTRIBUTE = rb"""\s+([^\s=/<>"']+)\s*=\s*("[^"]*"|'[^']*')"""
START_TAG = re.compile(rb"<([^\s/>]+)(?:" + ATTRIBUTE + rb")*+\s*(/?)>")

WHITE_SPACE = b" \t\r\n"
IS_NAMESPACE = re.compile(rb"xmlns(:|$)")


class XmpError(Exception):
    """The bytes are not XMP, or pictell cannot edit their form. The message follows the name."""


class Edit(NamedTuple):
    """``content[start:stop]`` becomes ``new``."""

    start: int
    stop: int
    new: bytes = b""


@dataclass(slots=True)
class Element:
    """An element; its tag is ``content[start:inner_start]``, all of it ``content[start:stop]``.

    ``name`` is the URI of its namespace and its local name, in one; those of ``attributes`` too.
    ``raw_name`` is as the file has it, with its prefix. What is inside is
    ``content[inner_start:inner_stop]``; of ``<x/>`` that is empty. ``text`` is what stands directly
    in it.
    """

    name: str
    attributes: dict[str, str]
    start: int
    raw_name: bytes
    inner_start: int
    is_empty_tag: bool
    inner_stop: int = 0
    stop: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    @property
    def prefix(self) -> bytes:
        """The prefix with its colon; empty without one."""
        return b"".join(self.raw_name.rpartition(b":")[:2])


@dataclass(slots=True)
class Document:
    """A parsed file: its ``root``, and whether it has ``comments``.

    ``namespaces`` are the URIs by their prefixes; of a prefix with several, the first.
    """

    root: Element
    comments: bool
    namespaces: dict[str, str]


def parse(content: bytes) -> Document:
    """The tree of a document in UTF-8, whatever encoding it declares. Raises ``XmpError``."""
    return _Reader(content).read()


def apply(content: bytes, edits: Iterable[Edit]) -> bytes:
    """The content with all edits, which must not overlap."""
    pieces, at = [], 0
    for edit in sorted(edits):
        pieces += [content[at : edit.start], edit.new]
        at = edit.stop
    return b"".join([*pieces, content[at:]])


def append(element: Element, inner: bytes) -> Edit:
    """Add ``inner`` at the end of an element; ``<x/>`` becomes ``<x>…</x>``."""
    if not element.is_empty_tag:
        return Edit(element.inner_stop, element.inner_stop, inner)
    slash = element.inner_start - len(b"/>")
    return Edit(slash, element.stop, b">" + inner + b"</" + element.raw_name + b">")


def white_space_before(content: bytes, at: int) -> bytes:
    """The white space in front of a position."""
    start = at
    while start and content[start - 1] in WHITE_SPACE:
        start -= 1
    return content[start:at]


def cut(content: bytes, element: Element) -> Edit:
    """Remove an element and the white space in front of it."""
    return Edit(element.start - len(white_space_before(content, element.start)), element.stop)


def cut_attributes(content: bytes, element: Element, names: Collection[str]) -> list[Edit]:
    """Remove attributes, each with the white space in front of it."""
    tag = content[element.start : element.inner_start]
    # Only the parser knows the URIs of prefixes. It has the order of the tag.
    written = [one for one in re.finditer(ATTRIBUTE, tag) if not IS_NAMESPACE.match(one[1])]
    return [
        Edit(element.start + match.start(), element.start + match.end())
        for name, match in zip(element.attributes, written, strict=True)
        if name in names
    ]


class _Reader:
    """The handlers of expat, and the elements that are open."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.parts = 0
        self.comments = False
        self.root: Element | None = None
        self.namespaces: dict[str, str] = {}
        # Names without a separator, as RDF joins them.
        self.parser = expat.ParserCreate("utf-8", namespace_separator="")
        self.parser.buffer_text = True
        self.parser.StartNamespaceDeclHandler = self.namespace
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.CommentHandler = self.comment
        self.parser.StartDoctypeDeclHandler = self.doctype

    def read(self) -> Document:
        try:
            self.parser.Parse(self.content, True)
        except expat.ExpatError as error:
            raise XmpError(f"is not well-formed XML: {error}") from None
        if self.root is None:
            raise XmpError("is not well-formed XML: it has no element")
        return Document(self.root, self.comments, self.namespaces)

    def namespace(self, prefix: str | None, uri: str | None) -> None:
        self.count(1)
        if prefix and uri:
            self.namespaces.setdefault(prefix, uri)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count(1 + len(attributes))
        if len(self.open) >= MAX_DEPTH:
            raise XmpError(f"has more than {MAX_DEPTH} elements in each other")
        at = self.parser.CurrentByteIndex
        match = START_TAG.match(self.content, at)
        if match is None:
            raise XmpError("has a tag that cannot be read")
        is_empty = bool(match[4])
        element = Element(name, attributes, at, match[1], match.end(), is_empty)
        if self.open:
            self.open[-1].children.append(element)
        self.root = self.root or element
        self.open.append(element)
        self.texts.append([])

    def count(self, parts: int) -> None:
        self.parts += parts
        if self.parts > MAX_PARTS:
            raise XmpError(f"has more than {MAX_PARTS:,} elements and attributes")

    def end(self, name: str) -> None:
        element = self.open.pop()
        element.text = "".join(self.texts.pop())
        # Of <x/>, expat gives the end of the tag, else the start of the end tag.
        element.inner_stop = element.stop = self.parser.CurrentByteIndex
        if not element.is_empty_tag:
            element.stop = self.content.index(b">", element.inner_stop) + 1

    def characters(self, text: str) -> None:
        self.texts[-1].append(text)

    def comment(self, text: str) -> None:
        self.comments = True

    def doctype(self, *declared: object) -> None:
        raise XmpError("has a document type (<!DOCTYPE>), which XMP never has")
