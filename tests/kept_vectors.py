"""Vectors that an index keeps, and what a user without rights may write."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

Vectors = dict[str, NDArray[np.float32]]
D = 1280


def vector(key: str, size: int = D) -> NDArray[np.float32]:
    """A vector that only this key has."""
    seed = np.frombuffer(key.encode(), np.uint8)
    return np.random.default_rng(seed).standard_normal(size, np.float32)


def vectors(*keys: str) -> Vectors:
    return {key: vector(key) for key in keys}


def assert_same(found: Vectors, expected: Vectors) -> None:
    assert found.keys() == expected.keys()
    for key, one in found.items():
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, expected[key])


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root, who may write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
