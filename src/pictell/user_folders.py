"""The user's folders for what pictell keeps, where the platform has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pictell.errors import UsageError


def cache_folder() -> Path:
    """The folder for what can be fetched or computed again. Raises ``UsageError``."""
    from platformdirs import user_cache_path

    return _found(user_cache_path, "XDG_CACHE_HOME")


def data_folder() -> Path:
    """The folder for what must be kept. Raises ``UsageError``."""
    from platformdirs import user_data_path

    return _found(user_data_path, "XDG_DATA_HOME")


def config_folder() -> Path:
    """The folder for settings. Raises ``UsageError``."""
    from platformdirs import user_config_path

    return _found(user_config_path, "XDG_CONFIG_HOME")


def _found(find: Callable[..., Path], variable: str) -> Path:
    try:
        return find("pictell", appauthor=False)
    except RuntimeError as error:
        raise UsageError(
            f"this user has no home folder: set HOME or {variable} to a folder for pictell's files"
        ) from error
