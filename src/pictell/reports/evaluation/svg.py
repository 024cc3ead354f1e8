"""Turn an SVG file into markup for an HTML page, with unique ids and the colours of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

REFERENCE = re.compile(r"url\(#([^)]*)\)")
KEPT = {"svg", "g", "path", "text", "tspan", "defs", "use", "clipPath", "rect", "style"}


def to_inline(
    svg: bytes, name: str, title: str, colours: Mapping[str, str], texts: Mapping[str, str]
) -> str:
    """The SVG as markup for an HTML page.

    ``name`` is the prefix of all ids; ``title`` is for screen readers; ``colours`` and ``texts``
    map placeholders to their replacements. The SVG comes from Matplotlib and is trusted.
    """
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        for child in [child for child in element if _local(child.tag) not in KEPT]:
            element.remove(child)
        element.tag = _local(element.tag)
        element.attrib = {
            _local(key): _attribute(_local(key), value, name, colours)
            for key, value in element.attrib.items()
        }
        element.text = texts.get(element.text or "", element.text)
        element.tail = None
    kept = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": title}
    root.attrib = kept
    return ElementTree.tostring(root, encoding="unicode", method="html")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute(key: str, value: str, name: str, colours: Mapping[str, str]) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href":
        return f"#{name}-{value.removeprefix('#')}"
    for colour, wanted in colours.items():
        value = value.replace(colour, wanted)
    return REFERENCE.sub(rf"url(#{name}-\1)", value)
