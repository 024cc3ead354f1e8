"""Which sources become entries, and which are refused."""

import pytest

from pictell.batch.entries import Entry
from pictell.batch.listing import find_entries
from pictell.errors import PictellError, UsageError
from pictell.images.sources import expand_entry
from pictell.places import DataUrl, Pipe
from pictell.types import Source


def found(text: str, *, allow_private: bool = False) -> tuple[list[Entry], dict[str, str]]:
    """The entries of a line of a list, and the codes of errors by the names of sources."""
    errors = dict[str, str]()

    def keep(name: str, error: PictellError) -> None:
        assert "secret" not in f"{name} {error}"
        errors[name] = error.code

    sources = expand_entry(text, allow_private=allow_private)
    return list(find_entries(sources, keep)), errors


@pytest.mark.parametrize(
    "text", ["ftp://127.0.0.1:1/", "FTP://127.0.0.1:1/a.jpg", "webhdfs://host/a.jpg", "memory://x/"]
)
def test_a_storage_that_may_be_private_must_be_allowed(text: str) -> None:
    assert found(text) == ([], {text: "address_refused"})


def test_a_storage_that_cannot_be_reached_is_one_error() -> None:
    text = "ftp://127.0.0.1:1/a.jpg"
    assert found(text, allow_private=True) == ([], {text: "source_unreadable"})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://me:secret@bucket/a.jpg", "s3://***@bucket/a.jpg"),
        ("gs://secret@bucket/", "gs://***@bucket/"),
        ("s3:///me:secret@bucket/", "s3:///***@bucket/"),
    ],
)
def test_credentials_of_a_storage_are_refused(text: str, shown: str) -> None:
    assert found(text) == ([], {shown: "source_unreadable"})


@pytest.mark.parametrize("text", ["zip://a.jpg::http://127.0.0.1/a.zip", "s3://b::file:///etc/"])
def test_a_chain_of_urls_is_refused(text: str) -> None:
    assert found(text, allow_private=True) == ([], {text: "source_unreadable"})


def test_a_url_that_is_malformed_is_an_entry_that_fails_later() -> None:
    for text in ("http://[bad/a.jpg", "http://a:b/", "https:///a.jpg"):
        (entry,), errors = found(text)
        assert (entry.name, errors) == (text, {})
        assert entry.uri.isascii()


def test_a_data_url_is_an_entry_with_a_short_name() -> None:
    text = f"data:image/png;base64,{'A' * 10_000}"
    (entry,), _ = found(text)
    assert entry.content == DataUrl(text)
    assert len(entry.uri) < 100
    assert len(entry.name) < 100


def test_a_pipe_cannot_be_found_again() -> None:
    with pytest.raises(UsageError, match="no name to resume by"):
        list(find_entries([Source("/dev/fd/9", Pipe("/dev/fd/9"))], lambda name, error: None))
