"""The command ``pictell serve`` as its user has it: a process, a port and a log."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import urllib3

from command import PICTELL, ROOT, environment
from waiting import wait_until

CAT = ROOT / "samples" / "cat.jpg"
HOST = "127.0.0.1"


class Server:
    """A server that runs. ``stop`` ends it as an operator does; what it wrote is in ``log``."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log_file = process, log
        self._last_log = ""
        self.port = 0
        self._pool = urllib3.PoolManager(retries=False, timeout=60)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        if self._log_file.exists():
            self._last_log = self._log_file.read_text()
        return self._last_log

    def request(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """One request; ``options`` go to urllib3: ``body``, ``headers``, ``fields``, ``json``."""
        return self._pool.request(method, self.url + path, **options)

    def get(self, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self.request("POST", path, **options)

    def classify(self, picture: Path = CAT) -> str:
        """The best label of a picture, sent as it is."""
        answer = self.post("/v1/classify", body=picture.read_bytes())
        assert answer.status == 200, answer.data
        return str(answer.json()["predictions"][0]["label"])

    def stop(self) -> int:
        """Stop the server by SIGTERM and return its exit status."""
        self._pool.clear()
        self.process.terminate()
        return self.process.wait(60)

    def access_log(self) -> list[dict[str, Any]]:
        """The lines that the server has written of its requests."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def wait_until_ready(self) -> None:
        """Find the port in the log, then wait for ``/readyz``."""
        wait_until(lambda: self.process.poll() is not None or " on http://" in self.log)
        assert self.process.poll() is None, self.log
        line = next(one for one in self.log.splitlines() if " on http://" in one)
        self.port = int(line.rpartition(":")[2])
        wait_until(self._is_ready)
        # The server may close a connection that waits, just when a test uses it.
        self._pool.clear()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.get("/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False


@contextmanager
def serving(
    *words: str | Path, preexec_fn: Callable[[], None] | None = None, **variables: str
) -> Iterator[Server]:
    """The command with some options on a free port; it ends well when it is told to stop."""
    with launched(*words, preexec_fn=preexec_fn, **variables) as server:
        server.wait_until_ready()
        yield server
        # Unless the test has stopped it.
        if server.process.poll() is None:
            assert server.stop() == 0, server.log


@contextmanager
def launched(
    *words: str | Path, preexec_fn: Callable[[], None] | None = None, **variables: str
) -> Iterator[Server]:
    """The command, which may not be ready yet; it is killed in the end."""
    command = [PICTELL, "serve", "--port", "0", "--drain", "0", *words]
    with tempfile.TemporaryDirectory(prefix="pictell-serve-") as folder:
        log = Path(folder, "log")
        with (
            log.open("wb") as stderr,
            subprocess.Popen(
                command,
                stderr=stderr,
                env=environment(**variables),
                start_new_session=True,
                preexec_fn=preexec_fn,
            ) as process,
        ):
            server = Server(process, log)
            try:
                yield server
            finally:
                with suppress(ProcessLookupError):  # all have ended
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                server._pool.clear()
                assert "Traceback" not in server.log, server.log
