"""Fixtures for all rooms."""

import atexit
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings

# What lands must not depend on luck: the same examples every time there, new ones everywhere else.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Tests never see, nor touch, the models of whoever runs them.
os.environ["PICTELL_MODELS"] = mkdtemp(prefix="pictell-tests-")
atexit.register(shutil.rmtree, os.environ["PICTELL_MODELS"], ignore_errors=True)

SHARED = Path(__file__).parents[1].joinpath("../shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Material for building and testing that is no part of the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def odd(shared: Path) -> Path:
    """Odd and broken pictures."""
    return shared / "images" / "odd"
