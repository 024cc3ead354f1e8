"""How much memory a process may use: the machine, limits of the process, and cgroups."""

import subprocess
import sys
from pathlib import Path

import pytest

import pictell.cgroups
from pictell import memory
from pictell.memory import available_memory, can_allocate, saying_out_of_memory
from system import cgroups

MACHINE = 8 * 1024**3


@pytest.fixture(autouse=True)
def eight_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_machine_memory", lambda: MACHINE)
    monkeypatch.setattr(pictell.cgroups, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(pictell.cgroups, "CGROUPS", tmp_path / "cgroups")


def test_without_cgroups_the_machine_decides() -> None:
    assert available_memory() == MACHINE


def test_the_real_files_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert available_memory() > 100_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max\n", MACHINE),
        ("1073741824\n", 1073741824),
        ("99999999999999\n", MACHINE),
        ("0\n", MACHINE),
        ("damaged", MACHINE),
        ("", MACHINE),
    ],
)
@pytest.mark.parametrize("name", ["memory.max", "memory.high"])
def test_the_limit_of_a_container(tmp_path: Path, name: str, text: str, expected: int) -> None:
    cgroups(tmp_path, "0::/\n", {name: text})
    assert available_memory() == expected


@pytest.mark.parametrize(
    ("limit", "expected"), [(9223372036854771712, MACHINE), (268435456, 268435456)]
)
def test_the_limit_of_a_container_in_version_1(tmp_path: Path, limit: int, expected: int) -> None:
    own = "9:name=systemd:/\n4:memory:/docker/0123\n1:cpu,cpuacct:/\n0::/\n"
    cgroups(tmp_path, own, {"memory/memory.limit_in_bytes": f"{limit}\n"})
    assert available_memory() == expected


def test_the_lowest_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    files = {
        "system.slice/memory.max": "300000000\n",
        "system.slice/web.service/memory.max": "max\n",
        "other.slice/memory.max": "100000000\n",
    }
    cgroups(tmp_path, "0::/system.slice/web.service\n", files)
    assert available_memory() == 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these limits")
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_the_limits_of_a_process_count(limit: str) -> None:
    code = (
        "import resource; from pictell.memory import available_memory\n"
        f"resource.setrlimit(resource.{limit}, (400_000_000, resource.RLIM_INFINITY))\n"
        "print(available_memory())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "400000000\n"


def test_memory_that_no_machine_has_cannot_be_allocated() -> None:
    assert can_allocate(1000)
    assert not can_allocate(2**62)
    assert not can_allocate(2**80)


def test_an_error_for_want_of_memory_says_so() -> None:
    with pytest.raises(MemoryError), saying_out_of_memory(2**62):
        raise OSError("cannot decode")
    with pytest.raises(OSError, match="cannot decode"), saying_out_of_memory(1000):
        raise OSError("cannot decode")
