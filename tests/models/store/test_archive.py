"""Members of archives, made by the standard library."""

import contextlib
import io
import random
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError
from pictell.models.store.archive import read_members

WEIGHTS = random.Random(2).randbytes(300_000)
LABELS = b"dummy\nkit fox\n"
MAX_BYTES = 10**7

Pack = Callable[..., bytes]


def zipped(members: dict[str, bytes], **changes: int) -> bytes:
    """A zip; ``changes`` are attributes of its entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            for attribute, value in changes.items():
                setattr(entry, attribute, value)
            archive.writestr(entry, content)
    return file.getvalue()


def tarred(members: dict[str, bytes], **changes: object) -> bytes:
    """A tar.gz; ``changes`` are attributes of its entries."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for attribute, value in changes.items():
                setattr(entry, attribute, value)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture(params=[zipped, tarred])
def pack(request: pytest.FixtureRequest) -> Pack:
    packer: Pack = request.param
    return packer


def read(folder: Path, content: bytes, *names: str, max_bytes: int = MAX_BYTES) -> list[bytes]:
    archive = folder / "archive"
    archive.write_bytes(content)
    members = read_members(archive, names, max_bytes)
    assert list(members) == list(names)
    return list(members.values())


def test_the_named_members_are_read(pack: Pack, tmp_path: Path) -> None:
    content = pack({"LICENSE": b"free", "a/graph.pb": WEIGHTS, "./labels.txt": LABELS, "no": b""})
    assert read(tmp_path, content, "labels.txt", "a/graph.pb", "no") == [LABELS, WEIGHTS, b""]


def test_a_member_is_missing(pack: Pack, tmp_path: Path) -> None:
    content = pack({"GRAPH.pb": b"", "../graph.pb": b"", "/graph.pb": b"", "a/../graph.pb": b""})
    with pytest.raises(InvalidModelError, match=r"no member 'graph\.pb'"):
        read(tmp_path, content, "graph.pb")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_tar_members_that_are_not_files(kind: bytes, tmp_path: Path) -> None:
    content = tarred({"graph.pb": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(UnsafeModelError, match="not a regular file"):
        read(tmp_path, content, "graph.pb")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_zip_members_that_are_not_files(kind: int, tmp_path: Path) -> None:
    content = zipped({"graph.pb": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16)
    with pytest.raises(UnsafeModelError, match="not a regular file"):
        read(tmp_path, content, "graph.pb")


@pytest.mark.parametrize("mode", [0, stat.S_IFREG | 0o644, 0o600])
def test_zips_made_on_unix_and_elsewhere(mode: int, tmp_path: Path) -> None:
    content = zipped({"graph.pb": WEIGHTS}, external_attr=mode << 16)
    assert read(tmp_path, content, "graph.pb") == [WEIGHTS]


def test_the_cap_counts_the_named_members(pack: Pack, tmp_path: Path) -> None:
    content = pack({"a": bytes(1000), "b": bytes(500), "other": bytes(5 * 10**7)})
    assert len(content) < 100_000
    assert len(read(tmp_path, content, "a", "b", max_bytes=1500)) == 2
    with pytest.raises(InvalidModelError, match="larger than"):
        read(tmp_path, content, "a", "b", max_bytes=1499)
    with pytest.raises(InvalidModelError, match="larger than"):
        read(tmp_path, content, "other")


def test_a_zip_bomb_that_hides_its_size(tmp_path: Path) -> None:
    content = bytearray(zipped({"graph.pb": bytes(5 * 10**7)}))
    for at in (22, content.index(b"PK\x01\x02") + 24):
        content[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(InvalidModelError, match="damaged"):
        read(tmp_path, bytes(content), "graph.pb")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>", b"\x1f\x8b" * 99])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidModelError, match="damaged"):
        read(tmp_path, content, "graph.pb")


@given(
    packer=st.sampled_from([zipped, tarred]),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5),
    length=st.integers(0, 2000),
)
@settings(deadline=None)
def test_damaged_archives_raise_one_error(
    packer: Pack, edits: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(packer({"a": b"1" * 700, "graph.pb": WEIGHTS[:500]}))[: length + 1]
    for at, value in edits:
        content[at % len(content)] = value
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ModelError):
        read(Path(folder), bytes(content), "graph.pb")
