"""Lists of sources, and standard input."""

import base64
import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import IO

import pytest

from pictell.errors import AddressRefusedError, SourceNotFoundError, SourceUnreadableError
from pictell.images.lists import expand_list
from pictell.images.read import read_content
from pictell.places import Url
from pictell.types import Source
from pictures import FLAVOURS, photo_as


def listed(path: Path, content: bytes, separator: bytes = b"\n") -> list[Source]:
    path.write_bytes(content)
    return list(expand_list(str(path), separator=separator, allow_private=False))


def paths(*names: str) -> list[Source]:
    return [Source(name, Path(name)) for name in names]


@pytest.mark.parametrize(
    ("content", "entries"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a.jpg\nb.jpg\n", ["a.jpg", "b.jpg"]),
        (b"a.jpg\n\n\nb.jpg", ["a.jpg", "b.jpg"]),
        (b" a b.jpg \n#c.jpg\n*.jpg\n-\n", [" a b.jpg ", "#c.jpg", "*.jpg", "-"]),
        ("größe/猫.jpg\n".encode(), ["größe/猫.jpg"]),
        (b"\xff\xfe.jpg\n", [os.fsdecode(b"\xff\xfe.jpg")]),
        (b"x" * 300_000 + b"\nb.jpg", ["x" * 300_000, "b.jpg"]),
    ],
    ids=["empty", "blank lines", "lines", "no last line end", "literal", "UTF-8", "bytes", "long"],
)
def test_a_list_has_one_entry_a_line(tmp_path: Path, content: bytes, entries: list[str]) -> None:
    assert listed(tmp_path / "list", content) == paths(*entries)


def test_a_list_written_on_windows_means_the_same(tmp_path: Path) -> None:
    assert listed(tmp_path / "list", b"a.jpg\r\nb.jpg\r\n") == paths("a.jpg", "b.jpg")


def test_a_list_may_be_separated_by_nul(tmp_path: Path) -> None:
    content = b"a\nb.jpg\0c.jpg\r\0"
    assert listed(tmp_path / "list", content, b"\0") == paths("a\nb.jpg", "c.jpg\r")


def test_an_impossible_name_does_not_stop_the_list(tmp_path: Path) -> None:
    long = "b" * 300 + ".jpg"
    assert listed(tmp_path / "list", f"a.jpg\n{long}\nc.jpg".encode()) == paths(
        "a.jpg", long, "c.jpg"
    )


def refusal(sources: Iterable[Source]) -> str:
    """The message of the one source of a file that is not a list."""
    (source,) = sources
    assert isinstance(source.content, SourceUnreadableError)
    return source.content.message


