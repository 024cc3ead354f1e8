"""Downloads from a real server on a loopback address, and from folders."""

import hashlib
import os
import random
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from urllib3 import Retry

from file_server import (
    FileServer,
    answer,
    cut_after,
    drip,
    ignore_range,
    moved,
    range_of,
    stall_after,
)
from pictell.errors import ModelUnavailableError
from pictell.models.store.catalog import Download
from pictell.models.store.download import CHUNK_BYTES, obtain, origin
from waiting import wait_until

CONTENT = random.Random(1).randbytes(1_000_000)
AT_ONCE = Retry(3)  # without waiting


@pytest.fixture
def serve() -> Iterator[Callable[..., FileServer]]:
    with ExitStack() as stack:
        yield lambda **files: stack.enter_context(FileServer(**files))


@pytest.fixture
def server(serve: Callable[..., FileServer]) -> FileServer:
    return serve(file=CONTENT)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def get(
    download: Download, part: Path, source: str | Path | None = None, timeout_s: float = 5
) -> list[int]:
    """Obtain the file; the amounts that were reported."""
    reported: list[int] = []

    def report(have: int, total: int) -> None:
        assert total == download.bytes
        reported.append(have)

    obtain(download, source or download.url, part, report, AT_ONCE, timeout_s)
    return reported


def test_a_file_is_downloaded(server: FileServer, part: Path) -> None:
    reported = get(server.download("file"), part)
    assert part.read_bytes() == CONTENT
    assert reported == sorted(reported)
    assert (reported[0], reported[-1]) == (0, len(CONTENT))
    ((_, headers),) = server.requests
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"].startswith("pictell/")
    assert "Range" not in headers


def test_sha384_is_verified_too(server: FileServer, part: Path) -> None:
    get(server.download("file", checksum=hashlib.sha384(CONTENT).hexdigest()), part)
    with pytest.raises(ModelUnavailableError, match="checksum differs"):
        get(server.download("file", checksum="0" * 96), part)
    assert not part.exists()


# --- continued


def test_a_broken_connection_is_continued(server: FileServer, part: Path) -> None:
    server.faults += [cut_after(400_000), cut_after(300_000)]
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=400000-", "bytes=700000-"]


def test_an_earlier_run_is_continued(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:123_456])
    assert get(server.download("file"), part)[0] == 123_456
    assert server.ranges() == ["bytes=123456-"]
    assert part.read_bytes() == CONTENT


def test_a_whole_part_needs_no_server(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT)
    get(server.download("file"), part)
    assert server.requests == []


def test_progress_resets_the_retries(server: FileServer, part: Path) -> None:
    server.faults += [cut_after(100_000)] * 9
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


def test_retries_end_without_progress(server: FileServer, part: Path) -> None:
    server.faults += [cut_after(CHUNK_BYTES), *[cut_after(0)] * 10]
    with pytest.raises(ModelUnavailableError, match=r"file cannot be downloaded from 127.0.0.1: "):
        get(server.download("file"), part)
    assert part.read_bytes() == CONTENT[:CHUNK_BYTES]  # for the next time
    assert len(server.requests) == 1 + 3


def test_a_file_that_changed_on_the_server_restarts(server: FileServer, part: Path) -> None:
    other = CONTENT[::-1]
    server.faults.append(lambda handler, content: cut_after(1000)(handler, other))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("earlier", [b"x" * 1000, b"x" * len(CONTENT), CONTENT + b"x"])
def test_a_part_of_another_file_restarts(earlier: bytes, server: FileServer, part: Path) -> None:
    part.write_bytes(earlier)
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


def test_a_server_without_ranges_restarts(server: FileServer, part: Path) -> None:
    server.faults += [cut_after(1000), ignore_range]
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


def test_another_range_than_requested_restarts(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:1000])
    server.faults.append(answer(206, CONTENT[500:], **range_of(CONTENT, 500)))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == ["bytes=1000-", None]


def test_a_range_that_cannot_be_satisfied_restarts(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:1000])
    server.faults.append(answer(416))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_temporary_failures_are_retried(status: int, server: FileServer, part: Path) -> None:
    server.faults.append(answer(status))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


def test_a_silent_server_times_out(server: FileServer, part: Path) -> None:
    server.faults.append(stall_after(100_000))
    get(server.download("file"), part, timeout_s=0.2)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-"]


