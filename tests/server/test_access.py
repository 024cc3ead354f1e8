"""Who may use the server, what it fetches, and what its log says."""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

import raw_server
from serving import CAT, HOST, Server, launched, serving
from waiting import wait_until

TOKEN, OTHER = "a-token-of-some-length", "another-token-of-some-length"
PAGE = "https://page.example"
PATH = "/v1/models"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two tokens, a rate, and pages of another origin."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(f"{TOKEN}\n{OTHER}\n")
    access = ("--tokens-file", tokens, "--rate-limit", "3/hour", "--cors-origin", PAGE)
    with serving(*access) as server:
        yield server


@pytest.fixture(scope="module")
def closed() -> Iterator[Server]:
    """A server with a token and without a rate."""
    with serving(PICTELL_SERVE_TOKENS=TOKEN) as server:
        yield server


@pytest.fixture(scope="module")
def fetching() -> Iterator[Server]:
    with serving("--fetch") as server:
        yield server


def code(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    return answer.status, str(answer.json().get("code"))


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("a-wrong-token-of-some-length"),
        bearer(TOKEN[:-1]),
        bearer(TOKEN, "Basic"),
        bearer(""),
        {"Authorization": TOKEN},
        bearer(TOKEN + "\xff"),
    ],
)
def test_without_a_token(closed: Server, headers: dict[str, str]) -> None:
    answer = closed.get(PATH, headers=headers)
    assert code(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ("/healthz", "/readyz"):
        assert closed.get(path, headers=headers).status == 200
    assert closed.get("/metrics", headers=headers).status == 401


def test_each_token_has_a_rate_of_its_own(guarded: Server) -> None:
    for token in (TOKEN, OTHER):
        statuses = [guarded.get(PATH, headers=bearer(token, "BEARER")).status for _ in range(3)]
        assert statuses == [200] * 3
        answer = guarded.get(PATH, headers=bearer(token))
        assert code(answer) == (429, "too_many_requests")
        assert 3000 < int(answer.headers["retry-after"]) <= 3600
    assert guarded.get("/healthz").status == 200


def test_guesses_of_a_token_have_a_rate() -> None:
    with serving("--rate-limit", "3/hour", PICTELL_SERVE_TOKENS=TOKEN) as server:
        guesses = [server.get(PATH, headers=bearer(f"guess-{n}")).status for n in range(5)]
        assert guesses == [401, 401, 401, 429, 429]
        # Those who have a token are not locked out by the guesses of others.
        assert server.get(PATH, headers=bearer(TOKEN)).status == 200


def test_a_token_of_a_variable_is_told_to_nobody() -> None:
    with serving(PICTELL_SERVE_TOKENS=TOKEN) as server:
        assert server.get(PATH).status == 401
        answer = server.get(f"{PATH}?{TOKEN}", headers=bearer(TOKEN))
        assert answer.status == 400
        assert server.get(PATH, headers=bearer(TOKEN)).status == 200
        command = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in command
        server.stop()
    assert TOKEN not in server.log


def test_pages_of_an_origin_that_is_allowed(guarded: Server) -> None:
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = guarded.request("OPTIONS", "/v1/classify", headers={"Origin": PAGE, **asks})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    allowed = answer.headers["access-control-allow-headers"].lower()
    for name in ("authorization", "x-request-id", "inference-header-content-length"):
        assert name in allowed
    # The page can read why it is refused.
    answer = guarded.get(PATH, headers={"Origin": PAGE})
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = answer.headers["access-control-expose-headers"].lower()
    for name in ("x-request-id", "retry-after", "inference-header-content-length"):
        assert name in exposed
    other = {"Origin": "https://other.example"}
    for answer in (
        guarded.request("OPTIONS", "/v1/classify", headers=other | asks),
        guarded.get(PATH, headers=other | bearer(TOKEN)),
    ):
        assert code(answer) == (403, "wrong_origin")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://other.example", "null", "http://[", "", "http://localhost.evil.example"]
)
def test_pages_of_other_origins(server: Server, origin: str) -> None:
    for path in (PATH, "/v1/classify", "/metrics"):
        assert code(server.post(path, headers={"Origin": origin})) == (403, "wrong_origin")


