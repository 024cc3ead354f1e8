"""The command and URLs, against a real server."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from command import ROOT, environment, pictell


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Tests need no access log."""

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://localhost:1/cat.jpg")
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = partial(QuietHandler, directory=str(ROOT / "samples"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_typed_url_may_name_a_private_host(address: str) -> None:
    url = f"{address}/golf-ball.png"
    (result,) = json.loads(pictell("-f", "json", url).stdout)
    assert result["source"] == url
    assert result["predictions"][0]["label"] == "golf ball"


def test_a_url_from_a_list_may_not_unless_allowed(address: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"{address}/golf-ball.png\n")
    refused = pictell("--from-file", listed)
    assert refused.returncode == 1
    assert "is refused" in refused.stderr
    assert pictell("--from-file", listed, "--allow-private").returncode == 0


BAD_URLS = {
    "{}/missing.png": "{}/missing.png: the server answered 404 File not found",
    "file:///etc/passwd": "file:///etc/passwd: only http:// and https:// URLs are fetched",
    "http://u:secret@127.0.0.1/": "http://***@127.0.0.1/: "
    "URLs with a user name or password are refused; remove them",
    "http://127.0.0.1:1/": "http://127.0.0.1:1/: the host cannot be reached: Connection refused",
    "{}/": "{}/: a web page, not a picture in a format pictell reads "
    "(JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP, HEIC)",
    "{}/elsewhere": "{}/elsewhere: port 1 of localhost is refused; a redirect never leads there",
}


@pytest.mark.parametrize(("url", "line"), BAD_URLS.items())
def test_a_bad_url_gets_one_line(url: str, line: str, address: str) -> None:
    run = pictell(url.format(address))
    assert (run.stdout, run.stderr) == ("", f"pictell: {line.format(address)}\n")
    assert run.returncode == 1


def test_a_host_that_does_not_resolve() -> None:
    run = pictell("http://nothing.invalid/cat.jpg")
    assert run.stderr.startswith(
        "pictell: http://nothing.invalid/cat.jpg: the host does not resolve"
    )
    assert run.returncode == 1


def test_proxies_of_the_environment_are_ignored(address: str) -> None:
    env = environment(http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
    assert pictell(f"{address}/golf-ball.png", env=env).returncode == 0