def test_a_dripping_server_times_out(server: FileServer, part: Path) -> None:
    server.faults += [drip] * 9
    with pytest.raises(ModelUnavailableError, match=r"sent only \d+ bytes in 0.1 s"):
        get(server.download("file"), part, timeout_s=0.1)
    assert len(server.requests) == 1 + 3


def test_a_refused_connection(server: FileServer, part: Path) -> None:
    download = server.download("file")
    server.server_close()
    with pytest.raises(ModelUnavailableError, match=r"from 127.0.0.1: .*[Rr]efused"):
        get(download, part)
    assert not part.exists()


# --- refused


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_permanent_failures_are_not_retried(status: int, server: FileServer, part: Path) -> None:
    server.faults.append(answer(status))
    with pytest.raises(ModelUnavailableError, match=f"the server answered {status}"):
        get(server.download("file"), part)
    assert len(server.requests) == 1
    assert not part.exists()


def test_a_wrong_file_is_removed(server: FileServer, part: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="checksum differs"):
        get(server.download("file", checksum="0" * 64), part)
    assert not part.exists()


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1, 1])
def test_a_file_of_another_size_is_refused_at_once(
    size: int, server: FileServer, part: Path
) -> None:
    with pytest.raises(ModelUnavailableError, match=f"has 1000000 bytes instead of {size}"):
        get(server.download("file", bytes=size), part)
    assert len(server.requests) == 1
    assert not part.exists()


@pytest.mark.parametrize(
    "headers", [{"Transfer_Encoding": "chunked"}, {"Content_Length": "x"}, {"Content_Length": "-5"}]
)
def test_a_server_that_does_not_say_the_length(
    headers: dict[str, str], server: FileServer, part: Path
) -> None:
    chunked = b"f4240\r\n" + CONTENT + b"\r\n0\r\n\r\n"
    body = chunked if "Transfer_Encoding" in headers else CONTENT
    server.faults.append(answer(200, body, **headers))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_body_without_an_end_is_cut(server: FileServer, part: Path) -> None:
    chunks = (b"10000\r\n" + bytes(0x10000) + b"\r\n") * 1000
    server.faults += [answer(200, chunks, Transfer_Encoding="chunked")] * 2
    with pytest.raises(ModelUnavailableError, match="checksum differs"):
        get(server.download("file"), part)
    assert not part.exists()


@pytest.mark.parametrize("content_range", ["", "bytes 0-2000/1000000", "bytes x", "items 1"])
def test_ranges_that_make_no_sense_are_ignored(
    content_range: str, server: FileServer, part: Path
) -> None:
    part.write_bytes(CONTENT[:1000])
    body = CONTENT[1000:]
    server.faults.append(answer(206, body, **{"Content-Range": content_range}))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == ["bytes=1000-", None]


def test_no_more_than_the_length_is_read(server: FileServer, part: Path) -> None:
    length = {"Content_Length": str(len(CONTENT))}
    server.faults.append(answer(200, CONTENT + b"x" * 100_000, **length))
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT


# --- redirects


def test_redirects_are_followed(serve: Callable[..., FileServer], part: Path) -> None:
    there = serve(file=CONTENT)
    here = serve()
    here.faults += [moved("/again"), moved(there.url("file"))]
    get(there.download("file"), part, here.url("start"))
    assert part.read_bytes() == CONTENT
    assert [path for path, _ in here.requests] == ["/start", "/again"]


