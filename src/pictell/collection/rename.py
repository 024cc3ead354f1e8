"""Give a file a name that does not exist yet: nothing is ever overwritten."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

# renameat2(2), in the C library of Linux.
AT_FDCWD, RENAME_NOREPLACE = -100, 1
# renamex_np(2), in that of macOS.
RENAME_EXCL = 4
# The file system cannot rename like this, or cannot link.
UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
NO_LINKS = UNSUPPORTED | {errno.EPERM, errno.EMLINK}


def rename_new(source: Path, target: Path) -> None:
    """Rename a file or a link. The system refuses if the target exists, at the moment of renaming.

    Where the file system cannot do that, the target is first a second name of the file. Where it
    has no such links, the target is first an empty file. A process that is killed then leaves both.

    Raises ``FileExistsError``, and ``OSError`` with ``EXDEV`` on two file systems.
    """
    if os.name == "nt":
        source.rename(target)
        return
    call = _system_call()
    if call is None or not call(source, target):
        _link_and_unlink(source, target)


@cache
def _system_call() -> Callable[[Path, Path], bool] | None:
    """The system's call to rename without overwriting; it returns whether it is supported."""
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        name, flags = "renamex_np", RENAME_EXCL
    else:
        name, flags = "renameat2", RENAME_NOREPLACE
    function = getattr(library, name, None)
    if function is None:
        return None
    folder = () if name == "renamex_np" else (AT_FDCWD,)

    def call(source: Path, target: Path) -> bool:
        names = [(*folder, os.fsencode(path)) for path in (source, target)]
        if function(*names[0], *names[1], ctypes.c_uint(flags)) == 0:
            return True
        if (number := ctypes.get_errno()) in UNSUPPORTED:
            return False
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    return call


def _link_and_unlink(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _reserve_and_replace(source, target)
        return
    try:
        source.unlink()
    except OSError:
        # A network file system may report an error after the name is gone.
        if os.path.lexists(source):
            target.unlink()
            raise


def _reserve_and_replace(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        source.replace(target)
    except OSError:
        if os.path.lexists(source) and target.lstat().st_size == 0:
            target.unlink()
        raise
