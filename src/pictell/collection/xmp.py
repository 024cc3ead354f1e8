"""The keywords in an XMP sidecar, read and removed; all other bytes stay as they are.

What pictell adds is recorded in the sidecar, in properties of its own namespace:

- ``pictell:AddedSubject``, ``AddedHierarchicalSubject`` and ``AddedTagsList`` hold the values that
  pictell added to these properties. A value that is recorded but no longer in the property was
  deleted by the user.
- ``pictell:FileUndo`` says how the file becomes what it was, byte for byte; see ``undo_text``.
- ``pictell:FileState`` is the SHA-256 of the file, with zeros in its place. ``FileUndo`` applies
  only to the file as pictell wrote it. If another program wrote the file since, the values are
  removed one by one.

Programs that ignore namespaces, as users of ExifTool often do, must not take these for other
properties: photoshop has a State. The form is that of the XMP specification, ISO 16684-1:2019.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pictell.collection.keywords import PROPERTIES, Property, Values, copies, exact
from pictell.collection.xml_positions import (
    Edit,
    Element,
    XmpError,
    apply,
    cut,
    cut_attributes,
    parse,
)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ABOUT, DESCRIPTION, ITEM = RDF + "about", RDF + "Description", RDF + "li"
CONTAINERS = (RDF + "Bag", RDF + "Seq", RDF + "Alt")
OWN = "pictell:ns:1.0/"
NAMESPACES: dict[Property, str] = {
    "subject": "http://purl.org/dc/elements/1.1/",
    "hierarchicalSubject": "http://ns.adobe.com/lightroom/1.0/",
    "TagsList": "http://www.digikam.org/ns/1.0/",
}
RECORDS: dict[Property, str] = {
    "subject": "AddedSubject",
    "hierarchicalSubject": "AddedHierarchicalSubject",
    "TagsList": "AddedTagsList",
}
STATE = re.compile(rb"(?<=:FileState>)[0-9a-f]{64}(?=</)")
NO_STATE = b"0" * 64
# The ``FileUndo`` of a file that pictell made.
MADE = "new"


def uri(name: Property) -> str:
    """The full name of a property."""
    return NAMESPACES[name] + name


class Sidecar:
    """The keywords of a sidecar in UTF-8, without a changed byte. Raises ``XmpError``.

    ``own`` are the values that pictell added and that are still there, ``users`` the others,
    ``deleted`` those that pictell added and the user deleted.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        document = parse(content)
        self.namespaces = document.namespaces
        self._has_comments = document.comments
        near = [document.root, *document.root.children]
        found = [one for one in near if one.name == RDF + "RDF"]
        if len(found) != 1:
            raise XmpError("is not XMP: it has no rdf:RDF, or several")
        self.rdf = found[0]
        self.descriptions = [one for one in self.rdf.children if one.name == DESCRIPTION]
        self.own, self.users, self.deleted = Values(), Values(), Values()
        for name in PROPERTIES:
            self._tell_apart(name)

    def _tell_apart(self, name: Property) -> None:
        recorded = Counter(map(exact, self._values(OWN + RECORDS[name])))
        found = list[tuple[bool, str]]()
        # Of two equal values the first was there before.
        for value in reversed(self._values(uri(name))):
            is_own = recorded[exact(value)] > 0
            recorded[exact(value)] -= is_own
            found.append((is_own, value))
        found.reverse()
        self.deleted[name] = list((+recorded).elements())
        # Once a program of the user writes the property, copies for it are that user's.
        kept = set() if all(own for own, _ in found) else set(map(exact, copies(self.users, name)))
        self.own[name] = [value for own, value in found if own and exact(value) not in kept]
        self.users[name] = [value for own, value in found if not own or exact(value) in kept]

    @property
    def is_tagged(self) -> bool:
        """Whether pictell has something in the file."""
        attributes = [name for one in self.descriptions for name in one.attributes]
        properties = [child.name for one in self.descriptions for child in one.children]
        return any(name.startswith(OWN) for name in attributes + properties)

    def elements(self, name: str) -> list[Element]:
        """The elements of a property."""
        return [child for one in self.descriptions for child in one.children if child.name == name]

    def before(self) -> bytes | None:
        """The file without what pictell added; ``None`` if there was no file.

        As long as no other program wrote the file, it has exactly the bytes that it had.
        """
        without = self._without_own()
        undo = "".join(self._values(OWN + "FileUndo"))
        if undo == MADE:
            return None if Sidecar(without)._is_bare() else without
        if has_state(self.content):
            undone = _undone(self.content, undo)
            if undone is not None and _same_users(self, undone):
                return undone
        return without

    def _is_bare(self) -> bool:
        """Whether nothing is left of a file but its frame."""
        return not self._has_comments and not any(
            one.name != DESCRIPTION or one.children or set(one.attributes) - {ABOUT, "about"}
            for one in self.rdf.children
        )

    def _values(self, name: str) -> list[str]:
        found = [value for one in self.elements(name) for value in values(one)]
        found += [one.attributes[name] for one in self.descriptions if name in one.attributes]
        return [value for value in found if value.strip()]

    def _without_own(self) -> bytes:
        left = {uri(name): Counter(map(exact, self.own[name])) for name in PROPERTIES}
        edits = list[Edit]()
        # The last of equal values is pictell's.
        for description in reversed(self.descriptions):
            edits += self._cuts(description, left)
        return apply(self.content, edits)

    def _cuts(self, description: Element, left: dict[str, Counter[str]]) -> list[Edit]:
        attributes = list[str]()
        for name, value in description.attributes.items():
            if name.startswith(OWN) or _take(left.get(name), value):
                attributes.append(name)
        inner = list[Edit]()
        for child in reversed(description.children):
            if child.name.startswith(OWN):
                inner.append(cut(self.content, child))
            elif child.name in left:
                inner += self._cut_values(child, left[child.name])
        if not attributes and not inner:
            return []
        at = description.inner_start
        rest = apply(
            self.content[at : description.inner_stop],
            [Edit(one.start - at, one.stop - at) for one in inner],
        )
        if not rest.strip() and not set(description.attributes) - {ABOUT, "about", *attributes}:
            return [cut(self.content, description)]
        return [*inner, *cut_attributes(self.content, description, attributes)]

    def _cut_values(self, element: Element, left: Counter[str]) -> Iterator[Edit]:
        """Remove values from a property, and the property if none is left."""
        listed = items(element)
        own = [one for one in reversed(listed) if not one.children and _take(left, one.text)]
        is_own = not element.children and _take(left, element.text)
        if is_own or (own and len(own) == len(listed)):
            yield cut(self.content, element)
        else:
            yield from (cut(self.content, one) for one in own)


