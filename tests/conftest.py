"""Fixtures for all rooms."""

from pathlib import Path

import pytest

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
