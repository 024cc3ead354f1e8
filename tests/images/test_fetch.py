"""Real servers on loopback addresses; only host names and the list of public addresses are fake."""

import contextlib
import gc
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import truststore
from hypothesis import given, settings
from hypothesis import strategies as st

from pictell.errors import (
    AddressRefusedError,
    BadResponseError,
    BodyTooLargeError,
    FetchError,
    FetchTimeoutError,
    HostUnreachableError,
    HttpStatusError,
)
from pictell.images.fetch import fetch
from pictell.places import Url
from raw_server import PICTURE, Names, Script, Server, by_path, get, http, moved


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) <= before


@pytest.fixture(autouse=True, scope="module")
def no_socket_is_left() -> Iterator[None]:
    """An open socket warns when it is collected."""
    yield
    gc.collect()


# --- requests and responses


def test_bytes_of_any_type_are_returned(serve: Callable[..., Server]) -> None:
    assert get(serve(http(PICTURE, "Content-Type: image/png")).url()) == PICTURE
    assert get(serve(http(PICTURE, "Content-Type: text/html")).url()) == PICTURE


def test_the_request_has_few_headers(serve: Callable[..., Server]) -> None:
    server = serve(http())
    get(server.url("/a/größe.png?q=a%20b#fragment"))
    line, *headers = server.requests[0].decode().strip().split("\r\n")
    assert line == "GET /a/gr%C3%B6%C3%9Fe.png?q=a%20b HTTP/1.1"
    agent = next(header for header in headers if header.startswith("User-Agent: pictell"))
    assert sorted(headers) == sorted(
        [
            f"Host: 127.0.0.1:{server.port}",
            agent,
            "Accept: image/*",
            "Accept-Encoding: identity",
            "Connection: close",
        ]
    )


def test_bodies_may_be_chunked_or_end_with_the_connection(serve: Callable[..., Server]) -> None:
    chunked = http(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
    assert get(serve(chunked).url()) == b"abcde"
    assert get(serve(b"HTTP/1.0 200 OK\r\n\r\nabcde").url()) == b"abcde"


def test_international_names_are_sent_in_ascii(serve: Callable[..., Server], names: Names) -> None:
    server = serve(http())
    names["xn--bcher-kva.test"] = ["127.0.0.1"]
    assert get(server.url(host="bücher.test")) == PICTURE
    assert f"Host: xn--bcher-kva.test:{server.port}".encode() in server.requests[0]


def test_ipv6_literals_work(serve: Callable[..., Server]) -> None:
    server = serve(http(), host="::1")
    assert get(server.url(host="[::1]")) == PICTURE
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0]


def test_real_names_work(serve: Callable[..., Server]) -> None:
    assert get(serve(http()).url(host="localhost")) == PICTURE


def test_the_next_address_is_tried(serve: Callable[..., Server], names: Names) -> None:
    names["two.test"] = ["127.0.0.2", "127.0.0.1"]
    assert get(serve(http()).url(host="two.test")) == PICTURE


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog is silent on Linux only")
def test_a_silent_address_leaves_time_for_the_next(
    serve: Callable[..., Server], names: Names
) -> None:
    names["two.test"] = ["127.0.0.2", "127.0.0.1"]
    server = serve(http())
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.2", server.port), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        assert get(server.url(host="two.test"), timeout_s=1) == PICTURE
        with pytest.raises(FetchTimeoutError):
            get(server.url(host="127.0.0.2"), timeout_s=0.2)


def test_proxies_of_the_environment_are_ignored(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    assert get(serve(http()).url()) == PICTURE


def test_a_deadline_may_be_far_away(serve: Callable[..., Server]) -> None:
    assert get(serve(http()).url(), timeout_s=1_000_000) == PICTURE


# --- refused addresses


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://user:secret@127.0.0.1/",
        "http://",
        "http://127.0.0.1/a b",
    ],
)
def test_bad_urls_are_refused_before_the_network(text: str, allow_private: bool) -> None:
    with pytest.raises(AddressRefusedError) as caught:
        get(text, allow_private=allow_private)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("port", [0, 21, 22, 25, 81, 6379, 8000, 65535])
