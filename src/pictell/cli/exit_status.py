"""From errors to exit statuses, by the base class of an error."""

from __future__ import annotations

from pictell.errors import (
    ClusterError,
    JournalError,
    ModelError,
    OutputError,
    PictellError,
    RuntimeFailedError,
    ServerError,
    UsageError,
)

SOME_FAILED = 1
WRONG_USE = 2


def exit_status(error: PictellError) -> int:
    """1 where a picture or a file failed; 2 for wrong use, and for a model, a server, or an output
    or the machines of a batch, or a journal, that cannot be used."""
    if isinstance(error, RuntimeFailedError):
        return SOME_FAILED
    unusable = UsageError | ModelError | ServerError | OutputError | JournalError | ClusterError
    return WRONG_USE if isinstance(error, unusable) else SOME_FAILED
