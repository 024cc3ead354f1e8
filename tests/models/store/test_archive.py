"""Archives, honest and not, made by the standard library and by hand."""

import contextlib
import gzip
import io
import random
import resource
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pictell.errors import InvalidModelError, ModelError, StoreError, UnsafeModelError
from pictell.models.store.archive import extract

WEIGHTS = random.Random(2).randbytes(300_000)
LABELS = b"dummy\nkit fox\n"
ROOMY = 10**7

Pack = Callable[..., bytes]


def zipped(members: dict[str, bytes], **changes: int) -> bytes:
    """A zip; ``changes`` are attributes of its first entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            for attribute, value in changes.items():
                setattr(entry, attribute, value)
            changes = {}
            archive.writestr(entry, content)
    return file.getvalue()


def tarred(members: dict[str, bytes], **changes: object) -> bytes:
    """A tar.gz; ``changes`` are attributes of its first entry."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for attribute, value in changes.items():
                setattr(entry, attribute, value)
            changes = {}
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture(params=[zipped, tarred])
def pack(request: pytest.FixtureRequest) -> Pack:
    packer: Pack = request.param
    return packer


def unpack(folder: Path, content: bytes, *names: str, max_bytes: int = ROOMY) -> list[bytes]:
    """Extract members; nothing else may be in the folder afterwards, whatever happens."""
    archive = folder / "archive"
    archive.write_bytes(content)
    paths = {name: folder / f"out{index}" for index, name in enumerate(names)}
    try:
        extract(archive, paths, max_bytes)
        found = [path.read_bytes() for path in paths.values()]
        for path in paths.values():
            path.unlink()
        return found
    finally:
        assert [path.name for path in folder.iterdir()] == ["archive"]


def test_the_named_members_and_no_others(pack: Pack, tmp_path: Path) -> None:
    content = pack({"LICENSE": b"free", "graph.pb": WEIGHTS, "labels.txt": LABELS, "empty": b""})
    assert unpack(tmp_path, content, "labels.txt", "graph.pb", "empty") == [LABELS, WEIGHTS, b""]
    assert unpack(tmp_path, content) == []


def test_a_dot_before_a_name_means_nothing(pack: Pack, tmp_path: Path) -> None:
    content = pack({"./graph.pb": WEIGHTS, "./a/b.txt": LABELS})
    assert unpack(tmp_path, content, "graph.pb", "a/b.txt") == [WEIGHTS, LABELS]


def test_a_member_that_is_not_there(pack: Pack, tmp_path: Path) -> None:
    content = pack({"graph.pb": WEIGHTS, "GRAPH2.pb": b"", "a/labels.txt": LABELS})
    for name in ("labels.txt", "graph2.pb", "a", "b.txt"):
        with pytest.raises(InvalidModelError, match=f"no member '{name}'"):
            unpack(tmp_path, content, "graph.pb", name)


