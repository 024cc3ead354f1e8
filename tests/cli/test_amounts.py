"""Numbers as a person says them."""

import pytest

from pictell.cli.amounts import duration, pictures, rows, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min"), (3600 * 26, "26 h 0 min")],
)
def test_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (52_400, "52.4 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (37_412_345, "37.4 MB"),
        (10**6, "1 MB"),
        (2e15, "2e+03 TB"),
    ],
)
def test_a_size(n_bytes: float, text: str) -> None:
    assert size(n_bytes) == text


def test_a_number_of_pictures() -> None:
    assert [pictures(1), pictures(1200)] == ["1 picture", "1,200 pictures"]


def test_a_number_of_rows() -> None:
    assert [rows(1), rows(1200)] == ["1 row", "1,200 rows"]
