"""How many processors this process may use."""

from __future__ import annotations

import os
from pathlib import Path

# The limits of a container: cgroup v2, then v1 (Linux, Documentation/admin-guide/cgroup-v2.rst,
# "cpu.max"; Documentation/scheduler/sched-bwc.rst).
CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def available_cores() -> int:
    """The processors this process may run on, 1 or more.

    ``taskset`` and cpusets make them fewer, and so does a container's CPU limit, rounded up.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    limit = _cgroup_limit()
    return cores if limit is None else max(1, min(cores, limit))


def _cgroup_limit() -> int | None:
    """The container's CPU quota in whole processors, ``None`` without one."""
    try:
        if CGROUP_V2.exists():
            quota, period = CGROUP_V2.read_text().split()
        else:
            quota = (CGROUP_V1 / "cpu.cfs_quota_us").read_text()
            period = (CGROUP_V1 / "cpu.cfs_period_us").read_text()
        # -1 and "max" stand for no limit.
        return -(-int(quota) // int(period)) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
