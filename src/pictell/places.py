"""Where a picture may be if it is in no file: URLs, pipes. How URLs are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_MASK = "***@"
# At least two letters, so that C:\ is not a scheme (RFC 3986, 3.1). Mistyped slashes count too.
_OPENING = re.compile(r"[^\w./\\]*([A-Za-z][A-Za-z0-9+.\s-]+):[/\\]*|[/\\]{2,}(?=[^/\\?#]*:)")
# Some people encode it, and IDNA makes the wide and the small form an @.
_AT = re.compile("@|%40|\uff20|\ufe6b")
# A URL in the path or the query of another one.
_NESTED = re.compile(r"((?::|%3a)(?:[/\\]|%2f|%5c){2,})[^/?#&\s]*(?:@|%40)", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]+:[/\\]+|\b(?:https?|ftps?|s3|gs):)\S*(?:@|%40)\S*", re.IGNORECASE
)
_DATA = re.compile(r"\s*data:", re.IGNORECASE)
_SHOWN_CHARS = 32


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """An http or https address.

    ``allow_private`` allows its own host to be on a private network, such as a camera. Redirects to
    other private hosts stay forbidden. ``only_hosts`` are the only hosts, in lower case, that it
    and its redirects may name; empty allows all.
    """

    text: str
    allow_private: bool = False
    only_hosts: tuple[str, ...] = ()

    @property
    def public_text(self) -> str:
        """The URL with ``***`` for user name and password."""
        return hide_credentials(self.text)

    def __repr__(self) -> str:
        return f"Url({self.public_text!r})"


@dataclass(frozen=True, slots=True, repr=False)
class DataUrl:
    """A picture in a URL: ``data:image/png;base64,…`` (RFC 2397)."""

    text: str

    @property
    def public_text(self) -> str:
        """The URL, or its beginning and its length if it is long."""
        if len(self.text) <= 2 * _SHOWN_CHARS:
            return self.text
        return f"{self.text[:_SHOWN_CHARS]}…({len(self.text)} characters)"

    @property
    def key(self) -> str:
        """The same short text for the same URL: its SHA-256."""
        # Few runs have such URLs.
        import hashlib

        content = self.text.encode("utf-8", "surrogatepass")
        return f"data:#sha256={hashlib.sha256(content).hexdigest()}"

    def __repr__(self) -> str:
        return f"DataUrl({self.public_text!r})"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe or device that the user named as an argument. Only reading it opens it, and waits."""

    path: str


def is_data_url(text: str) -> bool:
    """Whether a text is a data URL, which may be malformed."""
    return _DATA.match(text) is not None


def hide_credentials(url: str) -> str:
    """A URL, which may be mistyped, with ``***`` for its user name and password."""
    found = _OPENING.match(url)
    if found is None:
        return url
    opening, rest = found[0], url[found.end() :]
    userinfo = rest
    if _is_sound(url, opening):
        userinfo = re.split("[/?#]", rest, maxsplit=1)[0]
    ends = [at.end() for at in _AT.finditer(userinfo)]
    shown = f"{_MASK}{rest[ends[-1] :]}" if ends else rest
    return opening + _NESTED.sub(rf"\1{_MASK}", shown)


def hide_in_text(message: str) -> str:
    """A text with ``***`` for the user name and password of each URL in it."""
    return _IN_TEXT.sub(lambda match: hide_credentials(match[0]), message)


def _is_sound(url: str, opening: str) -> bool:
    """Whether it is clear where the host ends. It is not if the password contains a slash."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # the port is not a number
        return False
    is_whole = opening.strip() == f"{parts.scheme}://" or opening.lower().startswith("file:")
    return is_whole and not parts.netloc.endswith(":")
