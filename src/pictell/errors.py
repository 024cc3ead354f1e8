"""The errors that pictell raises, each with a stable ``code`` for programs, and its warning.

    PictellError
    ├── UsageError                 wrong_use             (also a ValueError)
    ├── DeadlineError              deadline
    ├── OutOfMemoryError           out_of_memory
    ├── OutputError                output
    ├── JournalError               journal
    ├── ClusterError               cluster
    ├── ServerError                server
    │   └── ServerUnavailableError server_unavailable
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
    │   ├── BoxOutsideError        box_outside
    │   ├── DecoderMissingError    decoder_missing
    │   ├── DecoderCrashedError    decoder_crashed
    │   └── DecoderTimeoutError    decoder_timeout
    └── ModelError                 model
        ├── UnknownModelError      unknown_model
        ├── InvalidModelError      invalid_model
        ├── UnsafeModelError       unsafe_model
        ├── ModelUnavailableError  model_unavailable
        ├── StoreError             store
        ├── RuntimeMissingError    runtime_missing
        └── RuntimeFailedError     runtime_failed

A message is one line: what happened and what to do. What shows it escapes it.
"""

from __future__ import annotations

from typing import ClassVar


class ModelWarning(UserWarning):
    """A model runs, but its answers may be wrong: its publisher states another preprocessing."""


class PictellError(Exception):
    """Base of all errors that pictell raises on purpose.

    ``str(error)`` has ``message`` and ``source``, the picture if one failed. Errors can be pickled.
    """

    code: ClassVar[str] = "pictell"
    source: str | None = None

    def __init__(self, message: str, **data: object) -> None:
        """``data`` sets attributes that the class declares. Raises ``TypeError`` for others."""
        super().__init__(message)
        self.message = message
        for name, value in data.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no attribute {name!r}")
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message if self.source is None else f"{self.source}: {self.message}"


def error_classes() -> dict[str, type[PictellError]]:
    """Every class of errors by its ``code``; of a subclass without a code of its own, the base."""
    classes = [PictellError]
    for one in classes:  # it grows
        classes += one.__subclasses__()
    return {error.code: error for error in reversed(classes)}


class UsageError(PictellError, ValueError):
    """An option or an argument is wrong, or options contradict each other."""

    code = "wrong_use"


class DeadlineError(PictellError):
    """A call did not finish within its ``timeout_s`` seconds."""

    code = "deadline"
    timeout_s: float | None = None


class OutOfMemoryError(PictellError):
    """There is not enough memory for the picture or the model, which may be whole."""

    code = "out_of_memory"


class OutputError(PictellError):
    """The output of a batch cannot be read or written: a full disk, permissions, a storage."""

    code = "output"


class JournalError(PictellError):
    """The journal of changes cannot be used, so no file is changed without it."""

    code = "journal"


class ClusterError(PictellError):
    """The machines of a batch cannot be reached, are not alike, or fail again and again."""

    code = "cluster"


class ServerError(PictellError):
    """The server of ``connect`` refuses all requests, or does not answer as ``pictell serve``."""

    code = "server"


class ServerUnavailableError(ServerError):
    """The server cannot be reached, has too much to do, or does not answer in time."""

    code = "server_unavailable"


class SourceError(PictellError):
    """A source cannot be read."""

    code = "source"


class SourceNotFoundError(SourceError):
    """No such file or folder, or a pattern that matches nothing."""

    code = "source_not_found"


class SourceUnreadableError(SourceError):
    """The file exists but cannot be read: permissions, a device error, a broken stream."""

    code = "source_unreadable"


class SourceTooLargeError(SourceError):
    """A file or stream is longer than ``max_bytes``."""

    code = "source_too_large"
    max_bytes: int | None = None


class NoPicturesError(SourceError):
    """A folder holds no picture."""

    code = "no_pictures"


class FetchError(PictellError):
    """A URL could not be downloaded."""

    code = "fetch"


class AddressRefusedError(FetchError):
    """The URL, or a redirect, leads to an address that pictell does not fetch."""

    code = "address_refused"


class HostUnreachableError(FetchError):
    """The host name does not resolve, or the connection or the TLS handshake fails."""

    code = "host_unreachable"


class FetchTimeoutError(FetchError):
    """The download did not finish before its deadline, ``timeout_s`` seconds."""

    code = "fetch_timeout"
    timeout_s: float | None = None


class HttpStatusError(FetchError):
    """The server answered with another status than 200; ``status_code`` is that status."""

    code = "http_status"
    status_code: int | None = None


class BadResponseError(FetchError):
    """The response is not valid HTTP, is incomplete, or redirects too often."""

    code = "bad_response"


class BodyTooLargeError(FetchError):
    """The response body is longer than ``max_bytes``."""

    code = "body_too_large"
    max_bytes: int | None = None


class DecodeError(PictellError):
    """The bytes cannot be decoded as a picture."""

    code = "decode"


class NotAPictureError(DecodeError):
    """The bytes are not in a picture format that pictell reads, or in a kind that it does not."""

    code = "not_a_picture"


class BrokenPictureError(DecodeError):
    """The picture is truncated or damaged."""

    code = "broken_picture"


class PictureTooLargeError(DecodeError):
    """The picture has more than ``max_pixels``; ``width`` and ``height`` are from its header."""

    code = "picture_too_large"
    width: int | None = None
    height: int | None = None
    max_pixels: int | None = None


class BoxOutsideError(DecodeError):
    """The box that was given lies outside the picture."""

    code = "box_outside"


class DecoderMissingError(DecodeError):
    """The format's decoder cannot be loaded; ``extra`` names the extra of pictell that it needs."""

    code = "decoder_missing"
    extra: str | None = None


class DecoderCrashedError(DecodeError):
    """The decoder crashed on this picture, in a process of its own (``Limits.isolate``)."""

    code = "decoder_crashed"


class DecoderTimeoutError(DecodeError):
    """The picture was not decoded within ``timeout_s`` seconds (``Limits.isolate``)."""

    code = "decoder_timeout"
    timeout_s: float | None = None


class ModelError(PictellError):
    """A model cannot be found, read or run; ``path`` is its file or folder, if that is known."""

    code = "model"
    path: str | None = None


class UnknownModelError(ModelError):
    """No model of that name, and no file or folder at that path."""

    code = "unknown_model"


class InvalidModelError(ModelError):
    """The model's folder, weights or labels do not fit together."""

    code = "invalid_model"


class UnsafeModelError(ModelError):
    """The model could do more than compute: run code, or read or write files."""

    code = "unsafe_model"


class ModelUnavailableError(ModelError):
    """A published model is not on this machine and cannot be downloaded."""

    code = "model_unavailable"


class StoreError(ModelError):
    """A model's folder cannot be read or written."""

    code = "store"


class RuntimeMissingError(ModelError):
    """No runtime that runs the model is installed."""

    code = "runtime_missing"


class RuntimeFailedError(ModelError):
    """The runtime failed while it ran the model."""

    code = "runtime_failed"
