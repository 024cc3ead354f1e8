"""How many processors this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

# Linux limits containers and services by cgroups: Documentation/admin-guide/cgroup-v2.rst,
# "cpu.max"; for version 1 Documentation/scheduler/sched-bwc.rst.
OWN_CGROUPS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """The number of processors that this process may use, 1 or more.

    CPU affinity (``taskset``, cpusets) and cgroup quotas, rounded up, lower it.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min([cores, *map(ceil, _cgroup_quotas())])


def _cgroup_quotas() -> Iterator[float]:
    """The quotas of this process's cgroups and of those above them, in processors."""
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUPS / "cpu" if controllers else CGROUPS
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        # "max" and -1 stand for no limit.
        if int(quota) > 0:
            yield int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return
