"""TOML documents from strangers: what takes long to parse is refused, and errors stay short."""

import pytest

from pictell.errors import InvalidModelError
from pictell.models import toml
from pictell.models.toml import MAX_CHARACTERS, MAX_DOTS_IN_KEY


class Inner(toml.Table, frozen=True):
    files: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()


class Document(toml.Table, frozen=True):
    inner: Inner


def read(text: str) -> Document:
    return toml.parse(text, "a.toml", Document)


DEEP = "a" + ".a" * (MAX_DOTS_IN_KEY + 1)
DEEP_QUOTED = '""' + ".''" * (MAX_DOTS_IN_KEY + 1)


@pytest.mark.parametrize(
    "text",
    [
        f"{DEEP} = 1",
        f"[{DEEP}]\n" + "k = 1\n" * 3,
        f"[[{DEEP}]]",
        f"{DEEP_QUOTED} = 1",
        DEEP.replace(".", " .\t") + " = 1",
        f"x = [{{ {DEEP} = 1 }}]",
        # The strings before the key end where TOML says that they do.
        f'x = """a""""" # "\n{DEEP} = 1',
        f"x = '''a'''''\n{DEEP} = 1",
        f"x = '\\'\n{DEEP} = '1'",
        f'x = "\\""\n{DEEP} = 1',
        f"# it's\n{DEEP} = 1",
    ],
)
def test_a_key_with_many_dots_is_refused(text: str) -> None:
    with pytest.raises(InvalidModelError, match=f"a key has more than {MAX_DOTS_IN_KEY} dots$"):
        read(text)


def test_dots_elsewhere_are_not_counted() -> None:
    names, numbers = ("w.0.1" * 50, "it's.", '".'), (0.5, 1.5) * 1000
    document = Document(Inner(names, numbers))
    assert read(f"# {DEEP}\n{toml.to_text(document)}") == document
    assert read(f"[inner]\nfiles = [\n\"\"\"\n{DEEP}\"\"\", '''{DEEP}''']\n").inner.files


@pytest.mark.parametrize("opened", ["[", "{a="])
def test_deep_nesting_is_one_line(opened: str) -> None:
    with pytest.raises(InvalidModelError, match=r"^a.toml is not valid TOML: it is nested too"):
        read("a=" + opened * 100_000)


def test_a_long_document_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidModelError, match=f"more than {MAX_CHARACTERS:,} characters$"):
        read("[[a]]\n" * (MAX_CHARACTERS // 6 + 1))


@pytest.mark.parametrize(
    "text",
    [
        "[inner]\n" + "".join(f"k{number} = 1\n" for number in range(50_000)),
        "[inner]\n" + "k" * 500_000 + " = 1",
        '[inner]\n"' + "k" * 500_000 + '" = 1',
        "k" * 500_000,
        "[inner]\nx = " + "1" * 500_000,
    ],
)
def test_an_error_stays_short(text: str) -> None:
    with pytest.raises(InvalidModelError) as caught:
        read(text)
    assert len(str(caught.value)) < 400
