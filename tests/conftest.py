"""Fixtures for all rooms."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# What lands must not depend on luck: the same examples every time there, new ones everywhere else.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

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
