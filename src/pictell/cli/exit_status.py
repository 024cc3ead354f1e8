"""From errors to exit statuses, by the base class of an error."""

from __future__ import annotations

from pictell.errors import ModelError, PictellError, RuntimeFailedError, UsageError

SOME_FAILED = 1
WRONG_USE = 2


def exit_status(error: PictellError) -> int:
    """1 where a picture or a file failed, 2 for wrong use and for a model that cannot be used."""
    failed = isinstance(error, RuntimeFailedError) or not isinstance(error, UsageError | ModelError)
    return SOME_FAILED if failed else WRONG_USE
