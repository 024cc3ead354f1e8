"""How much memory this process may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pictell.cgroups import own_cgroups

# Assumed where the system does not say how much it has, such as on Windows.
ASSUMED_MEMORY = 4 * 1024**3
# Documentation/admin-guide/cgroup-v2.rst, "memory.max" and "memory.high"; for version 1
# Documentation/admin-guide/cgroup-v1/memory.rst.
_CGROUP_FILES = ("memory.max", "memory.high", "memory.limit_in_bytes")


def available_memory() -> int:
    """The memory that this process may use if nothing else uses any, in bytes.

    That is the memory of the machine, or less by a cgroup, ``ulimit -v`` or ``ulimit -d``.
    """
    limits = [limit for folder in own_cgroups("memory") for limit in _cgroup_limits(folder)]
    return min([_machine_memory(), *limits, *_process_limits()])


def can_allocate(n_bytes: int) -> bool:
    """Whether this process could allocate some memory now. The memory is not touched."""
    import numpy as np

    try:
        np.empty(n_bytes, np.uint8)
    except (MemoryError, ValueError):  # ValueError: more than any address
        return False
    return True


@contextmanager
def saying_out_of_memory(n_bytes: int) -> Iterator[None]:
    """Raise ``MemoryError`` for another exception in the block if ``n_bytes`` are not available.

    For work that needs so much and that may not say why it failed.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if can_allocate(n_bytes):
            raise
        raise MemoryError from error


def give_back_freed() -> None:
    """Give memory that was freed back to the system.

    glibc keeps what a thread has freed for that thread, up to hundreds of megabytes for each.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(AttributeError):  # other C libraries have no such function, and no such need
            ctypes.CDLL(None).malloc_trim(0)  # malloc_trim(3)


def _machine_memory() -> int:
    with suppress(AttributeError, OSError, ValueError):  # Windows has no such call
        pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        if pages > 0 and page_size > 0:
            return pages * page_size
    return ASSUMED_MEMORY


def _cgroup_limits(folder: Path) -> Iterator[int]:
    for name in _CGROUP_FILES:
        with suppress(OSError, ValueError):  # "max" stands for no limit
            if (limit := int((folder / name).read_text())) > 0:
                yield limit


def _process_limits() -> Iterator[int]:
    if sys.platform == "win32":
        return
    import resource

    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield soft