def _take(left: Counter[str] | None, value: str) -> bool:
    """Whether a value is among those that are left; then there is one less."""
    if left is None or left[exact(value)] <= 0:
        return False
    left[exact(value)] -= 1
    return True


def container(element: Element) -> Element | None:
    """The list in a property."""
    lists = [one for one in element.children if one.name in CONTAINERS]
    return lists[0] if len(lists) == len(element.children) == 1 else None


def items(element: Element) -> list[Element]:
    """The items of the list in a property."""
    found = container(element)
    return [one for one in found.children if one.name == ITEM] if found is not None else []


def values(element: Element) -> list[str]:
    """The texts in a property: those of its list, or its own."""
    if element.children:
        return [one.text for one in items(element) if not one.children]
    return [element.text]


def has_state(content: bytes) -> bool:
    """Whether the file is as pictell wrote it."""
    return len(STATE.findall(content)) == 1 and with_state(content) == content


def with_state(content: bytes) -> bytes:
    """The file with its state."""
    blank = STATE.sub(NO_STATE, content)
    return STATE.sub(hashlib.sha256(blank).hexdigest().encode(), blank)


def undo_text(content: bytes, edits: Sequence[Edit]) -> str:
    """How edits of the content are undone: a word for each, in their order.

    A word has the start of the edit in the content, the length of what is new and, in Base64, what
    it replaces. The last word has the length of all that follows instead of the length of what is
    new, as that holds the text itself.
    """
    *others, last = sorted(edits)
    words = [(one, len(one.new)) for one in others] + [(last, len(content) - last.stop)]
    return " ".join(
        f"{one.start}:{number}:{base64.b64encode(content[one.start : one.stop]).decode()}"
        for one, number in words
    )


def _undone(content: bytes, text: str) -> bytes | None:
    """The content before the edits; ``None`` if the text cannot be of them."""
    try:
        parts = [word.split(":") for word in text.split()]
        words = [(int(a), int(b), base64.b64decode(c, validate=True)) for a, b, c in parts]
    except ValueError:
        return None
    edits, shift = list[Edit](), 0
    for number, (start, length, old) in enumerate(words):
        at = start + shift
        stop = at + length if number < len(words) - 1 else len(content) - length
        edits.append(Edit(at, stop, old))
        shift += length - len(old)
    bounds = [0, *(place for one in edits for place in one[:2]), len(content)]
    return apply(content, edits) if bounds == sorted(bounds) else None


def _same_users(sidecar: Sidecar, undone: bytes) -> bool:
    """Whether the file before has the user's values, and nothing of pictell."""
    try:
        before = Sidecar(undone)
    except XmpError:
        return False
    return not before.is_tagged and before.users == sidecar.users
