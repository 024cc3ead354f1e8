"""Where a picture may be if it is in no file: URLs, pipes. How URLs are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

_MASK = "***@"
# Some people encode it, and IDNA makes the wide and the small form an @.
_AT_SIGNS = ("@", "%40", "\uff20", "\ufe6b")
# Few runs need these patterns, so they are compiled when they are used.
# At least two letters, so that C:\ is not a scheme (RFC 3986, 3.1). Mistyped slashes count too,
# or a colon that is missing or another mark.
_OPENING = (
    r"[^\w./\\]*([A-Za-z][A-Za-z0-9+.\s-]+):[/\\]*|[/\\]{2,}(?=[^/\\?#]*:)"
    r"|(?i:\W*https?)[^\w:/\\]*[/\\]{2,}"
)
# A URL in the path or the query of another one, or in another text.
_NESTED = r"(?i)((?::|%3a)(?:[/\\]|%2f|%5c){2,})[^/?#&\s]*(?:@|%40)"
# Bounded, so that a long message takes no longer than linear time.
_START_IN_WORD = (
    r"(?i)\b[a-z][a-z0-9+.-]{1,30}:[/\\]|\b(?:https?|ftps?|s3|gs):|\bhttps?\W{0,2}[/\\]{2}"
)
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


# Named tuples: to make a dataclass takes half a millisecond, at every start of the program.


class DataUrl(NamedTuple):
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


class Pipe(NamedTuple):
    """A pipe or device that the user named as an argument. Only reading it opens it, and waits."""

    path: str


def is_data_url(text: str) -> bool:
    """Whether a text is a data URL, which may be malformed."""
    return text.lstrip()[:5].lower() == "data:"


def hide_credentials(url: str) -> str:
    """A URL, which may be mistyped, with ``***`` for its user name and password."""
    if not any(at in url for at in _AT_SIGNS):
        return url
    if (found := re.match(_OPENING, url)) is None:
        return _hide_nested(url)
    opening, rest = found[0], url[found.end() :]
    userinfo = rest
    if _is_sound(url, opening):
        userinfo = re.split("[/?#]", rest, maxsplit=1)[0]
    end = max(userinfo.rfind(at) + len(at) if at in userinfo else 0 for at in _AT_SIGNS)
    shown = f"{_MASK}{rest[end:]}" if end else rest
    return opening + _hide_nested(shown)


def hide_in_text(message: str) -> str:
    """A text with ``***`` for the user name and password of each URL in it."""
    if not any(at in message for at in _AT_SIGNS):
        return message
    return re.sub(r"\S+", _hide_in_word, message)


def _hide_in_word(match: re.Match[str]) -> str:
    word = match[0]
    found = re.search(_START_IN_WORD, word)
    if found is None:
        return _hide_nested(word)
    start = found.start()
    return word[:start] + hide_credentials(word[start:])


def _hide_nested(text: str) -> str:
    return re.sub(_NESTED, rf"\1{_MASK}", text)


def _is_sound(url: str, opening: str) -> bool:
    """Whether it is clear where the host ends. It is not if the password contains a slash."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # the port is not a number
        return False
    is_whole = opening.strip() == f"{parts.scheme}://" or opening.lower().startswith("file:")
    return is_whole and not parts.netloc.endswith(":")