def test_odd_ports_are_refused_before_the_network(port: int) -> None:
    with pytest.raises(AddressRefusedError, match=f"port {port} .*--allow-private"):
        get(f"http://example.org:{port}/", allow_private=False)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"),
        *("\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127\u30020\u30020\u30021", "10.1.2.3", "0"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        "[fe80::1]",
    ],
)  # fmt: skip
def test_private_hosts_are_refused_in_any_spelling(host: str) -> None:
    for port in (80, 443, 8080, 8443):
        with pytest.raises(AddressRefusedError, match="private or reserved host; --allow-private"):
            get(f"http://{host}:{port}/", allow_private=False)


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_one_private_record_is_enough_to_refuse(private: str, names: Names) -> None:
    names["mixed.test"] = ["93.184.216.34", private, "1.1.1.1"]
    with pytest.raises(AddressRefusedError):
        get("http://mixed.test/", allow_private=False)


# --- redirects


@pytest.mark.parametrize("status", ["301 a", "302 b", "303 c", "307 d", "308 e"])
def test_redirects_are_followed(status: str, serve: Callable[..., Server]) -> None:
    server = serve(by_path(a=moved("/d/b", status), b=moved("c?x=y", status), c=http()))
    assert get(server.url("/a")) == PICTURE
    assert [head.split()[1] for head in server.requests] == [b"/a", b"/d/b", b"/d/c?x=y"]


def test_a_redirect_may_lead_to_another_public_host(
    serve: Callable[..., Server], names: Names, public: str
) -> None:
    names.update({"a.test": [public], "b.test": [public]})
    there = serve(http(), host=public)
    here = serve(moved(there.url(host="b.test")), host=public)
    assert get(here.url(host="a.test"), allow_private=False) == PICTURE
    assert f"Host: b.test:{there.port}".encode() in there.requests[0]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "[::1]", "inside.test"]
)
def test_a_public_host_cannot_redirect_to_a_private_one(
    host: str, serve: Callable[..., Server], names: Names, public: str
) -> None:
    names.update({"outside.test": [public], "inside.test": [public, "127.0.0.1"]})
    inside = serve(http())
    outside = serve(moved(inside.url(host=host)), host=public)
    with pytest.raises(AddressRefusedError):
        get(outside.url(host="outside.test"), allow_private=False)
    assert inside.connections == 0
    assert len(outside.requests) == 1


def test_a_list_of_hosts_holds_for_redirects_too(
    serve: Callable[..., Server], names: Names, public: str
) -> None:
    names.update({"a.test": [public], "b.test": [public]})
    there = serve(http(), host=public)
    here = serve(moved(there.url(host="B.test")), host=public)
    url = Url(here.url(host="a.test"), only_hosts=("a.test", "b.test"))
    assert fetch(url) == PICTURE
    with pytest.raises(AddressRefusedError, match=r"^b\.test is not among"):
        fetch(replace(url, only_hosts=("a.test",)))
    with pytest.raises(AddressRefusedError, match=r"^a\.test is not among"):
        fetch(replace(url, only_hosts=("b.test",)))
    assert (here.connections, there.connections) == (2, 1)


def test_a_private_host_may_redirect_to_itself_only(serve: Callable[..., Server]) -> None:
    other = serve(http())
    here = serve(moved(other.url("/again.png", host="LocalHost")))
    assert get(here.url(host="localhost")) == PICTURE
    with pytest.raises(AddressRefusedError, match=r"^port \d+ of localhost is refused"):
        get(here.url(host="127.0.0.1"))
    elsewhere = serve(moved("http://127.0.0.3/"))
    with pytest.raises(AddressRefusedError, match=r"^127\.0\.0\.3 is a private"):
        get(elsewhere.url())


