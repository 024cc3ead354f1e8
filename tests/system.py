"""What the system says of processes (proc(5), Linux)."""

import os
from pathlib import Path


def children(process: int) -> set[int]:
    """The processes that a process has started."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return {int(one) for thread in threads for one in (thread / "children").read_text().split()}


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended may still wait for its parent to look."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        threads = len(list(Path(f"/proc/{process}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" or threads > 1


def work_s(process: int) -> float:
    """The CPU time of a process, in seconds (utime and stime)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
