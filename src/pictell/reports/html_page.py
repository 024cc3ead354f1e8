"""What HTML pages share: text from outside is escaped, its control characters are spelled out."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pictell.reports.escape import visible

# Where a line may break in names without spaces.
BREAKS = re.compile(r"(?<=[_/-])")


def environment(folder: Path) -> Environment:
    """The templates of a folder, with the filters ``breakable`` and ``prose``."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"breakable": _breakable, "prose": _prose}
    return made


def image_source(jpeg: bytes) -> str:
    """A JPEG as the address of an image on the page."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}"


def _harmless(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(text: str) -> Markup:
    """The text, escaped, with a line-break opportunity after each of ``BREAKS``."""
    return Markup("<wbr>").join(BREAKS.split(_prose(visible(text))))


def _prose(text: str) -> str:
    """The text with no line break between a number and its percent sign."""
    return text.replace(" %", "\u00a0%")