def test_the_own_page(server: Server) -> None:
    assert server.get(PATH, headers={"Origin": server.url}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[", "", "127.0.0.2"])
def test_a_name_that_is_not_the_servers(server: Server, host: str) -> None:
    assert code(server.get(PATH, headers={"Host": host})) == (421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8000", "127.0.0.1"])
def test_a_name_of_the_server(server: Server, host: str) -> None:
    assert server.get(PATH, headers={"Host": host}).status == 200


def test_names_that_the_operator_gives() -> None:
    with serving("--allowed-host", "pictures.example") as server:
        for host, status in {
            "Pictures.Example:443": 200,
            "localhost": 200,
            "evil.test": 421,
        }.items():
            assert server.get(PATH, headers={"Host": host}).status == status


@pytest.mark.parametrize("path", ["/healthz", PATH, "/nowhere", "/v1/classify", "/metrics"])
def test_every_answer_has_the_headers_of_safety(server: Server, path: str) -> None:
    for answer in (server.get(path), server.get(path, headers={"Host": "evil"})):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_a_server_for_everyone_says_so() -> None:
    with serving("--host", "0.0.0.0") as server:
        assert "WARNING: everyone who reaches 0.0.0.0 can use this server" in server.log
    with launched("--host", "0.0.0.0", PICTELL_SERVE_TOKENS=TOKEN) as server:
        wait_until(lambda: "ready" in server.log)
        assert "WARNING" not in server.log


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/a.jpg",
        "http://127.0.0.1:{port}/healthz",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://user:secret@127.0.0.1/",
    ],
)
def test_a_url_that_is_not_public(fetching: Server, url: str) -> None:
    answer = fetching.post("/v1/classify", json={"url": url.format(port=fetching.port)})
    assert code(answer) == (403, "address_refused")
    assert "secret" not in fetching.log + answer.data.decode()


def test_a_private_url_is_never_asked_for(fetching: Server) -> None:
    with raw_server.Server(raw_server.http(CAT.read_bytes())) as private:
        for route in ("/v1/classify", "/v1/embed"):
            alone = fetching.post(route, json={"url": private.url()}).json()
            assert alone["code"] == "address_refused"
            listed = fetching.post(route, json={"images": [{"url": private.url()}]}).json()
            # Neither says what only the server knows of the host.
            error = {"code": alone["code"], "message": alone["detail"]}
            assert listed["results"][0]["error"] == error
        assert private.connections == 0


def test_a_host_that_is_not_listed() -> None:
    with serving("--fetch", "--fetch-host", "pictures.example") as server:
        answer = server.post("/v1/classify", json={"url": "http://198.51.100.7/a.jpg"})
        assert code(answer) == (403, "address_refused")


def test_a_data_url_needs_no_fetching(server: Server, fetching: Server) -> None:
    content = base64.b64encode(CAT.read_bytes()).decode()
    url = f"data:image/jpeg;base64,{content}"
    for one in (server, fetching):
        found = one.post("/v1/classify", json={"url": url}).json()
        assert found["predictions"][0]["label"] == "tiger cat"
        assert found["source"] == f"{url[:32]}…({len(url)} characters)"
        several = [{"url": url, "name": "cat"}, {"url": "data:x"}, {"url": "data:;base64,@"}]
        results = one.post("/v1/classify", json={"images": several}).json()["results"]
        assert [result["source"] for result in results] == ["cat", "data:x", "data:;base64,@"]
        assert [result.get("error", {}).get("code") for result in results] == [
            None,
            "source_unreadable",
            "source_unreadable",
        ]
    answer = server.post("/v1/classify", json={"url": "data:x"})
    assert code(answer) == (422, "source_unreadable")


def test_no_request_breaks_the_log(server: Server) -> None:
    paths = (b"/%0a%22%1b%5b31m", b"/%c2%9b%e2%80%ae", b'/"\\x', b"/%ff%fe", b"/a?token=secret")
    for path in paths:
        with socket.create_connection((HOST, server.port), timeout=30) as client:
            client.sendall(
                b"GET %b HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\tb\r\n"
                b"Cookie: secret\r\nConnection: close\r\n\r\n" % path
            )
            while client.recv(65536):
                pass
    expected = {'/\n"\x1b[31m', "/\x9b\u202e", '/"\\x', "/\ufffd\ufffd", "/a"}
    wait_until(lambda: expected <= {one["path"] for one in server.access_log()})
    assert "secret" not in server.log
    assert all(" " <= character <= "~" or character == "\n" for character in server.log)


def test_a_request_id_of_the_client_is_kept_if_it_is_sound(server: Server) -> None:
    for given, kept in (("a-1.B", True), ("a b", False), ('"', False), ("x" * 65, False)):
        answer = server.get("/healthz", headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) is kept
    last = json.loads(server.log.splitlines()[-1])
    assert set(last) == {"time", "request_id", "client", "method", "path", "status", "ms"}
