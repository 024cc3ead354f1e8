"""How many processors a process may use: affinity, and quotas of cgroups in files made here."""

import os
from pathlib import Path

import pytest

import pictell.cgroups
from pictell.processors import available_cores
from system import cgroups


@pytest.fixture(autouse=True)
def eight_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(pictell.cgroups, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(pictell.cgroups, "CGROUPS", tmp_path / "cgroups")


def version_1(folder: str, quota: int, period: int) -> dict[str, str]:
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": f"{period}\n",
    }


def test_a_cgroup_whose_name_is_not_text_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"0::/\xff\n")
    assert available_cores() == 8


def test_without_cgroups_the_affinity_decides() -> None:
    assert available_cores() == 8


def test_the_real_files_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("damaged", 8),
        ("100000 0\n", 8),
        ("", 8),
    ],
)
def test_the_quota_of_a_container(tmp_path: Path, text: str, cores: int) -> None:
    cgroups(tmp_path, "0::/\n", {"cpu.max": text})
    assert available_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, 8), (300_000, 3), (1, 1)])
def test_the_quota_of_a_container_in_version_1(tmp_path: Path, quota: int, cores: int) -> None:
    own = "9:name=systemd:/\n4:memory:/\n1:cpu,cpuacct:/\n0::/\n"
    cgroups(tmp_path, own, version_1("cpu", quota, 100_000))
    assert available_cores() == cores


def test_the_lowest_quota_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    files = {
        "system.slice/cpu.max": "300000 100000\n",
        "system.slice/web.service/cpu.max": "max 100000\n",
        "other.slice/cpu.max": "100000 100000\n",
    }
    cgroups(tmp_path, "0::/system.slice/web.service\n", files)
    assert available_cores() == 3


def test_a_container_that_does_not_see_its_own_path(tmp_path: Path) -> None:
    """Docker without a namespace for cgroups mounts the container's own as the root."""
    cgroups(tmp_path, "1:cpu:/docker/0123\n", version_1("cpu", 200_000, 100_000))
    assert available_cores() == 2
