"""A pool of processes: whatever a task does costs that task alone."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import unruly
from command import environment
from pictell.errors import PictureTooLargeError
from pictell.pipeline.processes import CrashError, Processes, TaskError
from system import is_alive
from waiting import wait_until

MB = 1024 * 1024
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")


@pytest.fixture
def pool() -> Iterator[Processes]:
    """Two processes, whose tasks may take as long as a busy machine needs."""
    pool = Processes(2, deadline_s=60, max_memory=300 * MB)
    yield pool
    pool.close()


DEFECTS: dict[str, tuple[Callable[..., object], tuple[object, ...], type[Exception]]] = {
    "exits": (unruly.leave, (3,), CrashError),
    "exits as if all were well": (unruly.leave, (0,), CrashError),
    "crashes in C": (unruly.crash, (), CrashError),
    "hangs": (unruly.hang, (), TimeoutError),
    "hangs in C and holds the interpreter's lock": (unruly.hang_in_c, (), TimeoutError),
    "gives what cannot be pickled": (unruly.give_a_function, (), TaskError),
    "gives what could run code here": (unruly.give_an_object, (), TaskError),
    "fails": (unruly.fail, (), TaskError),
    "ends the program": (sys.exit, (1,), TaskError),
    "refuses": (unruly.refuse, (), PictureTooLargeError),
}


@pytest.mark.parametrize("kind", DEFECTS)
def test_a_task_that_fails_costs_itself_alone(pool: Processes, kind: str) -> None:
    task, arguments, error = DEFECTS[kind]
    before = [pool.submit(unruly.double, number) for number in range(20)]
    deadline_s = 0.5 if error is TimeoutError else None
    bad = [pool.submit(task, *arguments, deadline_s=deadline_s) for _ in range(2)]
    after = [pool.submit(unruly.double, number) for number in range(20)]
    assert [type(one.exception()) for one in bad] == [error, error]
    assert [one.result() for one in before + after] == [2 * number for number in range(20)] * 2


@linux
def test_a_task_that_takes_too_much_memory_costs_itself_alone(pool: Processes) -> None:
    with pytest.raises(MemoryError):
        pool.call(unruly.take, 10_000 * MB)
    assert pool.call(unruly.take, 100 * MB) == 100 * MB


@linux
def test_arguments_larger_than_the_memory_are_an_error_of_their_task(pool: Processes) -> None:
    with pytest.raises(MemoryError):
        pool.call(unruly.size_of, bytes(400 * MB))
    assert pool.call(unruly.double, 1) == 2


def test_the_cause_of_a_crash_is_named(pool: Processes) -> None:
    with pytest.raises(CrashError, match="SIGSEGV"):
        pool.call(unruly.crash)
    with pytest.raises(CrashError, match="exit status 3"):
        pool.call(unruly.leave, 3)


def test_an_error_of_pictell_arrives_whole(pool: Processes) -> None:
    with pytest.raises(PictureTooLargeError, match="too large") as caught:
        pool.call(unruly.refuse)
    error = caught.value
    assert (error.width, error.height, error.max_pixels) == (3, 4, 5)


def test_another_error_arrives_with_its_traceback(pool: Processes) -> None:
    with pytest.raises(TaskError, match=r"in fail(.|\n)*LookupError: a bug"):
        pool.call(unruly.fail)


@pytest.mark.parametrize(("argument", "error"), [(bytes(MB), TaskError), (int("1003"), CrashError)])
def test_an_error_keeps_no_arguments_once_it_is_handled(
    pool: Processes, argument: object, error: type[Exception]
) -> None:
    before = sys.getrefcount(argument)
    gc.disable()
    try:
        for _ in range(3):
            with suppress(error):
                pool.call(unruly.leave, argument)
        assert sys.getrefcount(argument) == before
    finally:
        gc.enable()


def test_what_a_task_prints_goes_nowhere(
    pool: Processes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert pool.call(unruly.speak) == "said"
    assert pool.call(unruly.double, 1) == 2
    assert capfd.readouterr() == ("", "")


def test_arguments_that_cannot_be_pickled_are_an_error_of_their_call(pool: Processes) -> None:
    with pytest.raises(AttributeError, match="pickle"):
        pool.call(unruly.size_of, [bytes(MB), lambda: None])
    assert pool.call(unruly.size_of, b"abc") == 3


def test_a_function_that_a_process_cannot_find_is_an_error_of_its_call(
    pool: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> None: ...

    lost.__qualname__ = "lost"
    lost.__module__ = "unruly"
    monkeypatch.setattr(unruly, "lost", lost, raising=False)
    with pytest.raises(TaskError, match="lost"):
        pool.call(lost)
    assert pool.call(unruly.double, 3) == 6


@pytest.mark.parametrize("size", [0, 1, 70_000, 50 * MB])
def test_large_arguments_and_results_cross_whole(pool: Processes, size: int) -> None:
    assert pool.call(unruly.size_of, bytes(size)) == size
    assert pool.call(unruly.fill, size) == b"x" * size


def test_a_map_gives_results_and_errors_in_order(pool: Processes) -> None:
    found = list(pool.map(unruly.crash_if, range(50)))
    assert [one if isinstance(one, int) else None for one in found] == [
        None if number % 7 == 3 else number for number in range(50)
    ]
    assert {type(one) for one in found} == {int, CrashError}


def test_a_map_takes_items_as_it_needs_them(pool: Processes) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    results = pool.map(unruly.double, endless())
    assert not taken
    assert list(islice(results, 5)) == [0, 2, 4, 6, 8]
    results.close()  # type: ignore[attr-defined]
    assert len(taken) < 20


def test_a_process_serves_many_tasks(pool: Processes) -> None:
    assert len({pool.call(unruly.own_process) for _ in range(10)}) == 1


def test_a_process_that_has_grown_is_replaced() -> None:
    pool = Processes(1, deadline_s=60)
    first = pool.call(unruly.own_process)
    pool.call(unruly.keep, 200 * MB)
    seen = [pool.call(unruly.own_process) for _ in range(120)]
    pool.close()
    assert seen[0] == first
    assert seen[-1] != first


def test_many_threads_share_the_processes(pool: Processes) -> None:
    found: list[list[object]] = [[] for _ in range(8)]
    threads = [
        threading.Thread(target=lambda out=out: out.extend(pool.map(unruly.crash_if, range(20))))
        for out in found
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(out) == 20 and out[4:10] == [4, 5, 6, 7, 8, 9] for out in found)
    processes = {pool.submit(unruly.own_process, 0.05) for _ in range(8)}
    assert len({one.result() for one in processes}) <= 2


def test_a_process_that_ends_between_tasks_costs_nothing(pool: Processes) -> None:
    process = pool.call(unruly.own_process)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not is_alive(process))
    assert pool.call(unruly.double, 4) == 8


def test_an_interrupted_call_takes_its_process_with_it(pool: Processes) -> None:
    # The next call must not get the answer of this one.
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    pool.call(unruly.double, 1)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        pool.call(unruly.own_process, 20)
    assert pool.call(unruly.double, 21) == 42


def test_a_closed_pool_leaves_no_process() -> None:
    pool = Processes(3, deadline_s=60)
    running = [pool.submit(unruly.own_process, 0.2) for _ in range(3)]
    processes = {one.result() for one in running}
    busy = pool.submit(unruly.own_process, 0.5)
    wait_until(busy.running)
    pool.close()
    processes.add(busy.result())
    wait_until(lambda: not any(map(is_alive, processes)))
    # A call that comes late, from a thread that still works, finds its answer too.
    late = pool.call(unruly.own_process)
    wait_until(lambda: not is_alive(late))


def test_a_pool_that_nobody_closes_leaves_no_process() -> None:
    pool = Processes(1, deadline_s=60)
    process = pool.call(unruly.own_process)
    del pool
    wait_until(lambda: not is_alive(process))


PARENT = """
import unruly
from pictell.pipeline.processes import Processes
pool = Processes(2, deadline_s=1000)
print(pool.call(unruly.own_process), flush=True)
"""
WORK = "pool.call(unruly.tell_and_hang, {path!r}, {in_c})"


def start_parent(*words: str | Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        **options,
    )


@pytest.mark.parametrize("in_c", [False, True], ids=["in Python", "in C with the lock"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@linux
def test_processes_at_work_end_with_their_parent(
    tmp_path: Path, number: signal.Signals, in_c: bool
) -> None:
    path = tmp_path / "process"
    with start_parent("-c", PARENT + WORK.format(path=str(path), in_c=in_c)) as parent:
        wait_until(lambda: path.exists() and path.read_text())
        process = int(path.read_text())
        assert is_alive(process)
        parent.send_signal(number)
    wait_until(lambda: not is_alive(process))


def test_processes_that_wait_end_with_their_parent() -> None:
    with start_parent("-c", f"{PARENT}\nimport time\ntime.sleep(1000)") as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        assert is_alive(process)
        parent.kill()
    wait_until(lambda: not is_alive(process))


def test_a_program_that_ends_waits_for_no_process() -> None:
    with start_parent("-c", PARENT) as parent:
        stdout, stderr = parent.communicate(timeout=60)
    assert (parent.returncode, stderr) == (0, "")
    wait_until(lambda: not is_alive(int(stdout)))


def test_ctrl_c_on_a_terminal_reaches_the_parent_only(tmp_path: Path) -> None:
    path = tmp_path / "process"
    code = PARENT + WORK.format(path=str(path), in_c=False)
    with start_parent("-c", code, start_new_session=True) as parent:
        wait_until(lambda: path.exists() and path.read_text())
        process = int(path.read_text())
        # A terminal sends the signal to the whole group.
        assert os.getpgid(process) != os.getpgid(parent.pid)
        os.killpg(parent.pid, signal.SIGINT)
        _, stderr = parent.communicate(timeout=60)
    assert stderr.count("KeyboardInterrupt") == 1
    wait_until(lambda: not is_alive(process))


FORK = f"""{PARENT}
import os
forked = os.fork()
numbers = range(1000, 1200) if forked else range(200)
right = all(pool.call(unruly.double, number) == 2 * number for number in numbers)
if not forked:
    os._exit(0 if right else 1)
