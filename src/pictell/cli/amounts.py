"""Numbers as a person says them."""

from __future__ import annotations


def pictures(number: int) -> str:
    """A number of pictures: ``1 picture``, ``1,200 pictures``."""
    return f"{number:,} picture{'' if number == 1 else 's'}"


def photos(number: int) -> str:
    """A number of pictures of a collection: ``1 photo``, ``1,200 photos``."""
    return f"{number:,} photo{'' if number == 1 else 's'}"


def files(number: int) -> str:
    """A number of files: ``1 file``, ``1,200 files``."""
    return f"{number:,} file{'' if number == 1 else 's'}"


def damaged(number: int) -> str:
    """How many pictures have a warning: ``2 pictures are damaged or truncated``."""
    return f"{pictures(number)} {'is' if number == 1 else 'are'} damaged or truncated"


def rows(number: int) -> str:
    """A number of rows: ``1 row``, ``1,200 rows``."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds, minutes, or hours and minutes."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(n_bytes: float) -> str:
    """Bytes in the unit that fits, to three digits."""
    units = ("bytes", "kB", "MB", "GB", "TB")
    # Rounded first: 999,999 bytes are 1 MB.
    digits = len(str(int(float(f"{n_bytes:.3g}"))))
    power = min((digits - 1) // 3, len(units) - 1)
    return f"{n_bytes / 1000**power:.3g} {units[power]}"