def test_the_public_side_of_a_trusted_host_cannot_redirect_to_its_private_side(
    serve: Callable[..., Server], names: Names, public: str
) -> None:
    secret = serve(http())
    gate = serve(moved(secret.url(host="both.test")), host=public)
    names["both.test"] = [public, "127.0.0.1"]
    with pytest.raises(HostUnreachableError):
        get(gate.url(host="both.test"))
    assert (gate.connections, secret.connections) == (1, 0)


def test_a_name_is_looked_up_once(
    serve: Callable[..., Server], names: Names, public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    patched = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        if host == "evil.test":
            asked.append(host)
            host = public if len(asked) == 1 else "127.0.0.1"
        return list(patched(host, *args, **kwargs))

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    outside = serve(by_path(a=moved("/b"), b=http()), host=public)
    assert get(outside.url("/a", host="evil.test"), allow_private=False) == PICTURE
    assert asked == ["evil.test"]


def test_redirects_are_counted(serve: Callable[..., Server]) -> None:
    loop = serve(moved("/"))
    with pytest.raises(BadResponseError, match="more than 5 redirects"):
        get(loop.url())
    assert len(loop.requests) == 6
    five = {f"r{n}": moved(f"/r{n + 1}") for n in range(5)}
    assert get(serve(by_path(**five, r5=http())).url("/r0")) == PICTURE


@pytest.mark.parametrize("answer", [http(b"", status="302 Found"), moved("")])
def test_a_redirect_needs_a_location(answer: bytes, serve: Callable[..., Server]) -> None:
    with pytest.raises(BadResponseError, match="redirect"):
        get(serve(answer).url())


def test_a_redirect_never_shows_its_credentials(serve: Callable[..., Server]) -> None:
    with pytest.raises(AddressRefusedError) as caught:
        get(serve(moved("http://user:secret@127.0.0.1/")).url())
    assert "secret" not in str(caught.value)


# --- wrong responses


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("404 Not Found", "the server answered 404 Not Found"),
        ("500 Oh\x0bno\x85!", "the server answered 500 Oh no !"),
        ("503", "the server answered 503"),
        ("403 " + "x" * 500, "the server answered 403 " + "x" * 80),
        ("206 Partial Content", "the server answered 206 Partial Content"),
        ("204 No Content", "the server answered 204 No Content"),
        ("304 Not Modified", "the server answered 304 Not Modified"),
        ("299 Odd", "the server answered 299 Odd"),
    ],
)
def test_any_status_but_200_is_an_error(
    status: str, message: str, serve: Callable[..., Server]
) -> None:
    answer = http(b"", status="STATUS").replace(b"STATUS", status.encode("latin-1"))
    with pytest.raises(HttpStatusError) as caught:
        get(serve(answer).url())
    assert str(caught.value) == message
    assert caught.value.status_code == int(status[:3])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 10_000,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200",
        http(b""),
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        http(b"short", "Content-Length: 6"),
        http(b"", "Content-Length: 6"),
        http(b"short", "Content-Length: 5", "Content-Length: 4"),
        http(b"5\r\nabc", "Transfer-Encoding: chunked"),
        http(b"3\r\nabc\r\n", "Transfer-Encoding: chunked"),
        http(b"x\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        http(b"-5\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        http(b"1" * 100_000, "Transfer-Encoding: chunked"),
    ],
)
def test_broken_answers_are_refused(answer: bytes, serve: Callable[..., Server]) -> None:
    with pytest.raises(BadResponseError):
        get(serve(answer).url())


