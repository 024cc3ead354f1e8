"""Downloads through a real CONNECT proxy, which connects wherever it is asked to."""

import base64
import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import trustme
import truststore

import pictell.images.connection as connection_module
from pictell.errors import (
    AddressRefusedError,
    FetchError,
    FetchTimeoutError,
    HostUnreachableError,
    UsageError,
)
from pictell.images.addresses import parse_proxy
from raw_server import PICTURE, Names, Script, Server, get, http, moved

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def connect_as_asked(client: socket.socket, head: bytes, closing: threading.Event) -> None:
    host, port = head.split()[1].decode().rsplit(":", 1)
    try:
        origin = socket.create_connection((host.strip("[]"), int(port)), 5)
    except OSError:
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        return
    with origin:
        client.sendall(ESTABLISHED)
        while not closing.is_set():
            for sock in select.select([client, origin], [], [], 0.05)[0]:
                data = sock.recv(65536)
                if not data:
                    return
                (origin if sock is client else client).sendall(data)


@pytest.fixture
def proxy(serve: Callable[..., Server]) -> Server:
    return serve(connect_as_asked)


def asked(proxy: Server) -> list[bytes]:
    """The addresses that the proxy was asked to connect to."""
    return [request.split()[1] for request in proxy.requests]


def test_a_picture_comes_through_the_proxy_which_gets_the_address_not_the_name(
    serve: Callable[..., Server], proxy: Server, names: Names, public: str
) -> None:
    names["a.test"] = [public]
    server = serve(http(), host=public)
    url = server.url(host="a.test")
    assert get(url, allow_private=False, proxy=proxy.url("")) == PICTURE
    target = f"{public}:{server.port}"
    assert proxy.requests[0].startswith(f"CONNECT {target} HTTP/1.1\r\n".encode())
    assert f"\r\nHost: {target}\r\n".encode() in proxy.requests[0]
    assert b"a.test" not in proxy.requests[0]
    assert len(proxy.requests) == 1
    assert f"Host: a.test:{server.port}".encode() in server.requests[0]


def test_tls_is_with_the_host_not_the_proxy(
    serve: Callable[..., Server], proxy: Server, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["tls.test"] = ["127.0.0.1"]
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("tls.test").configure_cert(server_side)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    monkeypatch.setattr(truststore, "SSLContext", lambda protocol: trusting)
    server = serve(http(), tls=server_side)
    assert get(server.url(host="tls.test"), proxy=proxy.url("")) == PICTURE
    with pytest.raises(HostUnreachableError, match="certificate is not valid for"):
        get(server.url(), proxy=proxy.url(""))
    assert asked(proxy) == 2 * [f"127.0.0.1:{server.port}".encode()]


def test_ipv6_addresses_are_bracketed(serve: Callable[..., Server], proxy: Server) -> None:
    server = serve(http(), host="::1")
    assert get(server.url(host="[::1]"), proxy=proxy.url("")) == PICTURE
    assert asked(proxy) == [f"[::1]:{server.port}".encode()]


def test_the_next_address_is_tried_if_the_proxy_cannot_reach_the_first(
    serve: Callable[..., Server], proxy: Server, names: Names
) -> None:
    names["two.test"] = ["127.0.0.2", "127.0.0.1"]
    server = serve(http())
    assert get(server.url(host="two.test"), proxy=proxy.url("")) == PICTURE
    assert len(asked(proxy)) == 2


def test_credentials_go_to_the_proxy_only(serve: Callable[..., Server], proxy: Server) -> None:
    server = serve(http())
    url = proxy.url("").replace("http://", "http://us%65r:p%40ss%3Aword@")
    assert get(server.url(), proxy=url) == PICTURE
    basic = base64.b64encode(b"user:p@ss:word")
    assert b"\r\nProxy-Authorization: Basic " + basic + b"\r\n" in proxy.requests[0]
    assert b"authorization" not in server.requests[0].lower()


# --- the guard holds


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "in.test"])
def test_nothing_is_sent_to_the_proxy_for_a_private_host(
    host: str, proxy: Server, names: Names, public: str
) -> None:
    names["in.test"] = [public, "10.0.0.1"]
    with pytest.raises(AddressRefusedError):
        get(f"http://{host}/", allow_private=False, proxy=proxy.url(""))
    assert proxy.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "inside.test"])