def test_redirects_end(server: FileServer, part: Path) -> None:
    server.faults += [moved("/file")] * 10
    with pytest.raises(ModelUnavailableError, match="redirects more than 5 times"):
        get(server.download("file"), part)


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "ftp://127.0.0.1/", "http://user:secret@127.0.0.1/"]
)
def test_redirects_lead_to_http_only(location: str, server: FileServer, part: Path) -> None:
    server.faults += [moved(location)] * 9
    with pytest.raises(ModelUnavailableError) as caught:
        get(server.download("file"), part)
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own store decides")
def test_redirects_from_https_to_http_are_refused(
    serve: Callable[..., FileServer], part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    plain = serve(file=CONTENT)
    secure = serve(tls=context, file=CONTENT)
    with pytest.raises(ModelUnavailableError, match="certificate"):
        get(secure.download("file"), part)
    authority.cert_pem.write_to_path(part.with_name("ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(part.with_name("ca.pem")))
    get(secure.download("file"), part)
    part.unlink()
    secure.faults.append(moved(plain.url("file")))
    with pytest.raises(ModelUnavailableError, match="from https to http"):
        get(secure.download("file"), part)
    assert plain.requests == []


def test_the_proxy_of_the_environment_is_used(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:pass@127.0.0.1:{server.server_port}")
    server.files["http://models.test/file"] = CONTENT
    get(server.download("file", url="http://models.test/file"), part)
    assert part.read_bytes() == CONTENT
    assert server.requests[0][1]["proxy-authorization"] == "Basic bWU6cGFzcw=="  # me:pass


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("http://127.0.0.1:9", "the proxy cannot be used: Connection refused$"),
        ("http://[::1", "Failed to parse"),
        ("127.0.0.1:9", "Proxy URL had no scheme"),
    ],
)
def test_a_proxy_that_cannot_be_used(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, reason: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(ModelUnavailableError, match=f"from 127.0.0.1: {reason}"):
        get(server.download("file.bin"), part)


# --- mirrors


def test_a_mirror_replaces_the_address(server: FileServer, part: Path) -> None:
    server.files["/models/some%20model/file.zip"] = CONTENT
    download = server.download("file", url="https://unreachable.invalid/a/file.zip")
    source = origin(download, "some model", server.url("models/"), offline=False)
    get(download, part, source)
    assert part.read_bytes() == CONTENT
    assert origin(download, "some model", None, offline=False) == download.url


@pytest.mark.parametrize("offline", [False, True])
def test_a_folder_is_a_mirror_online_and_offline(offline: bool, tmp_path: Path, part: Path) -> None:
    download = Download(
        "https://x.test/a/b.zip?c", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
    )
    (tmp_path / "mirror" / "model").mkdir(parents=True)
    (tmp_path / "mirror" / "model" / "b.zip").write_bytes(CONTENT)
    for mirror in (str(tmp_path / "mirror"), (tmp_path / "mirror").as_uri()):
        reported = get(download, part, origin(download, "model", mirror, offline))
        assert part.read_bytes() == CONTENT
        assert reported[-1] == len(CONTENT)


def test_offline_errors_say_which_file_to_save_where() -> None:
    download = Download("https://x.test/a/b.zip", 5, "0" * 64)
    for mirror in (None, "http://mirror.test/"):
        with pytest.raises(ModelUnavailableError, match=r"https://x.test/a/b.zip as model/b.zip"):
            origin(download, "model", mirror, offline=True)


def test_files_of_a_folder_are_verified(tmp_path: Path, part: Path) -> None:
    path = tmp_path / "file"
    download = Download("https://x.test/file", 5, hashlib.sha256(b"right").hexdigest())
    with pytest.raises(ModelUnavailableError, match="cannot be read: No such file"):
        get(download, part, path)
    path.write_bytes(b"wrong")
    with pytest.raises(ModelUnavailableError, match="checksum differs"):
        get(download, part, path)
    for other in (b"", b"right but longer"):
        path.write_bytes(other)
        with pytest.raises(ModelUnavailableError, match="5 bytes"):
            get(download, part, path)
    path.unlink()
    os.mkfifo(path)
    for odd in (path, tmp_path, Path("/dev/zero")):
        with pytest.raises(ModelUnavailableError, match="5 bytes"):
            get(download, part, odd)
    with pytest.raises(ModelUnavailableError):
        get(download, part, Path("a\0b"))
    assert not part.exists()


# --- the disk, and the end of a process


def test_a_folder_that_cannot_be_written(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("file", "missing"):
        with pytest.raises(OSError, match=r"Not a directory|No such file"):
            get(server.download("file"), tmp_path / folder / "x.part")


SCRIPT = """
import sys
from pathlib import Path
from pictell.models.store.catalog import Download
from pictell.models.store.download import obtain
url, size, checksum, part = sys.argv[1:]
obtain(Download(url, int(size), checksum), url, Path(part), lambda *_: None)
"""


def start(download: Download, part: Path) -> subprocess.Popen[str]:
    words = (download.url, download.bytes, download.checksum, part)
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, words)], stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_is_continued(
    number: signal.Signals, server: FileServer, part: Path
) -> None:
    server.faults.append(stall_after(600_000))
    process = start(server.download("file"), part)
    wait_until(lambda: part.exists() and part.stat().st_size >= CHUNK_BYTES)
    process.send_signal(number)
    process.communicate(timeout=60)
    have = part.stat().st_size
    assert part.read_bytes() == CONTENT[:have]
    get(server.download("file"), part)
    assert part.read_bytes() == CONTENT
    assert server.ranges() == [None, f"bytes={have}-"]
