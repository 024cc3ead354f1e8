"""What the system says of processes (proc(5), Linux)."""

import os
from contextlib import suppress
from pathlib import Path


def children(process: int) -> set[int]:
    """The processes that a process has started."""
    found = set[int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if int(_fields(stat)[1]) == process:
                found.add(int(stat.parent.name))
    return found


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended may still wait for its parent to look."""
    try:
        state = _fields(Path(f"/proc/{process}/stat"))[0]
        threads = len(list(Path(f"/proc/{process}/task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" or threads > 1


def work_s(process: int) -> float:
    """The CPU time of a process, in seconds (utime and stime)."""
    fields = _fields(Path(f"/proc/{process}/stat"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _fields(stat: Path) -> list[str]:
    """State, parent and so on: what follows the name of the program."""
    return stat.read_text().rpartition(")")[2].split()


def cgroups(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    """Write what Linux says of a process's cgroups, ``own``, and their files."""
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "cgroups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