def test_a_redirect_to_a_private_host_is_refused(
    host: str, serve: Callable[..., Server], proxy: Server, names: Names, public: str
) -> None:
    names.update({"outside.test": [public], "inside.test": ["127.0.0.1"]})
    inside = serve(http())
    outside = serve(moved(inside.url(host=host)), host=public)
    with pytest.raises(AddressRefusedError):
        get(outside.url(host="outside.test"), allow_private=False, proxy=proxy.url(""))
    assert inside.connections == 0
    assert asked(proxy) == [f"{public}:{outside.port}".encode()]


def test_a_redirect_to_a_public_host_goes_through_the_proxy_too(
    serve: Callable[..., Server], proxy: Server, names: Names, public: str
) -> None:
    names.update({"a.test": [public], "b.test": [public]})
    there = serve(http(), host=public)
    here = serve(moved(there.url(host="b.test")), host=public)
    url = here.url(host="a.test")
    assert get(url, allow_private=False, proxy=proxy.url("")) == PICTURE
    assert asked(proxy) == [f"{public}:{here.port}".encode(), f"{public}:{there.port}".encode()]


# --- proxies that fail


def raw(answer: bytes) -> Script:
    return lambda sock, head, closing: sock.sendall(answer)


def silence(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
    closing.wait()


def drip(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not closing.wait(0.02):
        sock.sendall(b"x")


def flood(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
    while not closing.is_set():
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (raw(b"HTTP/1.1 407 Proxy Auth\r\n\r\n"), HostUnreachableError, "proxy .*407 Proxy Auth"),
        (raw(b"HTTP/1.1 403\r\n\r\n"), HostUnreachableError, "proxy .*403"),
        (raw(b"HTTP/1.1 302 F\r\nLocation: http://a/\r\n\r\n"), HostUnreachableError, "302"),
        (raw(b""), HostUnreachableError, "proxy"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), HostUnreachableError, "proxy"),
        (raw(b"HTTP/1.1 200 OK\r\n" + 200 * b"X: y\r\n"), HostUnreachableError, "proxy"),
        (flood, HostUnreachableError, "proxy"),
        (silence, FetchTimeoutError, "within"),
        (drip, FetchTimeoutError, "within"),
    ],
)
def test_a_proxy_that_does_not_connect(
    script: Script, error: type[FetchError], message: str, serve: Callable[..., Server]
) -> None:
    timeout_s = 0.3 if error is FetchTimeoutError else 20
    url = serve(script).url("").replace("http://", "http://user:secret@")
    with pytest.raises(error, match=message) as caught:
        get("http://127.0.0.1/", proxy=url, timeout_s=timeout_s)
    assert "secret" not in str(caught.value)


def test_a_proxy_that_cannot_be_reached_is_named_as_the_cause() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(HostUnreachableError, match="the proxy cannot be reached"):
            get("http://127.0.0.1/", proxy=f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(HostUnreachableError, match="the proxy does not resolve"):
        get("http://127.0.0.1/", proxy="http://proxy.invalid:3128")


@pytest.mark.parametrize(
    "proxy",
    [
        *("", "proxy:3128", "https://proxy:3128", "socks5://proxy:1080", "http://", "http://a b/"),
        *("http://user:secret@", "http://user:secret@host:port", "http://user:secret@host/path"),
        *("ftp://user:secret@host", "http://user:se\ud800cret@host/", "http://host\udcff/"),
    ],
)
def test_a_malformed_proxy_is_wrong_use_and_its_password_is_not_shown(proxy: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT") as caught:
        get("http://127.0.0.1/", proxy=proxy)
    assert "cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_proxy_never_shows_its_password() -> None:
    proxy = parse_proxy("http://user:secret@host:3128")
    assert (proxy.host, proxy.port) == ("host", 3128)
    assert "Basic" not in repr(proxy)


# --- a budget of bytes


def test_the_body_is_reserved_before_it_is_kept(serve: Callable[..., Server]) -> None:
    reserved: list[int] = []
    assert get(serve(http()).url(), reserve=reserved.append) == PICTURE
    assert sum(reserved) == len(PICTURE)
    assert max(reserved) <= 64 * 1024


def test_time_that_reserve_blocks_does_not_count(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked_s = [0.0]

    def reserve(n_bytes: int) -> None:
        blocked_s[0] += 1000

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + blocked_s[0])
    monkeypatch.setattr(connection_module, "time", clock)
    assert get(serve(http()).url(), reserve=reserve, timeout_s=20) == PICTURE
    assert blocked_s[0] >= 2000


def test_an_error_of_reserve_ends_the_download(serve: Callable[..., Server]) -> None:
    def refuse(n_bytes: int) -> None:
        raise KeyError

    with contextlib.suppress(KeyError):
        get(serve(http()).url(), reserve=refuse)
        pytest.fail("the error was lost")