def test_a_reset_connection_is_a_bad_response(serve: Callable[..., Server]) -> None:
    def reset(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234")

    with pytest.raises(BadResponseError):
        get(serve(reset).url())


@given(st.binary(), st.binary(max_size=30), st.sampled_from(["", "Content-Length: 3", "X: y"]))
@settings(max_examples=50, deadline=None)
def test_any_response_gives_bytes_or_a_fetch_error(noise: bytes, body: bytes, header: str) -> None:
    with Server() as server:
        for answer in (
            noise,
            b"HTTP/1.1 " + noise,
            b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n" + body,
            b"HTTP/1.1 302 Found\r\nLocation: " + noise + b"\r\n\r\n",
            http(body, "Transfer-Encoding: chunked", header),
            http(noise, header, "Content-Type: " + noise.decode("latin-1")),
        ):
            server.answer = answer
            with contextlib.suppress(FetchError):
                assert isinstance(get(server.url(), timeout_s=5), bytes)


# --- too large


def endless(opening: bytes, repeated: bytes) -> Script:
    def script(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        sock.sendall(opening)
        while not closing.is_set():
            sock.sendall(repeated)

    return script


def test_max_bytes_is_exact(serve: Callable[..., Server]) -> None:
    for headers in ((), ("Content-Length: 1000",)):
        head = http(b"", *headers) if headers else b"HTTP/1.0 200 OK\r\n\r\n"
        server = serve(head + b"x" * 1000)
        assert len(get(server.url(), max_bytes=1000)) == 1000
        with pytest.raises(BodyTooLargeError, match="999 bytes") as caught:
            get(server.url(), max_bytes=999)
        assert caught.value.max_bytes == 999


def test_a_content_length_is_checked_first(serve: Callable[..., Server]) -> None:
    def claim(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        sock.sendall(http(b"", "Content-Length: 1000001"))
        closing.wait()

    with pytest.raises(BodyTooLargeError):
        get(serve(claim).url())


CHUNKED = http(b"", "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "script",
    [
        endless(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 65536),
        endless(CHUNKED, b"1\r\nx\r\n" * 10_000),
        endless(CHUNKED, b"ffff\r\n" + b"x" * 65535 + b"\r\n"),
        endless(CHUNKED + b"-1\r\n", b"x" * 65536),
        endless(CHUNKED + b"0\r\n", b"X: trailer\r\n" * 1000),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
)
def test_endless_answers_end(script: Script, serve: Callable[..., Server]) -> None:
    with pytest.raises((BodyTooLargeError, BadResponseError)):  # http.client has limits of its own
        get(serve(script).url())


# --- too slow


def drip(opening: bytes, repeated: bytes = b"x") -> Script:
    def script(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        sock.sendall(opening)
        while not closing.wait(0.02):
            sock.sendall(repeated)

    return script


def silence(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
    closing.wait()


@pytest.mark.parametrize(
    "script",
    [
        silence,
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        drip(b"HTTP/1.0 200 OK\r\n\r\n"),
        drip(CHUNKED, b"1\r\nx\r\n"),
        drip(CHUNKED + b"0\r\n", b"X: y\r\n"),
    ],
)
def test_the_deadline_holds_for_slow_answers(script: Script, serve: Callable[..., Server]) -> None:
    with pytest.raises(FetchTimeoutError, match=r"within 0\.2 s") as caught:
        get(serve(script).url(), timeout_s=0.2)
    assert caught.value.timeout_s == 0.2


def test_the_deadline_holds_over_all_redirects(serve: Callable[..., Server]) -> None:
    def slow(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        closing.wait(0.1)
        sock.sendall(moved("/"))

    server = serve(slow)
    with pytest.raises(FetchTimeoutError):
        get(server.url(), timeout_s=0.3)
    assert len(server.requests) < 5


def test_the_deadline_holds_for_a_hanging_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(FetchTimeoutError):
        get("http://hanging.test/", timeout_s=0.2)
    released.set()


# --- hosts that cannot be reached


@pytest.mark.parametrize("host", ["nothing.invalid", "a" * 63 + ".invalid", ("a" * 60 + ".") * 6])
def test_a_name_that_does_not_resolve(host: str) -> None:
    with pytest.raises(HostUnreachableError, match=r"^the host does not resolve: "):
        get(f"http://{host}/", allow_private=False)


def test_a_refused_connection() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(HostUnreachableError, match="the host cannot be reached: "):
            get(f"http://127.0.0.1:{unheard.getsockname()[1]}/")


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> Callable[..., ssl.SSLContext]:
    def context(*hosts: str) -> ssl.SSLContext:
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*hosts).configure_cert(server_side)
        return server_side

    return context


@pytest.fixture
def trusting(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    monkeypatch.setattr(truststore, "SSLContext", lambda protocol: context)


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "tls.test"])
def test_tls_sends_the_name_of_the_url(
    host: str, serve: Callable[..., Server], tls: Callable[..., ssl.SSLContext], names: Names
) -> None:
    names["tls.test"] = ["127.0.0.1"]
    asked: list[str | None] = []
    context = tls(host)
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = serve(http(), tls=context)
    assert get(server.url(host=host)) == PICTURE
    assert asked == [None if host == "127.0.0.1" else host]
    assert f"Host: {host}:{server.port}".encode() in server.requests[0]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own store decides")
def test_tls_trusts_what_the_system_trusts(
    serve: Callable[..., Server],
    tls: Callable[..., ssl.SSLContext],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(http(), tls=tls("127.0.0.1"))
    with pytest.raises(HostUnreachableError, match="handshake failed: unable to get local issuer"):
        get(server.url())
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert get(server.url()) == PICTURE
    assert len(server.requests) == 1


@pytest.mark.usefixtures("trusting")
def test_a_certificate_for_another_name_is_refused(
    serve: Callable[..., Server], tls: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(http(), tls=tls("other.test", "127.0.0.2"))
    for host in ("localhost", "127.0.0.1"):
        with pytest.raises(HostUnreachableError, match="certificate is not valid for"):
            get(server.url(host=host))
    assert server.requests == []


@pytest.mark.usefixtures("trusting")
def test_a_redirect_cannot_drop_tls(
    serve: Callable[..., Server], tls: Callable[..., ssl.SSLContext]
) -> None:
    plain = serve(http())
    secure = serve(moved(plain.url()), tls=tls("127.0.0.1"))
    with pytest.raises(AddressRefusedError, match="from https to http"):
        get(secure.url())
    assert plain.connections == 0
    assert get(serve(moved(serve(http(), tls=secure.tls).url())).url()) == PICTURE


@pytest.mark.usefixtures("trusting")
def test_tls_answers_obey_the_same_limits(
    serve: Callable[..., Server], tls: Callable[..., ssl.SSLContext]
) -> None:
    context = tls("127.0.0.1")
    with pytest.raises(FetchTimeoutError):
        get(serve(drip(b"HTTP/1.0 200 OK\r\n\r\n"), tls=context).url(), timeout_s=0.2)
    with pytest.raises(BodyTooLargeError):
        get(serve(endless(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 65536), tls=context).url())
    with pytest.raises(BadResponseError):
        get(serve(http(b"short", "Content-Length: 6"), tls=context).url())


def raw_server(script: Script) -> Iterator[int]:
    """A server that speaks first, without waiting for a request."""
    closing = threading.Event()

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError), listening.accept()[0] as sock:
            script(sock, b"", closing)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        closing.set()
        thread.join(5)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (silence, FetchTimeoutError),
        (drip(b"\x16\x03\x03\x40\x00"), FetchTimeoutError),
        (drip(b"HTTP/1.1 400 Bad Request\r\n\r\n"), HostUnreachableError),
        (lambda sock, head, closing: None, HostUnreachableError),
    ],
)
def test_a_handshake_that_fails_or_never_ends(script: Script, error: type[FetchError]) -> None:
    with contextlib.contextmanager(raw_server)(script) as port, pytest.raises(error) as caught:
        get(f"https://127.0.0.1:{port}/", timeout_s=0.2)
    assert "\n" not in str(caught.value)
