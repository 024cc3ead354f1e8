"""What the user names becomes sources, in order and lazily."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictell.errors import (
    NoPicturesError,
    PictellError,
    SourceError,
    SourceNotFoundError,
    SourceUnreadableError,
    UsageError,
)
from pictell.images.read import read_content
from pictell.images.sources import (
    expand_argument,
    expand_entry,
    expand_path,
    natural_key,
    to_source,
)
from pictell.places import DataUrl, Url, hide_in_text
from pictell.types import Source
from pictures import photo, photo_as

PICTURE = b"\xff\xd8\xff a picture by its first bytes"
file_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), max_size=8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(folder: Path, *names: str, content: bytes = PICTURE) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(sources: Iterator[Source]) -> list[str]:
    return [source.name for source in sources]


def errors(sources: Iterator[Source]) -> list[tuple[str, type, str]]:
    return [
        (source.name, type(source.content), str(source.content))
        for source in sources
        if isinstance(source.content, PictellError)
    ]


@pytest.mark.parametrize("typed", ["cat.jpg", "./cat.jpg", "f/../cat.jpg", "f//cat.jpg"])
def test_a_file_is_one_source_with_the_name_as_typed(folder: Path, typed: str) -> None:
    make(folder, "cat.jpg", "f/cat.jpg")
    assert list(expand_argument(typed)) == [Source(typed, Path(typed))]


def test_an_empty_argument_is_not_the_current_folder(folder: Path) -> None:
    make(folder, "cat.jpg")
    assert names(expand_argument("")) == [""]


def test_a_folder_gives_its_pictures_in_natural_order(folder: Path) -> None:
    make(folder, "f/img10.png", "f/img2.png", "f/IMG1.png", "f/b.jpg")
    make(folder, "f/img9/b.gif", "f/img9/a.gif")
    assert names(expand_argument("f")) == [
        "f/b.jpg",
        "f/IMG1.png",
        "f/img2.png",
        "f/img9/a.gif",
        "f/img9/b.gif",
        "f/img10.png",
    ]


def test_hidden_files_and_folders_are_left_out(folder: Path) -> None:
    make(folder, "f/.hidden.jpg", "f/.git/x.jpg", "f/seen.jpg")
    skipped: list[Path] = []
    assert names(expand_argument("f", skipped.append)) == ["f/seen.jpg"]
    assert skipped == []


def test_other_files_of_a_folder_are_reported_as_skipped(folder: Path) -> None:
    make(folder, "f/notes.txt", "f/empty", content=b"")
    make(folder, "f/cat.jpg", "f/no_suffix")
    make(folder, "f/broken.JPG", content=b"no picture, but it says so")
    skipped: list[Path] = []
    found = names(expand_argument("f", skipped.append))
    assert found == ["f/broken.JPG", "f/cat.jpg", "f/no_suffix"]
    assert skipped == [Path("f/empty"), Path("f/notes.txt")]


def test_a_folder_without_pictures_says_so(folder: Path) -> None:
    make(folder, "f/notes.txt", content=b"text")
    assert errors(expand_argument("f")) == [("f", NoPicturesError, "the folder has no pictures")]


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder: Path) -> None:
    make(folder, "elsewhere/cat.jpg")
    (folder / "f").mkdir()
    (folder / "f" / "back").symlink_to(folder / "f")
    (folder / "f" / "folder").symlink_to(folder / "elsewhere")
    (folder / "f" / "file.jpg").symlink_to(folder / "elsewhere" / "cat.jpg")
    assert names(expand_argument("f")) == ["f/file.jpg"]


def test_a_link_to_a_folder_that_was_typed_is_followed(folder: Path) -> None:
    make(folder, "elsewhere/cat.jpg")
    (folder / "f").symlink_to("elsewhere")
    assert names(expand_argument("f")) == ["f/cat.jpg"]


@pytest.mark.parametrize("target", ["loop.JPG", "missing.jpg", "cat.jpg/x", "x" * 300])
def test_a_broken_link_with_the_suffix_of_a_picture_is_an_error(folder: Path, target: str) -> None:
    make(folder, "f/cat.jpg", "f/zebra.jpg")
    (folder / "f" / "loop.JPG").symlink_to(target)
    (folder / "f" / "loop.txt").symlink_to(target)
    (folder / "f" / "link").symlink_to(target)
    skipped: list[Path] = []
    first, broken, last = expand_argument("f", skipped.append)
    assert [first.name, broken.name, last.name] == ["f/cat.jpg", "f/loop.JPG", "f/zebra.jpg"]
    assert skipped == [Path("f/link"), Path("f/loop.txt")]
    with pytest.raises(SourceError):
        read_content(broken)


@pytest.mark.parametrize("name", ["b.jpg", "b"])
def test_a_file_that_is_gone_since_it_was_listed_is_an_error(folder: Path, name: str) -> None:
    make(folder, "f/a.jpg", f"f/{name}", "f/c.jpg")
    sources = expand_argument("f")
    assert next(sources).name == "f/a.jpg"
    (folder / "f" / name).unlink()
    gone, last = sources
    assert (gone.name, last.name) == (f"f/{name}", "f/c.jpg")
    with pytest.raises(SourceNotFoundError, match="no such file"):
        read_content(gone)


def test_a_file_that_is_gone_and_was_no_picture_by_its_name_is_skipped(folder: Path) -> None:
    make(folder, "f/a.jpg", "f/b.part", "f/c.jpg")
    skipped: list[Path] = []
    sources = expand_argument("f", skipped.append)
    next(sources)
    (folder / "f" / "b.part").unlink()
    assert names(sources) == ["f/c.jpg"]
    assert skipped == [Path("f/b.part")]


def test_pipes_in_a_folder_are_not_opened(folder: Path) -> None:
    make(folder, "f/cat.jpg")
    os.mkfifo(folder / "f" / "pipe.jpg")
    os.mkfifo(folder / "f" / "pipe")
    skipped: list[Path] = []
    assert names(expand_argument("f", skipped.append)) == ["f/cat.jpg"]
    assert skipped == [Path("f/pipe"), Path("f/pipe.jpg")]


def test_names_that_are_not_utf8_keep_their_bytes(folder: Path) -> None:
    make(folder, os.fsdecode(b"f/\xff\xfe.jpg"))
    (source,) = expand_argument("f")
    assert os.fsencode(source.name) == b"f/\xff\xfe.jpg"


WITHOUT_RIGHTS = """
import os, sys
from pictell.images.sources import expand_argument
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for source in expand_argument(sys.argv[1]):
    print(os.path.basename(source.name), getattr(source.content, "code", "found"))
