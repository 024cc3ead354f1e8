"""Fixtures for all packages."""

import atexit
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings

# CI runs the same examples every time, every other machine new ones. A busy machine is no failure.
settings.register_profile("pictell", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pictell")

# Tests do not use the models of the user who runs them.
os.environ["PICTELL_MODELS"] = mkdtemp(prefix="pictell-tests-")
atexit.register(shutil.rmtree, os.environ["PICTELL_MODELS"], ignore_errors=True)
os.environ["PICTELL_INDEX"] = str(Path(os.environ["PICTELL_MODELS"], "index.sqlite3"))
os.environ["PICTELL_PHOTO_INDEX"] = str(Path(os.environ["PICTELL_MODELS"], "photos.sqlite3"))
# Nor that user's journals.
os.environ["XDG_DATA_HOME"] = os.environ["PICTELL_MODELS"]
# Nor that user's defaults.
os.environ["PICTELL_CONFIG"] = str(Path(os.environ["PICTELL_MODELS"], "none.toml"))
for variable in (
    "PICTELL_MODEL",
    "PICTELL_MIN_CONFIDENCE",
    "PICTELL_FORMAT",
    "PICTELL_SERVER",
    "PICTELL_TOKEN",
):
    os.environ.pop(variable, None)

SHARED = Path(__file__).parents[1].joinpath("../shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Material for tests that is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def odd(shared: Path) -> Path:
    """Odd and broken pictures."""
    return shared / "images" / "odd"
