"""Which photos are copies of which, by fingerprints and embeddings that the tests choose."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.collection.candidates import Candidates, PhotoFile
from pictell.collection.copies import NEAR, Group, Kind, find_copies
from pictell.collection.survey import Photo
from pictell.images.fingerprint import FINGERPRINT_LENGTH
from pictell.images.perceptual_hash import HASH_BYTES
from pictell.index.copies import by_symmetry, turned_distances

D = 16
MORNING = datetime(2024, 6, 1, 9)


def file(name: str, digest: str = "", size: tuple[int, int, int] = (40, 30, 100), **facts: object):
    taken = facts.pop("taken", None)
    return PhotoFile(Photo(Path(name), digest or name, taken), *size, **facts)


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(D).astype(np.float32)
    return vector / np.linalg.norm(vector)


def look(seed: int, flipped: int = 0, level: int = 0, several: bool = False) -> np.ndarray:
    """A fingerprint of a seed, with some bits of the hash and the colours changed."""
    one = np.random.default_rng(seed).integers(0, 100, FINGERPRINT_LENGTH).astype(np.uint8)
    bits = np.unpackbits(one[:HASH_BYTES])
    bits[:flipped] ^= 1
    one[:HASH_BYTES] = np.packbits(bits)
    one[HASH_BYTES:-1] += level
    one[-1] = several
    return one


def candidates(
    files: Sequence[PhotoFile], prints: Sequence[np.ndarray], vectors: Sequence[np.ndarray]
) -> Candidates:
    return Candidates(tuple(files), np.stack(prints), np.stack(vectors).astype(np.float32))


def names(groups: list[Group]) -> list[list[tuple[str, str]]]:
    return [
        [(str(one.best.photo.path), ""), *((str(c.file.photo.path), c.kind) for c in one.copies)]
        for one in groups
    ]


def kind(other: np.ndarray, likeness: float = 0.0, **facts: object) -> Kind | None:
    """What a smaller photo with this fingerprint is of the one with ``look(1)``."""
    first, aside = np.eye(D, dtype=np.float32)[:2]
    vector = likeness * first + np.sqrt(1 - likeness**2) * aside
    best = file("best", size=(80, 60, 100), taken=MORNING)
    found = candidates(
        [file("copy", **{"taken": MORNING} | facts), best], [other, look(1)], [vector, first]
    )
    groups = find_copies(found, Kind.SIMILAR, 0.9)
    return groups[0].copies[0].kind if groups else None


def test_kinds_by_what_differs() -> None:
    assert kind(look(1), digest="best") is Kind.IDENTICAL
    assert kind(look(1, 16, 16)) is Kind.REENCODED
    assert kind(look(1, 16, 16), taken=None) is Kind.REENCODED
    assert kind(look(1, 18)) is Kind.NEAR
    assert kind(look(1, 0, 17)) is Kind.NEAR
    assert kind(look(1), taken=datetime(2024, 6, 1, 9, 0, 1)) is Kind.NEAR
    assert kind(look(1), size=(40, 40, 100)) is Kind.NEAR
    assert kind(look(1, several=True)) is Kind.NEAR
    assert kind(look(2), 0.95) is Kind.SIMILAR
    assert kind(look(2), 0.85) is None


@pytest.mark.parametrize(("bits", "likeness"), NEAR)
def test_hashes_that_differ_more_need_embeddings_that_are_more_alike(
    bits: int, likeness: float
) -> None:
    likeness = max(likeness, 0)
    assert kind(look(1, bits), likeness + 0.01) is Kind.NEAR
    assert kind(look(1, bits + 1), likeness + 0.01) is None


def test_the_widest_kind_limits_what_is_found() -> None:
    files = [file("best", size=(80, 60, 100)), *map(file, "bcde"), file("best copy", "best")]
    files[-1] = file("best copy", "best", (80, 60, 100), changed_s=9)
    prints = [look(1), look(1, 4), look(1, 30), look(9), look(8), look(1)]
    found = candidates(files, prints, [unit(0), unit(1), unit(2), unit(0), unit(4), unit(0)])
    copies = {"best copy": "identical", "b": "re-encoded", "c": "near", "d": "similar"}
    for number, widest in enumerate(Kind, 1):
        expected = [("best", ""), *list(copies.items())[:number]]
        assert names(find_copies(found, widest)) == [expected]


def test_a_chain_of_copies_does_not_join_unlike_photos() -> None:
    files = [file(str(number), size=(100 - number, 75, 100)) for number in range(20)]
    prints = [look(1, 30 * number // 2) for number in range(20)]
    groups = find_copies(candidates(files, prints, [unit(number) for number in range(20)]))
    assert len(groups) > 3
    assert all(len(group.copies) <= 4 for group in groups)


def test_a_copy_belongs_to_the_best_photo_that_it_is_most_like() -> None:
    files = [file("a", size=(90, 60, 9)), file("b", size=(80, 60, 9)), file("c")]
    found = candidates(files, [look(1), look(1, 60), look(1, 32)], np.eye(3))
    assert names(find_copies(found)) == [[("b", ""), ("c", "near")]]


def test_the_best_is_sound_then_large_then_old_then_has_a_short_name() -> None:
    order = [
        file("4 sound", size=(80, 60, 100)),
        file("3 more bytes", size=(40, 30, 200)),
        file("2 old", size=(40, 30, 100), changed_s=1),
        file("1 x", size=(40, 30, 100), changed_s=2),
        file("0 xx", size=(40, 30, 100), changed_s=2),
        file("5 damaged", size=(800, 600, 900), warnings=("damaged",)),
    ]
    for start in range(len(order)):
        left = order[start:]
        if len(left) < 2:
            continue
        found = candidates(left[::-1], [look(1)] * len(left), [unit(0)] * len(left))
        (group,) = find_copies(found)
        assert group.best == left[0]
        assert len(group.copies) == len(left) - 1
        # A larger one that is damaged may have what the best one lacks.
        assert [str(one.photo.path) for one in group.removable()].count("5 damaged") == 0


def test_photos_without_contrast_have_identical_copies_only() -> None:
    blank = look(1)
    blank[:HASH_BYTES] = 0
    files = [file("a"), file("b"), file("c", "a"), file("d")]
    found = candidates(files, [blank, blank, blank, look(1)], [unit(0)] * 4)
    for widest in Kind:
        assert names(find_copies(found, widest)) == [[("a", ""), ("c", "identical")]]


def test_no_photos() -> None:
    empty = Candidates(
        (), np.zeros((0, FINGERPRINT_LENGTH), np.uint8), np.zeros((0, 0), np.float32)
    )
    for widest in Kind:
        assert find_copies(empty, widest) == []


def test_what_no_kind_needs_may_be_missing() -> None:
    files = (file("a"), file("b", "a"), file("c"))
    without = np.zeros((3, 0), np.float32)
    found = Candidates(files, np.zeros((3, 0), np.uint8), without)
    assert names(find_copies(found, Kind.IDENTICAL)) == [[("a", ""), ("b", "identical")]]
    found = Candidates(files, np.stack([look(1), look(1), look(1, 2)]), without)
    (group,) = find_copies(found, Kind.REENCODED)
    assert [one.likeness for one in group.copies] == [1.0, None]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 120), st.integers(0, 4), st.integers(20, 22)),
        max_size=150,
    ),
    st.sampled_from(Kind),
)
def test_groups_are_a_partition_around_their_best(
    rows: list[tuple[int, int, int, int]], widest: Kind
) -> None:
    files = [file(f"{n} {row}", f"{row}", (row[3], 20, 9)) for n, row in enumerate(rows)]
    prints = [look(seed, flipped) for seed, flipped, *_ in rows]
    vectors = [unit(seed) for *_, seed, _ in rows]
    if not rows:
        return
    found = candidates(files, prints, vectors)
    groups = find_copies(found, widest)
    paths = [
        one.photo.path for group in groups for one in (group.best, *(c.file for c in group.copies))
    ]
    assert len(paths) == len(set(paths))
    number = {one.photo.path: n for n, one in enumerate(files)}
    twins = {one.photo.digest for one in files if one.photo.path not in paths}
    assert not twins & {one.photo.digest for one in files if one.photo.path in paths}
    for group in groups:
        best = number[group.best.photo.path]
        for copy in group.copies:
            other = number[copy.file.photo.path]
            hashes = by_symmetry(np.stack([prints[best], prints[other]])[:, :HASH_BYTES])
            bits = int(turned_distances(hashes, hashes)[0, 1])
            likeness = float(vectors[best] @ vectors[other])
            assert list(Kind).index(copy.kind) <= list(Kind).index(widest)
            assert {
                Kind.IDENTICAL: files[best].photo.digest == files[other].photo.digest,
                Kind.REENCODED: bits <= 16,
                Kind.NEAR: any(bits <= most and likeness >= least for most, least in NEAR),
                Kind.SIMILAR: likeness >= 0.87,
            }[copy.kind]
