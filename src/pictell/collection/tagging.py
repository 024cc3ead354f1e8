"""Keywords into the bytes of a sidecar, and out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from pictell.collection.keywords import (
    PROPERTIES,
    Keyword,
    Property,
    Values,
    additions,
    copies,
    exact,
    kept,
)
from pictell.collection.xml_positions import (
    Edit,
    Element,
    XmpError,
    append,
    apply,
    cut_attributes,
    white_space_before,
)
from pictell.collection.xml_text import decode, encode
from pictell.collection.xmp import (
    ABOUT,
    MADE,
    NAMESPACES,
    NO_STATE,
    OWN,
    RDF,
    RECORDS,
    Sidecar,
    container,
    items,
    undo_text,
    uri,
    with_state,
)

# What other programs call the namespaces.
PREFIXES = {
    RDF: "rdf",
    NAMESPACES["subject"]: "dc",
    NAMESPACES["hierarchicalSubject"]: "lr",
    NAMESPACES["TagsList"]: "digiKam",
    OWN: "pictell",
}
LISTS: dict[Property, str] = {"subject": "Bag", "hierarchicalSubject": "Bag", "TagsList": "Seq"}
FRAME = b"""\
<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="pictell">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
# The names say most; paths are shown if only they differ.
SHOWN: tuple[Property, ...] = ("subject", "TagsList", "hierarchicalSubject")
ODD = "has keywords in a form that pictell cannot change"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sidecar, ``None`` for no file, with the keywords that are added and removed."""

    content: bytes | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def tag(content: bytes | None, keywords: Sequence[Keyword]) -> Tagged:
    """A sidecar with these keywords of pictell and no others.

    The user's keywords stay; those of pictell that the user deleted are not added again. A sidecar
    that has the keywords already stays as it is. Raises ``XmpError``, also for content that is no
    sidecar.
    """
    if content is None:
        empty: Values = {name: [] for name in PROPERTIES}
        added = additions(keywords, empty, {})
        new = _written(None, added, {}) if any(added.values()) else None
        return _differing(empty, added, empty, new)
    if not keywords and not _names_pictell(content):
        return Tagged(content)
    text, encoding = decode(content)
    old = Sidecar(text)
    added = additions(kept(keywords, old.deleted), old.users, old.deleted)
    if all(_same(added[name], old.own[name]) for name in PROPERTIES):
        return Tagged(content)
    new = before = old.before()
    if any(added.values()) or any(old.deleted.values()):
        new = _written(before, added, old.deleted, ascii_only=not encoding.startswith("utf"))
    return _differing(old.own, added, old.users, None if new is None else encode(new, encoding))


def untag(content: bytes) -> Tagged:
    """A sidecar without what pictell added. Raises ``XmpError``."""
    if not _names_pictell(content):
        return Tagged(content)
    text, encoding = decode(content)
    old = Sidecar(text)
    if not old.is_tagged:
        return Tagged(content)
    before = old.before()
    nothing: Values = {name: [] for name in PROPERTIES}
    new = None if before is None else encode(before, encoding)
    return _differing(old.own, nothing, old.users, new)


def _names_pictell(content: bytes) -> bool:
    """Whether pictell may have been here; a file in which it was not may be no XMP at all."""
    # Of the larger units, this finds both orders: one ends in zeros, the other begins with them.
    return any(
        OWN.encode(encoding).strip(b"\0") in content
        for encoding in ("utf-8", "utf-16-le", "utf-32-le")
    )


def _same(some: Sequence[str], others: Sequence[str]) -> bool:
    return set(map(exact, some)) == set(map(exact, others))


def _differing(old: Values, new: Values, users: Values, content: bytes | None) -> Tagged:
    """The change in words: names, else paths; not the copies of the user's keywords."""
    for name in SHOWN:
        hidden = set(map(exact, copies(users, name)))
        before, after = (
            [one for one in map(exact, values[name]) if one not in hidden] for values in (old, new)
        )
        added = tuple(value for value in after if value not in before)
        removed = tuple(value for value in before if value not in after)
        if added or removed:
            return Tagged(content, added, removed)
    return Tagged(content)


def _written(
    before: bytes | None, added: Values, deleted: Values, *, ascii_only: bool = False
) -> bytes:
    """A sidecar with values in its properties, and the record of them."""
    base = FRAME if before is None else before
    sidecar = Sidecar(base)
    writer = _Writer(sidecar, ascii_only)
    for name in PROPERTIES:
        if added[name]:
            writer.add(name, added[name])
    recorded: Values = {name: [*added[name], *deleted.get(name, [])] for name in PROPERTIES}
    new = writer.finish(recorded, made=before is None)
    written = Sidecar(new)
    for name in PROPERTIES:
        if not _same(written.own[name], added[name]) or written.users[name] != sidecar.users[name]:
            raise XmpError(ODD)
    if written.before() != before:
        raise XmpError(ODD)
    return new