@pytest.mark.parametrize("flavour", [*FLAVOURS, "gif"])
@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_a_picture_is_not_a_list(tmp_path: Path, flavour: str, separator: bytes) -> None:
    message = refusal(listed(tmp_path / "cat", photo_as(flavour), separator))
    assert re.match("an? [A-Z]+ picture, not a list.*--from-file", message, re.IGNORECASE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"a.jpg\n", mtime=0), "a gzip file"),
        (b"PK\3\4" + bytes(50), "a ZIP archive"),
        (b"\x1c\0\0\0TFL3", "a TFLite model"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\n <!DOCTYPE html>\n<a>", "a web page"),
        (b"\x08\x07\x12\x07pytorch:\0\n", "binary data"),
        (b"a.jpg\0b.jpg\0", "--null"),
        ("\ufeffref.png".encode("utf-16-le") + b"x", "damaged"),
        ("\ufeffref\ud800.png\r\n".encode("utf-16-le", "surrogatepass"), "damaged"),
        ("\ufeffref.png\r\n\0".encode("utf-16-le"), "binary data"),
        ("\ufeffref.png\r\n".encode("utf-32-le"), "binary data"),
    ],
)
def test_a_file_of_another_kind_is_not_a_list(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(listed(tmp_path / "list", content))


def test_binary_data_ends_a_list_where_it_begins(tmp_path: Path) -> None:
    first, *_, last = listed(tmp_path / "list", b"a.jpg\n" + (b"x" * 1000 + b"\n") * 2000 + b"\0\n")
    assert first.content == Path("a.jpg")
    assert isinstance(last.content, SourceUnreadableError)


def test_a_utf16_list_of_windows_is_read(shared: Path) -> None:
    path = shared / "cases" / "l16.txt"
    found = expand_list(str(path), separator=b"\n", allow_private=False)
    assert list(found) == paths("ref.png")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_may_be_in_utf16(tmp_path: Path, encoding: str, mark: str) -> None:
    text = f"{mark}größe.jpg\r\n猫/x.jpg\r\n\r\n\u0a0a\U0001f408.jpg\n" + "long " * 50_000
    assert listed(tmp_path / "list", text.encode(encoding)) == paths(
        "größe.jpg", "猫/x.jpg", "\u0a0a\U0001f408.jpg", "long " * 50_000
    )


def test_a_utf16_list_of_urls_has_urls(tmp_path: Path) -> None:
    (source,) = listed(tmp_path / "list", "http://host/a.jpg\r\n".encode("utf-16"))
    assert source.content == Url("http://host/a.jpg")


def test_a_utf16_list_does_not_have_nul_between_its_entries(tmp_path: Path) -> None:
    assert "leave out --null" in refusal(
        listed(tmp_path / "list", "ref.png\r\n".encode("utf-16"), b"\0")
    )


def test_names_of_one_letter_between_nul_are_no_utf16(tmp_path: Path) -> None:
    assert listed(tmp_path / "list", b"a\0b\0c\0d\0", b"\0") == paths("a", "b", "c", "d")


def test_a_utf16_list_may_come_in_pieces(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list")
    sources = expand_list(str(tmp_path / "list"), separator=b"\n", allow_private=False)
    with (
        ThreadPoolExecutor(1) as reader,
        (tmp_path / "list").open("r+b", buffering=0) as writer,
    ):
        name = reader.submit(next, sources)
        for byte in "a.jpg\n".encode("utf-16"):
            writer.write(bytes([byte]))
        assert name.result(timeout=10).name == "a.jpg"


def test_a_long_entry_may_be_a_data_url_only(tmp_path: Path) -> None:
    content = os.urandom(2_000_000)
    url = b"data:image/png;base64," + base64.b64encode(content)
    first, picture, last = listed(tmp_path / "list", b"a.jpg\n" + url + b"\nb.jpg\n")
    assert [first, last] == paths("a.jpg", "b.jpg")
    assert read_content(picture) == content
    assert len(picture.name) < 100
    assert "longer than 1048576 bytes" in refusal(listed(tmp_path / "list", b"database:" + url[5:]))


def test_a_byte_that_is_not_utf8_costs_its_own_url_only(tmp_path: Path) -> None:
    hosts = b"http://\xff127.0.0.1/\nhttp://h\xed\xa0\x80/\nhttp://[\xff]/\nhttp://a:\xff/\n"
    *bad, good = listed(tmp_path / "list", hosts + b"b.jpg\n")
    assert [good] == paths("b.jpg")
    for source in bad:
        with pytest.raises(AddressRefusedError):
            read_content(source)


def test_the_lists_with_surrogates_of_the_cases(shared: Path) -> None:
    for path in sorted((shared / "cases" / "hostile").glob("url_surrogate_*.txt")):
        for source in expand_list(str(path), separator=b"\n", allow_private=False):
            with pytest.raises((AddressRefusedError, SourceNotFoundError)):
                read_content(source)


@pytest.mark.parametrize("allowed", [True, False])
def test_urls_of_a_list_are_private_only_when_allowed(tmp_path: Path, allowed: bool) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"http://host/a.jpg\n")
    (source,) = expand_list(str(path), separator=b"\n", allow_private=allowed)
    assert source == Source("http://host/a.jpg", Url("http://host/a.jpg", allow_private=allowed))


def test_a_folder_in_a_list_is_walked_and_what_it_skips_is_counted(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "notes.txt").write_bytes(b"text")
    (tmp_path / "f" / "a.jpg").write_bytes(b"")
    (tmp_path / "list").write_text(f"{tmp_path}/f\n")
    skipped: list[Path] = []
    (source,) = expand_list(
        str(tmp_path / "list"), separator=b"\n", allow_private=False, on_skip=skipped.append
    )
    assert source.content == tmp_path / "f" / "a.jpg"
    assert skipped == [tmp_path / "f" / "notes.txt"]


def test_a_list_that_is_missing_says_so(tmp_path: Path) -> None:
    (source,) = expand_list(str(tmp_path / "none"), separator=b"\n", allow_private=False)
    assert isinstance(source.content, SourceNotFoundError)


def test_a_folder_is_not_a_list(tmp_path: Path) -> None:
    (source,) = expand_list(str(tmp_path), separator=b"\n", allow_private=False)
    assert isinstance(source.content, SourceUnreadableError)
    assert str(source.content) == "cannot be read: Is a directory"


def test_a_list_is_read_while_it_is_still_being_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list")
    sources = expand_list(str(tmp_path / "list"), separator=b"\n", allow_private=False)
    with (
        ThreadPoolExecutor(1) as reader,
        (tmp_path / "list").open("r+b", buffering=0) as writer,
    ):
        for piece, name in [(b"a.jpg\nhalf ", "a.jpg"), (b"a name.jpg\n", "half a name.jpg")]:
            writer.write(piece)
            assert reader.submit(next, sources).result(timeout=10).name == name


def run_on_stdin(code: str, stdin: bytes | IO[bytes]) -> bytes:
    given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, **given)
    return run.stdout


