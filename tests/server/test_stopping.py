"""A server that is told to stop loses no request; one that is killed leaves nothing behind."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import urllib3

from serving import CAT, Server, launched, serving
from system import children, is_alive
from waiting import wait_until

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
one_or_two = pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
LABEL = b'"label":"tiger cat"'


class Clients:
    """Threads that send one request after another until the server takes no connection."""

    def __init__(self, server: Server, *, keep_alive: bool) -> None:
        self.answers, self.lost = list[bytes](), list[Exception]()
        self._server, self._keep_alive = server, keep_alive
        self.threads = [threading.Thread(target=self._send) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def _send(self) -> None:
        picture = CAT.read_bytes()
        headers = {} if self._keep_alive else {"Connection": "close"}
        with urllib3.PoolManager(retries=False, timeout=60) as pool:
            while True:
                try:
                    url = self._server.url + "/v1/classify"
                    answer = pool.request("POST", url, body=picture, headers=headers)
                    self.answers.append(answer.data)
                except urllib3.exceptions.NewConnectionError:
                    return
                except urllib3.exceptions.HTTPError as error:
                    self.lost.append(error)
                    return

    def wait(self) -> None:
        for thread in self.threads:
            thread.join(60)


def tree(process: int) -> set[int]:
    """A process's children, and theirs."""
    found = children(process)
    return found.union(*map(children, found))


@pytest.mark.parametrize("keep_alive", [True, False])
@one_or_two
def test_a_stop_under_load_loses_no_request(workers: str, keep_alive: bool) -> None:
    with serving("--workers", workers) as server:
        clients = Clients(server, keep_alive=keep_alive)
        wait_until(lambda: len(clients.answers) > 20)
        assert server.stop() == 0
        clients.wait()
    assert clients.lost == []
    assert all(LABEL in one for one in clients.answers)


def test_a_server_that_stops_is_not_ready_but_answers() -> None:
    with serving("--drain", "3") as server:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.get("/readyz").status == 503)
        assert server.get("/healthz").status == 200
        assert server.classify() == "tiger cat"
        assert server.process.wait(60) == 0


@one_or_two
def test_ctrl_c_ends_it_in_silence(workers: str) -> None:
    with serving("--drain", "60", "--workers", workers) as server:
        # As a terminal does: to the whole group.
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(60) == -signal.SIGINT
    (said,) = [line for line in server.log.splitlines() if not line.startswith("{")]
    assert " on http://" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@one_or_two
def test_while_it_starts(workers: str, number: signal.Signals) -> None:
    with launched("--workers", workers) as server:
        if workers == "2":
            wait_until(lambda: " on http" in server.log)
        else:
            wait_until(lambda: children(server.process.pid))
        server.process.send_signal(number)
        assert server.process.wait(60) in {-number, 0}
    assert "Traceback" not in server.log


@linux
@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced() -> None:
    with serving("--workers", "2") as server:
        workers = {one for one in children(server.process.pid) if children(one)}
        for one in workers:
            os.kill(one, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, workers)))
        server.wait_until_ready()
        assert server.classify() == "tiger cat"
        assert b"pictell_queue_pictures 0.0" in server.get("/metrics").data


@linux
@one_or_two
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_it(tmp_path: Path, workers: str, number: signal.Signals) -> None:
    variables = {"TMPDIR": str(tmp_path)}
    with serving("--workers", workers, **variables) as server:
        server.classify()
        processes = tree(server.process.pid)
        assert processes
        server.process.send_signal(number)
        server.process.wait(60)
        wait_until(lambda: not any(map(is_alive, processes)))
    assert list(tmp_path.iterdir()) == []
