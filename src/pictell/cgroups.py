"""The cgroups of this process, by which Linux limits containers and services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# Documentation/admin-guide/cgroup-v2.rst; for version 1 Documentation/admin-guide/cgroup-v1.
OWN_CGROUPS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def own_cgroups(controller: str) -> Iterator[Path]:
    """The folders of this process's cgroups, and of those above them, that have a controller.

    A limit in any of them holds. Folders of version 2 have all controllers. A folder may not exist.
    """
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield folder