@pytest.mark.parametrize(
    "name",
    ["../graph.pb", "/graph.pb", "a/../graph.pb", "././graph.pb", "a/../../graph.pb", "//graph.pb"],
)
def test_names_that_only_lead_to_a_wanted_one(name: str, pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(UnsafeModelError, match="no plain name"):
        unpack(tmp_path, pack({name: b"evil", "graph.pb": WEIGHTS}), "graph.pb")


@pytest.mark.parametrize("name", ["../graph.pb", "/graph.pb", "a/../b", "./a", "", ".", "a/"])
def test_names_that_nobody_may_want(name: str, pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(UnsafeModelError, match="no plain name"):
        unpack(tmp_path, pack({"graph.pb": WEIGHTS}), name)


def test_evil_names_of_others_do_not_matter(pack: Pack, tmp_path: Path) -> None:
    content = pack({"../evil": b"x", "/etc/evil": b"x", "a\\..\\..\\b": b"x", "graph.pb": WEIGHTS})
    assert unpack(tmp_path, content, "graph.pb") == [WEIGHTS]


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_members_of_one_name(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("graph.pb", WEIGHTS)
        archive.writestr("./graph.pb", b"evil")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as tar_archive:
        for _ in range(2):
            tar_archive.addfile(tarfile.TarInfo("graph.pb"))
    for content in (file.getvalue(), tar.getvalue()):
        with pytest.raises(UnsafeModelError, match="two members"):
            unpack(tmp_path, content, "graph.pb")


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE),
        *(tarfile.FIFOTYPE, tarfile.DIRTYPE),
    ],
)
def test_tar_members_that_are_no_files(kind: bytes, tmp_path: Path) -> None:
    content = tarred({"graph.pb": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(UnsafeModelError, match="no plain file"):
        unpack(tmp_path, content, "graph.pb")


def test_sparse_tar_members(tmp_path: Path) -> None:
    header = tarfile.TarInfo("graph.pb")
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[386:398] = block[398:410] = b"00000000000\0"  # one empty piece
    block[483:495] = b"77777777777\0"  # of eight gigabytes
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:512]))
    content = gzip.compress(bytes(block) + bytes(1024))
    with pytest.raises(UnsafeModelError, match="no plain file"):
        unpack(tmp_path, content, "graph.pb")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_zip_members_that_are_no_files(kind: int, tmp_path: Path) -> None:
    content = zipped({"graph.pb": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16)
    with pytest.raises(UnsafeModelError, match="no plain file"):
        unpack(tmp_path, content, "graph.pb")


def test_zips_made_on_unix_and_elsewhere(tmp_path: Path) -> None:
    for mode in (0, (stat.S_IFREG | 0o644) << 16, 0o600 << 16):
        content = zipped({"graph.pb": WEIGHTS}, external_attr=mode)
        assert unpack(tmp_path, content, "graph.pb") == [WEIGHTS]


def test_encrypted_and_rare_zips(tmp_path: Path) -> None:
    content = bytearray(zipped({"graph.pb": WEIGHTS}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidModelError, match="encrypted"):
        unpack(tmp_path, bytes(content), "graph.pb")
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = bytearray(zipped({"graph.pb": WEIGHTS}, compress_type=method))
        with pytest.raises(InvalidModelError, match="packed in a rare way"):
            unpack(tmp_path, bytes(content), "graph.pb")


# --- too large


def test_the_cap_is_exact(tmp_path: Path) -> None:
    content = zipped({"a": bytes(1000), "b": bytes(500), "ignored": bytes(10**6)})
    assert len(unpack(tmp_path, content, "a", "b", max_bytes=1500)) == 2
    with pytest.raises(InvalidModelError, match="holds more than"):
        unpack(tmp_path, content, "a", "b", max_bytes=1499)


def test_bombs(pack: Pack, tmp_path: Path) -> None:
    content = pack({"graph.pb": bytes(5 * 10**7)})
    assert len(content) < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidModelError, match="holds more than"):
        unpack(tmp_path, content, "graph.pb", max_bytes=10**6)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes


def test_bombs_beside_what_is_wanted(tmp_path: Path) -> None:
    members = {"graph.pb": b"x", "bomb": bytes(5 * 10**7)}
    with pytest.raises(InvalidModelError, match="holds more than"):
        unpack(tmp_path, tarred(members), "graph.pb", max_bytes=10**6)
    assert unpack(tmp_path, zipped(members), "graph.pb", max_bytes=10**6) == [b"x"]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_tar_headers_that_never_end(kind: bytes, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 2**33 - 512
    content = gzip.compress(header.tobuf() + bytes(5 * 10**7))
    with pytest.raises(InvalidModelError, match="holds more than"):
        unpack(tmp_path, content, "graph.pb", max_bytes=10**6)


def test_tar_headers_of_headers(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1
    content = gzip.compress((header.tobuf() + bytes(512)) * 5000 + bytes(1024))
    with pytest.raises(InvalidModelError, match="damaged"):
        unpack(tmp_path, content, "graph.pb")


@pytest.mark.parametrize("claim", [1, 299_999, 300_001, 2**31])
def test_sizes_that_lie(claim: int, tmp_path: Path) -> None:
    content = bytearray(zipped({"graph.pb": WEIGHTS}))
    for at in (22, content.index(b"PK\x01\x02") + 24):
        content[at : at + 4] = claim.to_bytes(4, "little")
    with pytest.raises(InvalidModelError, match=r"damaged|holds more"):
        unpack(tmp_path, bytes(content), "graph.pb")


# --- damaged


def test_other_files(tmp_path: Path) -> None:
    for content in (b"", b"PK", b"<html>", b"PK\x05\x06" + bytes(18), b"7z\xbc\xaf\x27\x1c"):
        with pytest.raises(InvalidModelError, match=r"neither a zip nor a tar\.gz"):
            unpack(tmp_path, content, "graph.pb")
    for content in (gzip.compress(b"no tar" * 1000), b"\x1f\x8b", b"PK\x03\x04", b"\x1f\x8b" * 99):
        with pytest.raises(InvalidModelError, match="damaged"):
            unpack(tmp_path, content, "graph.pb")


def test_every_truncation_is_noticed(pack: Pack, tmp_path: Path) -> None:
    content = pack({"a": b"1", "graph.pb": WEIGHTS[:2000], "labels.txt": LABELS})
    for length in range(len(content)):
        with pytest.raises(InvalidModelError):
            unpack(tmp_path, content[:length], "graph.pb", "labels.txt")


def test_a_damaged_member_is_noticed(pack: Pack, tmp_path: Path) -> None:
    content = bytearray(pack({"graph.pb": WEIGHTS}))
    content[len(content) // 2] ^= 0x10
    with pytest.raises(InvalidModelError, match="damaged"):
        unpack(tmp_path, bytes(content), "graph.pb")


@given(
    packer=st.sampled_from([zipped, tarred]),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_whatever_the_bytes_it_is_our_error(packer: Pack, edits: list[tuple[int, int]]) -> None:
    content = bytearray(packer({"a": b"1" * 700, "graph.pb": WEIGHTS[:500], "labels.txt": LABELS}))
    for at, value in edits:
        content[at % len(content)] = value
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ModelError):
        unpack(Path(folder), bytes(content), "graph.pb", "labels.txt")


def test_where_nothing_can_be_written(pack: Pack, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(pack({"graph.pb": WEIGHTS, "labels.txt": LABELS}))
    with pytest.raises(StoreError, match="No such file or directory"):
        extract(archive, {"graph.pb": tmp_path / "missing" / "graph.pb"}, ROOMY)
    paths = {"graph.pb": tmp_path / "graph.pb", "labels.txt": tmp_path / "missing" / "x"}
    with pytest.raises(StoreError, match="No such file or directory"):
        extract(archive, paths, ROOMY)
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
