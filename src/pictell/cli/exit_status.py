"""From errors to exit statuses: the only such table."""

from __future__ import annotations

from pictell import errors

SOME_FAILED = 1
WRONG_USE = 2

EXIT_STATUSES: dict[type[errors.PictellError], int] = {
    errors.PictellError: SOME_FAILED,
    errors.UsageError: WRONG_USE,
    errors.SourceError: SOME_FAILED,
    errors.SourceNotFoundError: SOME_FAILED,
    errors.SourceUnreadableError: SOME_FAILED,
    errors.SourceTooLargeError: SOME_FAILED,
    errors.NoPicturesError: SOME_FAILED,
    errors.FetchError: SOME_FAILED,
    errors.AddressRefusedError: SOME_FAILED,
    errors.HostUnreachableError: SOME_FAILED,
    errors.FetchTimeoutError: SOME_FAILED,
    errors.HttpStatusError: SOME_FAILED,
    errors.BadResponseError: SOME_FAILED,
    errors.BodyTooLargeError: SOME_FAILED,
    errors.DecodeError: SOME_FAILED,
    errors.NotAPictureError: SOME_FAILED,
    errors.BrokenPictureError: SOME_FAILED,
    errors.PictureTooLargeError: SOME_FAILED,
    errors.DecoderMissingError: SOME_FAILED,
    errors.ModelError: WRONG_USE,
    errors.UnknownModelError: WRONG_USE,
    errors.InvalidModelError: WRONG_USE,
    errors.UnsafeModelError: WRONG_USE,
    errors.ModelUnavailableError: WRONG_USE,
    errors.StoreError: WRONG_USE,
    errors.RuntimeMissingError: WRONG_USE,
    errors.RuntimeFailedError: SOME_FAILED,
}
