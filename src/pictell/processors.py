"""How many processors this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from pictell.cgroups import own_cgroups


def available_cores() -> int:
    """The number of processors that this process may use, 1 or more.

    CPU affinity (``taskset``, cpusets) and cgroup quotas, rounded up, lower it.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quotas = (quota for folder in own_cgroups("cpu") for quota in _quota(folder))
    return min([cores, *map(ceil, quotas)])


def _quota(folder: Path) -> Iterator[float]:
    """The quota of a cgroup in processors, if it has one (cgroup-v2.rst, "cpu.max")."""
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
