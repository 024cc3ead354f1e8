"""The tree of errors, and the one table made of it."""

import inspect
import re

from pictell import errors
from pictell.cli.exit_status import EXIT_STATUSES
from pictell.errors import PictellError

DRAWN = re.compile(r"^    (?P<branch>[│├└─ ]*)(?P<name>\w+Error) *(?P<code>[a-z_]*)", re.MULTILINE)
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PictellError)
}


def drawn_tree() -> dict[str, tuple[str | None, str]]:
    """The docstring's drawing: each class with its parent and code."""
    assert errors.__doc__ is not None
    tree: dict[str, tuple[str | None, str]] = {}
    path: list[str] = []
    for row in DRAWN.finditer(errors.__doc__):
        depth = len(row["branch"]) // 4
        path[depth:] = [row["name"]]
        tree[row["name"]] = (path[depth - 1] if depth else None, row["code"] or "pictell")
    return tree


def test_the_drawing_names_every_error_with_its_parent_and_code() -> None:
    real = {
        name: (None if kind is PictellError else kind.__bases__[0].__name__, kind.code)
        for name, kind in CLASSES.items()
    }
    assert drawn_tree() == real


def test_codes_are_unique_and_stable_words() -> None:
    codes = [kind.code for kind in CLASSES.values()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_error_states_its_own_code() -> None:
    assert [name for name, kind in CLASSES.items() if "code" not in vars(kind)] == []


def test_wrong_use_is_a_value_error_too() -> None:
    assert issubclass(errors.UsageError, ValueError)


def test_the_exit_statuses_name_every_error_and_no_other() -> None:
    assert set(EXIT_STATUSES) == set(CLASSES.values())
    assert set(EXIT_STATUSES.values()) == {1, 2}
