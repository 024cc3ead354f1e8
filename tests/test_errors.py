"""The tree of errors, their data, and their exit statuses."""

import inspect
import pickle
import re

import pytest

from pictell import errors
from pictell.cli.exit_status import exit_status
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


def test_an_error_names_its_source_and_carries_its_data() -> None:
    error = errors.HttpStatusError("the server answered 404", source="a.jpg", status_code=404)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.source, copy.status_code) == (type(error), "a.jpg", 404)
    assert str(copy) == "a.jpg: the server answered 404"
    assert copy.message == "the server answered 404"


def test_an_error_takes_only_the_data_it_declares() -> None:
    with pytest.raises(TypeError, match="status_code"):
        errors.NotAPictureError("x", status_code=404)


def test_exit_statuses_go_by_the_base_class() -> None:
    class OwnSourceError(errors.SourceError):
        pass

    class OwnModelError(errors.UnsafeModelError):
        pass

    assert exit_status(OwnSourceError("x")) == exit_status(errors.RuntimeFailedError("x")) == 1
    assert exit_status(OwnModelError("x")) == exit_status(errors.UsageError("x")) == 2


def test_every_code_leads_to_its_class() -> None:
    class OwnError(errors.SourceError):
        pass

    del OwnError
    found = errors.error_classes()
    assert {kind.code: kind for kind in CLASSES.values()}.items() <= found.items()