def test_a_dash_is_standard_input() -> None:
    code = (
        "import sys; from pictell.images.read import read_stream\n"
        "from pictell.images.sources import expand_argument\n"
        "(source,) = expand_argument('-')\n"
        "sys.stdout.buffer.write(source.name.encode() + read_stream(source.content, 100))"
    )
    assert run_on_stdin(code, b"\x00\xff\r\n picture") == b"stdin\x00\xff\r\n picture"


def test_a_list_may_come_from_standard_input_and_never_end() -> None:
    code = (
        "from itertools import islice; from pictell.images.lists import expand_list\n"
        "sources = expand_list('-', separator=b'\\n', allow_private=False)\n"
        "print([source.name for source in islice(sources, 3)])"
    )
    with subprocess.Popen(["yes", "a.jpg"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        assert run_on_stdin(code, endless.stdout) == b"['a.jpg', 'a.jpg', 'a.jpg']\n"
        endless.kill()


def test_an_endless_list_is_read_lazily() -> None:
    with subprocess.Popen(["yes", "a.jpg"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        name = f"/dev/fd/{endless.stdout.fileno()}"
        sources = expand_list(name, separator=b"\n", allow_private=False)
        assert [source.name for source in islice(sources, 1000)] == ["a.jpg"] * 1000
        sources.close()
        endless.kill()


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_a_list_without_separators_is_refused_before_it_fills_memory(
    separator: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_forever = "import os\nwhile True: os.write(1, 65536 * b'x')"
    command = [sys.executable, "-c", write_forever]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as endless:
        monkeypatch.setattr(sys, "stdin", endless.stdout)
        message = refusal(expand_list("-", separator=separator, allow_private=False))
        endless.kill()
    assert "not a list" in message


def test_the_byte_order_mark_is_not_part_of_a_name(tmp_path: Path) -> None:
    listed_names = tmp_path / "list"
    listed_names.write_bytes(b"\xef\xbb\xbfa.jpg\r\nb.jpg\r\n")
    found = expand_list(str(listed_names), separator=b"\n", allow_private=False)
    assert [source.name for source in found] == ["a.jpg", "b.jpg"]