class _Writer:
    """The edits of a sidecar, and what goes into a description of its own."""

    def __init__(self, sidecar: Sidecar, ascii_only: bool) -> None:
        self.sidecar = sidecar
        self.content = sidecar.content
        self.ascii_only = ascii_only
        self.newline = "\r\n" if b"\r\n" in self.content else "\n"
        self.edits = list[Edit]()
        self.properties = list[str]()
        # The namespaces of the description, by their prefixes.
        self.namespaces: dict[str, str] = {}
        self.rdf = self._prefix(RDF)

    def add(self, name: Property, new: Sequence[str]) -> None:
        """Add values to a property, which may have any form or be missing."""
        elements = self.sidecar.elements(uri(name))
        if elements:
            with_list = [one for one in elements if container(one) is not None]
            self.edits.append(self._append([*with_list, *elements][0], LISTS[name], new))
            return
        values = list(new)
        for one in self.sidecar.descriptions:
            if uri(name) in one.attributes:
                self.edits += cut_attributes(self.content, one, {uri(name)})
                values.insert(0, one.attributes[uri(name)])
        self._write_list(NAMESPACES[name], name, LISTS[name], values)

    def _append(self, element: Element, kind: str, new: Sequence[str]) -> Edit:
        found = container(element)
        if any(one.startswith(RDF) for one in element.attributes):
            raise XmpError(ODD)
        if found is not None:
            added, listed = self._items(found.prefix, new), items(element)
            if not listed:
                return append(found, b"".join(added))
            at, indent = listed[-1].stop, white_space_before(self.content, listed[-1].start)
            return Edit(at, at, b"".join(indent + one for one in added))
        if element.children:
            raise XmpError(ODD)
        prefix = self.sidecar.rdf.prefix
        start, end = (b"<%s%s%s>" % (slash, prefix, kind.encode()) for slash in (b"", b"/"))
        added = self._items(prefix, new)
        if not element.text.strip():
            return append(element, start + b"".join(added) + end)
        text = self.content[element.inner_start : element.inner_stop]
        user = b"<%sli>%s</%sli>" % (prefix, text, prefix)
        new_text = start + b"".join([user, *added]) + end
        return Edit(element.inner_start, element.inner_stop, new_text)

    def finish(self, recorded: Values, *, made: bool) -> bytes:
        """The new content: all edits, and the description with the record."""
        for name in PROPERTIES:
            if recorded[name]:
                self._write_list(OWN, RECORDS[name], "Bag", recorded[name])
        # The text has no lengths of the description that holds it.
        place = append(self.sidecar.rdf, b"")
        undo = MADE if made else undo_text(self.content, [*self.edits, place])
        own = self._prefix(OWN)
        self.properties.append(f"   <{own}:FileUndo>{undo}</{own}:FileUndo>")
        self.properties.append(f"   <{own}:FileState>{NO_STATE.decode()}</{own}:FileState>")
        lines = [self._start(), *self.properties, f"  </{self.rdf}:Description>", " "]
        edit = append(self.sidecar.rdf, self.newline.join(lines).encode())
        return with_state(apply(self.content, [*self.edits, edit]))

    def _start(self) -> str:
        """The tag of the description, about what the others are."""
        abouts = [
            one.attributes.get(ABOUT) or one.attributes.get("about")
            for one in self.sidecar.descriptions
        ]
        about = next(filter(None, abouts), "")
        lines = [f' <{self.rdf}:Description {self.rdf}:about="{self._escaped(about)}"']
        for prefix, namespace in self.namespaces.items():
            lines.append(f'    xmlns:{prefix}="{namespace}"')
        return self.newline.join(lines) + ">"

    def _prefix(self, namespace: str) -> str:
        """A prefix for a namespace, which the description then declares.

        It is that of the file: exiv2 reads nothing of a file with two prefixes for a namespace.
        """
        known = self.sidecar.namespaces | self.namespaces
        prefixes = [prefix for prefix, one in known.items() if one == namespace]
        prefix = prefixes[0] if prefixes else PREFIXES[namespace]
        while known.get(prefix, namespace) != namespace:
            prefix += "_"
        if f"{prefix}:".encode() != self.sidecar.rdf.prefix:
            self.namespaces[prefix] = namespace
        return prefix

    def _write_list(self, namespace: str, name: str, kind: str, new: Sequence[str]) -> None:
        full, rdf_list = f"{self._prefix(namespace)}:{name}", f"{self.rdf}:{kind}"
        listed = [f"     {one.decode()}" for one in self._items(f"{self.rdf}:".encode(), new)]
        start = [f"   <{full}>", f"    <{rdf_list}>"]
        self.properties += [*start, *listed, f"    </{rdf_list}>", f"   </{full}>"]

    def _items(self, prefix: bytes, new: Sequence[str]) -> list[bytes]:
        return [b"<%sli>%s</%sli>" % (prefix, self._escaped(one).encode(), prefix) for one in new]

    def _escaped(self, text: str) -> str:
        markup = escape(text, {one: f"&#{ord(one)};" for one in '"\t\n\r'})
        return markup.encode("ascii", "xmlcharrefreplace").decode() if self.ascii_only else markup
