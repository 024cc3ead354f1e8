"""Every way pictell can fail, each with a stable ``code`` for programs.

    PictellError
    ├── UsageError                 wrong_use             (also a ValueError)
    ├── SourceError                source
    │   ├── SourceNotFoundError    source_not_found
    │   ├── SourceUnreadableError  source_unreadable
    │   ├── SourceTooLargeError    source_too_large
    │   └── NoPicturesError        no_pictures
    ├── FetchError                 fetch
    │   ├── AddressRefusedError    address_refused
    │   ├── HostUnreachableError   host_unreachable
    │   ├── FetchTimeoutError      fetch_timeout
    │   ├── HttpStatusError        http_status
    │   ├── BadResponseError       bad_response
    │   └── BodyTooLargeError      body_too_large
    ├── DecodeError                decode
    │   ├── NotAPictureError       not_a_picture
    │   ├── BrokenPictureError     broken_picture
    │   ├── PictureTooLargeError   picture_too_large
    │   └── DecoderMissingError    decoder_missing
    └── ModelError                 model
        ├── UnknownModelError      unknown_model
        ├── InvalidModelError      invalid_model
        ├── UnsafeModelError       unsafe_model
        ├── ModelUnavailableError  model_unavailable
        ├── StoreError             store
        ├── RuntimeMissingError    runtime_missing
        └── RuntimeFailedError     runtime_failed

A message is one line: what happened and, where there is a remedy, what to do.
It does not name the source: whoever shows the error knows which one it was.
Text that came from outside is kept as it came; the shells make it harmless.
"""

from __future__ import annotations

from typing import ClassVar


class PictellError(Exception):
    """Base of all errors raised on purpose by pictell."""

    code: ClassVar[str] = "pictell"


class UsageError(PictellError, ValueError):
    """The caller asked for something that makes no sense: an option, an argument, a type."""

    code = "wrong_use"


class SourceError(PictellError):
    """What the user named cannot be turned into bytes."""

    code = "source"


class SourceNotFoundError(SourceError):
    """No such file, or a pattern that matches nothing."""

    code = "source_not_found"


class SourceUnreadableError(SourceError):
    """The file is there but cannot be read: permissions, a device error, a broken stream."""

    code = "source_unreadable"


class SourceTooLargeError(SourceError):
    """A file or stream longer than ``max_bytes``."""

    code = "source_too_large"


class NoPicturesError(SourceError):
    """A folder without a single picture in it."""

    code = "no_pictures"


class FetchError(PictellError):
    """A URL could not be downloaded."""

    code = "fetch"


class AddressRefusedError(FetchError):
    """The URL, or a redirect, leads where it must not: a private host, another scheme."""

    code = "address_refused"


class HostUnreachableError(FetchError):
    """The host does not resolve, refuses the connection or fails the TLS handshake."""

    code = "host_unreachable"


class FetchTimeoutError(FetchError):
    """The download did not finish before its deadline."""

    code = "fetch_timeout"


class HttpStatusError(FetchError):
    """The server answered with anything but 200."""

    code = "http_status"


class BadResponseError(FetchError):
    """The answer breaks HTTP or our limits on it: too many redirects, an encoding, a short body."""

    code = "bad_response"


class BodyTooLargeError(FetchError):
    """The body is longer than ``max_bytes``."""

    code = "body_too_large"


class DecodeError(PictellError):
    """Bytes that do not become a picture."""

    code = "decode"


class NotAPictureError(DecodeError):
    """The bytes are of no format pictell reads."""

    code = "not_a_picture"


class BrokenPictureError(DecodeError):
    """A known format, but truncated or damaged."""

    code = "broken_picture"


class PictureTooLargeError(DecodeError):
    """The header claims more than ``max_pixels``."""

    code = "picture_too_large"


class DecoderMissingError(DecodeError):
    """A known format whose decoder is an extra that is not installed."""

    code = "decoder_missing"


class ModelError(PictellError):
    """A model cannot be found, read or run."""

    code = "model"


class UnknownModelError(ModelError):
    """No model of that name, and no file or folder at that path."""

    code = "unknown_model"


class InvalidModelError(ModelError):
    """The model's folder, weights or labels do not fit together."""

    code = "invalid_model"


class UnsafeModelError(ModelError):
    """The model's files could do more than compute: run code, read or write files."""

    code = "unsafe_model"


class ModelUnavailableError(ModelError):
    """A known model that is not here and cannot be downloaded."""

    code = "model_unavailable"


class StoreError(ModelError):
    """The folder of downloaded models cannot be read or written."""

    code = "store"


class RuntimeMissingError(ModelError):
    """No engine that could run the model is installed."""

    code = "runtime_missing"


class RuntimeFailedError(ModelError):
    """The engine failed while it ran the model."""

    code = "runtime_failed"