"""


def test_a_folder_without_permission_does_not_stop_the_others(folder: Path) -> None:
    make(folder, "f/a.jpg", "f/closed/b.jpg", "f/c.jpg")
    folder.chmod(0o755)
    (folder / "f" / "closed").chmod(0)
    # Permissions do not apply to root, so this runs as another user. That user cannot enter the
    # folders above, so the test's folder is the working directory.
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS, "f"], capture_output=True, text=True, check=False
    )
    (folder / "f" / "closed").chmod(0o755)
    assert run.stderr == ""
    assert run.stdout.split("\n")[:-1] == ["a.jpg found", "c.jpg found", "closed source_unreadable"]


def test_a_path_in_a_folder_without_permission_is_one_error(folder: Path) -> None:
    make(folder, "closed/b.jpg")
    (folder / "closed").chmod(0)
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS, "closed/b.jpg"],
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "closed").chmod(0o755)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_name_that_is_too_long_is_one_source() -> None:
    (source,) = expand_argument(300 * "a" + ".jpg")
    assert source.name == 300 * "a" + ".jpg"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["a2.jpg", "a10.jpg", "a[1].jpg"]),
        ("a?.jpg", ["a2.jpg"]),
        ("[a]*.jpg", ["a2.jpg", "a10.jpg", "a[1].jpg"]),
        ("f/**/*.jpg", ["f/b.jpg", "f/g/c.jpg"]),
        ("**/c.jpg", ["f/g/c.jpg"]),
        ("f*", ["f/b.jpg", "f/g/c.jpg"]),
        ("f/**", ["f/b.jpg", "f/g/c.jpg"]),
        ("a[1].jpg", ["a[1].jpg"]),
    ],
)
def test_a_pattern_gives_each_file_once_in_natural_order(
    folder: Path, pattern: str, found: list[str]
) -> None:
    make(folder, "a10.jpg", "a2.jpg", "a[1].jpg", "f/b.jpg", "f/g/c.jpg", "f/.hidden/d.jpg")
    assert list(expand_argument(pattern)) == [Source(name, Path(name)) for name in found]


@pytest.mark.parametrize("pattern", ["*.png", "["])
def test_a_pattern_without_match_says_so(folder: Path, pattern: str) -> None:
    assert errors(expand_argument(pattern)) == [
        (pattern, SourceNotFoundError, "no file matches this pattern")
    ]


@pytest.mark.parametrize("entry", ["*.jpg", "-", "a?.jpg"])
def test_entries_of_a_list_are_taken_literally(folder: Path, entry: str) -> None:
    make(folder, "a1.jpg")
    assert list(expand_entry(entry, allow_private=False)) == [Source(entry, Path(entry))]


@pytest.mark.parametrize("url", ["http://example.org/a.jpg", "HTTPS://example.org/*.jpg?x=[1]"])
def test_a_typed_url_may_be_private_and_a_listed_one_only_when_allowed(url: str) -> None:
    assert list(expand_argument(url)) == [Source(url, Url(url, allow_private=True))]
    for allowed in (True, False):
        (source,) = expand_entry(url, allow_private=allowed)
        assert source.content == Url(url, allow_private=allowed)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@host/a.jpg", "http://***@host/a.jpg"),
        ("http://secret@host:81/a.jpg?b#c", "http://***@host:81/a.jpg?b#c"),
        ("http://a@b:secret@host/", "http://***@host/"),
        ("http://host/a@b.jpg", "http://host/a@b.jpg"),
        ("http://[::1]/a.jpg", "http://[::1]/a.jpg"),
        ("http:///user:secret@host/", "http:///***@host/"),
        ("https:////secret@host/a", "https:////***@host/a"),
        ("HTTP://user:secret@host", "HTTP://***@host"),
        ("ftp://user:secret@host/x", "ftp://***@host/x"),
        ("s3://KEY:secret@bucket/x.jpg", "s3://***@bucket/x.jpg"),
        ("http://user:secret%40host/", "http://***@host/"),
        ("http://user%3Asecret%40host/", "http://***@host/"),
        ("http://user:secret\uff20host/", "http://***@host/"),
        ("http://user:secret\t@host/", "http://***@host/"),
        ("http://us er:secret@host/", "http://***@host/"),
        ("http://user:/secret@host/", "http://***@host/"),
        ("http://user:?secret@host/", "http://***@host/"),
        ("http://http://user:secret@host/", "http://***@host/"),
        ("http://host/?url=http://user:secret@h/", "http://host/?url=http://***@h/"),
        ("http://h/?url=http%3A%2F%2Fme:secret%40h", "http://h/?url=http%3A%2F%2F***@h"),
        ("http://user\udcff:secret@host/", "http://***@host/"),
    ],
)
def test_credentials_are_not_shown(url: str, shown: str) -> None:
    source = to_source(url, allow_private=False)
    assert source.name == shown
    assert source.content == Url(url)
    assert source.key == shown
    assert "secret" not in repr(source)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https//user:secret@host/", "https//***@host/"),
        ("https;//user:secret@host/", "https;//***@host/"),
        ("://user:secret@host/", "://***@host/"),
        ("src=https://user:secret@host/", "src=https://***@host/"),
        ("[a cat](https://user:secret@host/)", "[a cat](https://***@host/)"),
        ("https//host/cat.jpg", "https//host/cat.jpg"),
        ("http/me/cat@2.jpg", "http/me/cat@2.jpg"),
    ],
)
def test_credentials_are_not_shown_of_what_is_hardly_a_url(text: str, shown: str) -> None:
    assert to_source(text, allow_private=False).name == shown
    assert hide_in_text(f"{text}: no such file") == f"{shown}: no such file"


@pytest.mark.parametrize(
    "url", ["http://user:secret@[bad/a.jpg", "http://user:secret@host\uff20more/a.jpg"]
)
def test_credentials_of_a_malformed_url_are_not_shown_either(url: str) -> None:
    assert "secret" not in to_source(url, allow_private=False).name


@pytest.mark.parametrize("url", ["http://u:pa/ss@127.0.0.1/x", "http://u:p#ss@127.0.0.1/x"])
def test_a_misplaced_password_is_hidden(url: str) -> None:
    (source,) = expand_argument(url)
    assert source.name == "http://***@127.0.0.1/x"


def test_an_at_sign_in_a_path_stays() -> None:
    (source,) = expand_argument("https://example.org/photos/12@N03/x.jpg")
    assert source.name == "https://example.org/photos/12@N03/x.jpg"


MISTYPED_URLS = [
    "http:/user:secret@host/a.jpg",
    "http:user:secret@host/a.jpg",
    "http:\\\\user:secret@host\\a.jpg",
    "http:/\\user:secret@host",
    "http:secret@host",
    "//user:secret@host/a.jpg",
    "user:secret@host/a.jpg",
    " http://user:secret@host/",
    "\ufeffhttp://user:secret@host/",
    "h\ttp://user:secret@host/",
    "http ://user:secret@host/",
    '"http://user:secret@host/"',
    "<http://user:secret@host/*.jpg>",
    "http:/user:secret@host/*.jpg",
]


@pytest.mark.parametrize("url", MISTYPED_URLS)
def test_credentials_of_a_mistyped_url_are_not_shown(folder: Path, url: str) -> None:
    for source in (*expand_argument(url), *expand_entry(url, allow_private=False)):
        assert "***@host" in source.name
        assert "secret" not in repr(source) + str(source.key)
        with pytest.raises(SourceNotFoundError) as caught:
            read_content(source)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["note: me@home.jpg", "http:cat@home.jpg", "a:b@c.jpg"])
def test_the_name_of_a_file_is_shown_as_it_is(folder: Path, name: str) -> None:
    make(folder, name)
    assert list(expand_argument(name)) == [Source(name, Path(name))]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("the model http://me:secret@h/x is none", "the model http://***@h/x is none"),
        ("-m http:me:secret@h, http:///me:secret@h", "-m http:***@h, http:///***@h"),
        ("-m https//me:secret@h", "-m https//***@h"),
        ("see https://h/a@b, or ask me@home", "see https://h/a@b, or ask me@home"),
        ("file:///home/me@work/a.jpg", "file:///home/me@work/a.jpg"),
        (r"C:\me@home\a.jpg: no such file", r"C:\me@home\a.jpg: no such file"),
        ("cat.jpg: 50 % @ home", "cat.jpg: 50 % @ home"),
    ],
)
def test_credentials_are_hidden_in_messages(message: str, shown: str) -> None:
    assert hide_in_text(message) == shown


@pytest.mark.parametrize("word", [r"C:\cat.jpg", "a:b.jpg", "http:cat.jpg"])
def test_text_that_resembles_a_url_is_a_file(word: str) -> None:
    assert list(expand_argument(word)) == [Source(word, Path(word))]


def test_a_folder_is_walked_lazily(folder: Path) -> None:
    make(folder, "f/a/1.jpg", "f/b/2.jpg")
    sources = expand_path(Path("f"))
    assert next(sources).name == "f/a/1.jpg"
    (folder / "f" / "b" / "late.jpg").write_bytes(photo_as("jpeg"))
    assert names(islice(sources, 3)) == ["f/b/2.jpg", "f/b/late.jpg"]


@pytest.mark.parametrize(
    "in_order",
    [
        ["img2", "img10", "img100"],
        ["a", "B", "c"],
        ["1a", "1b", "2a", "10a"],
        ["a", "a1", "a1b", "ab"],
        ["", "0", "a"],
        ["x-1", "x-2", "x-10"],
    ],
)
def test_natural_order(in_order: list[str]) -> None:
    backwards = in_order[::-1]
    assert sorted(backwards, key=natural_key) == in_order


@given(st.lists(file_names, max_size=6))
def test_the_order_does_not_depend_on_the_order_of_listing(listed: list[str]) -> None:
    keys = sorted(map(natural_key, listed))
    assert keys == sorted(map(natural_key, reversed(listed)))
    assert all(one <= other for index, one in enumerate(keys) for other in keys[index:])


@pytest.mark.parametrize(("one", "other"), [("a.jpg", "A.jpg"), ("1.jpg", "01.jpg")])
def test_different_names_are_never_equal_in_order(one: str, other: str) -> None:
    """Otherwise the order would depend on the file system."""
    assert natural_key(one) != natural_key(other)


def test_a_missing_file_is_a_source_too(folder: Path) -> None:
    assert list(expand_argument("nowhere.jpg")) == [Source("nowhere.jpg", Path("nowhere.jpg"))]


def test_closed_standard_input_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert errors(expand_argument("-"))[0][1] is SourceUnreadableError


@pytest.mark.parametrize(
    ("picture", "name", "content_type"),
    [
        ("a.jpg", "a.jpg", Path),
        (Path("f") / "a.jpg", str(Path("f", "a.jpg")), Path),
        ("https://u:secret@host/a.jpg", "https://***@host/a.jpg", Url),
        (b"bytes", "bytes", bytes),
        (bytearray(b"bytes"), "bytes", bytes),
        (memoryview(b"bytes"), "bytes", bytes),
        ("data:,a", "data:,a", DataUrl),
        (io.BytesIO(), "stream", io.BytesIO),
        (photo(), "image", type(photo())),
        (np.zeros((4, 4, 3), np.uint8), "array", np.ndarray),
        (Source("mine", b""), "mine", bytes),
    ],
)
def test_any_picture_becomes_a_source(picture: Any, name: str, content_type: type) -> None:
    source = to_source(picture, allow_private=True)
    assert source.name == name
    assert isinstance(source.content, content_type)
    if isinstance(source.content, Url):
        assert source.content.allow_private


@pytest.mark.parametrize("thing", [None, 5, ["a.jpg"], {b"x"}])
def test_anything_else_is_wrong_use(thing: Any) -> None:
    with pytest.raises(UsageError, match=type(thing).__name__):
        to_source(thing, allow_private=False)


def test_a_source_of_a_file_or_url_has_a_key_that_stays_the_same(folder: Path) -> None:
    def key(picture: Any) -> str | None:
        return to_source(picture, allow_private=False).key

    assert key("a b.jpg") == key(f"{folder}/./a b.jpg") == f"{folder.as_uri()}/a%20b.jpg"
    assert key(os.fsdecode(b"\xff.jpg")) == f"{folder.as_uri()}/%FF.jpg"
    assert key("https://host/a.jpg?b") == "https://host/a.jpg?b"
    assert key("data:,x") != key("data:,y")
    assert key("data:," + "x" * 10**6) == (
        "data:#sha256=e5cf803936925b4be41a6dd87665ea78a4af6094e11e9d2ade307adbd20449cf"
    )
    assert key(b"bytes") is key(io.BytesIO()) is key("\ud800.jpg") is None


impossible_names = st.text(st.characters(codec=None, exclude_characters="/.~")) | st.text(
    "ab*?[]!-\0\n\ud800\udcff"
)


@given(impossible_names)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_becomes_a_source_that_is_read_or_refused(folder: Path, name: str) -> None:
    for text in (name, f"x{name}/b", f"x{name}/*", f"./{name}*"):
        sources = [*expand_argument(text), to_source(text, allow_private=False)]
        for source in sources:
            assert source.key is None or source.key.isascii()
            with suppress(PictellError):
                read_content(source)


@given(st.text(st.characters(codec=None)))
def test_any_url_has_a_name(rest: str) -> None:
    assert "secret" not in to_source(f"http://u:secret@{rest}", allow_private=False).name
