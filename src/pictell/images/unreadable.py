"""Why a source cannot be read, and what to do."""

from __future__ import annotations

import errno
import os
import re
import stat

from pictell.errors import (
    SourceError,
    SourceNotFoundError,
    SourceTooLargeError,
    SourceUnreadableError,
)
from pictell.files import os_reason

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# What people give as a URL without its scheme, by the host or by what is left of the scheme.
_WITHOUT_SCHEME = r"(?i)(www\.|((\w[\w-]*\.)+[a-z]{2,}|localhost|\d+(\.\d+){3})(:\d+)?/)"
_MISTYPED_SCHEME = r"(?i)\W*https?\b\W*[:/\\]"


def too_large(max_bytes: int) -> SourceTooLargeError:
    """The error for a source of more than ``max_bytes``."""
    message = f"longer than the {max_bytes} bytes allowed (--max-bytes)"
    return SourceTooLargeError(message, max_bytes=max_bytes)


def unreadable(error: OSError | ValueError) -> SourceError:
    """The error for what the operating system could not read, with its reason."""
    if isinstance(error, FileNotFoundError):
        return SourceNotFoundError("no such file or folder")
    if getattr(error, "errno", None) == errno.ENXIO:
        return SourceUnreadableError("a socket or a missing device, not a file")
    return SourceUnreadableError(f"cannot be read: {os_reason(error)}")


def missing(name: str) -> SourceNotFoundError:
    """The error for a file that is not there. It says so if the name is rather a URL."""
    return SourceNotFoundError(f"no such file or folder{url_remedy(name)}")


def url_remedy(name: str) -> str:
    """What to do if the name of a missing file is rather a URL, to be added to an error."""
    if re.match(_MISTYPED_SCHEME, name):
        return "; a URL starts with https:// or http://"
    if re.match(_WITHOUT_SCHEME, name) and not os.path.lexists(name.partition("/")[0]):
        return "; if it is a URL, add https://"
    return ""


def special_kind(status: os.stat_result) -> str | None:
    """What is neither a file nor a folder: ``a named pipe``, ``a socket`` or ``a device``."""
    return next((kind for is_kind, kind in _KINDS if is_kind(status.st_mode)), None)
