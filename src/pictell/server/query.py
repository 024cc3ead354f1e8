"""The query of a request. An unknown or wrong parameter is an error, never ignored."""

from __future__ import annotations

from starlette.requests import Request

from pictell.errors import UsageError
from pictell.server.problems import ProblemError

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Query:
    """The parameters of a request, of ``known`` names. All methods raise ``ProblemError``."""

    def __init__(self, request: Request, *known: str) -> None:
        self._parameters = request.query_params
        for name in self._parameters:
            if name not in known:
                names = ", ".join(known) or "none"
                raise _wrong(f"unknown parameter {name!r}: this route has {names}")
            if len(self._parameters.getlist(name)) > 1:
                raise _wrong(f"{name} is given twice: give it once")

    def text(self, name: str) -> str | None:
        """A text, or ``None``."""
        return self._parameters.get(name)

    def boolean(self, name: str) -> bool:
        """``true`` or ``false``, which is the default."""
        value = self._parameters.get(name, "false")
        if value not in BOOLEANS:
            raise _wrong(f"{name} must be true or false, not {value!r}")
        return BOOLEANS[value]

    def integer(self, name: str, default: int, most: int) -> int:
        """A whole number of 1 to ``most``."""
        value = self._parameters.get(name, str(default))
        is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(most))
        if not (is_number and 1 <= (number := int(value)) <= most):
            raise _wrong(f"{name} must be a whole number of 1 to {most}, not {value!r}")
        return number


def _wrong(message: str) -> ProblemError:
    return ProblemError(400, UsageError.code, message)