print(right, os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_program_that_forks_shares_no_process() -> None:
    with start_parent("-W", "ignore", "-c", FORK) as parent:
        stdout, stderr = parent.communicate(timeout=60)
    assert (stdout.splitlines()[1:], stderr) == (["True 0"], "")


def test_a_process_does_not_run_the_main_module(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    # Without the guard that multiprocessing asks for.
    script.write_text(f"print('main')\n{PARENT}")
    with start_parent(script) as parent:
        stdout, stderr = parent.communicate(timeout=60)
    assert stderr == ""
    assert stdout.count("main") == 1


def test_a_process_that_does_not_start_is_an_error_that_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Processes(1, deadline_s=60, modules=["no_such_module"])
    with pytest.raises(ChildProcessError, match="No module named 'no_such_module'"):
        pool.call(unruly.double, 1)
    monkeypatch.setattr(sys, "executable", "/no/such/interpreter")
    with pytest.raises(FileNotFoundError):
        Processes(1, deadline_s=60).call(unruly.double, 1)


def test_a_process_loads_little(pool: Processes) -> None:
    loaded = {name.partition(".")[0] for name in pool.call(unruly.loaded_modules)}
    assert not loaded & {"numpy", "PIL", "onnxruntime", "multiprocessing", "asyncio"}
