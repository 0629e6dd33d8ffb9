"""Near-duplicate groups equal those of comparing all pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.selection.duplicates import group_near_duplicates

Hashes = npt.NDArray[np.uint64]

HASHES = st.lists(
    st.one_of(
        st.integers(min_value=0, max_value=2**64 - 1),
        # close ones, which random numbers would never give
        st.sets(st.integers(min_value=0, max_value=63), max_size=4).map(lambda bits: sum(1 << bit for bit in bits)),
    ),
    max_size=30,
)


def group_by_brute_force(hashes: Hashes, max_bits: int) -> list[int]:
    groups = np.arange(len(hashes))
    close = np.bitwise_count(hashes[:, None] ^ hashes) <= max_bits
    while True:
        smallest = np.where(close, groups, len(hashes)).min(axis=1, initial=len(hashes))
        if np.array_equal(smallest, groups):
            return groups.tolist()
        groups = smallest


def draw_hashes(seed: int, count: int, ones: list[float]) -> Hashes:
    """Hashes whose bits, the lowest first, are set with the given probabilities."""
    bits = np.random.default_rng(seed).random((count, 64)) < np.array(ones)
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64).ravel()


@given(HASHES, st.integers(min_value=0, max_value=3))
@settings(deadline=None)
def test_groups_are_those_of_comparing_all_pairs(hashes: list[int], max_bits: int) -> None:
    array = np.array(hashes, np.uint64)
    assert group_near_duplicates(array, max_bits).tolist() == group_by_brute_force(array, max_bits)


@given(
    st.integers(0, 2**32),
    st.integers(1, 2000),
    st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]), min_size=64, max_size=64),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=30)
def test_crowds_are_grouped_as_by_comparing_all_pairs(seed: int, count: int, ones: list[float], max_bits: int) -> None:
    hashes = draw_hashes(seed, count, ones)
    assert group_near_duplicates(hashes, max_bits).tolist() == group_by_brute_force(hashes, max_bits)


CROWDS = {
    "one band holds all bits": [0.5] * 16 + [0.0] * 48,
    "every other bit is the same": [0.5, 1.0] * 32,
    "one band is the same": [0.0] * 16 + [0.5] * 48,
    "hardly any bit is set": [0.05] * 64,
    "a dense cube of few bits": [0.5] * 11 + [0.0] * 53,
    "a dense cube spread over all bands": ([0.5] + [0.0] * 4) * 12 + [0.0] * 4,
    "a thin cube beside random bits": [0.5] * 8 + [0.01] * 56,
}


@pytest.mark.parametrize("max_bits", [0, 1, 2, 3])
@pytest.mark.parametrize("crowd", CROWDS)
def test_crowded_bands_lose_no_pair_and_add_none(crowd: str, max_bits: int) -> None:
    hashes = draw_hashes(max_bits, 3000, CROWDS[crowd])
    assert group_near_duplicates(hashes, max_bits).tolist() == group_by_brute_force(hashes, max_bits)


def test_codes_whose_words_stand_just_too_far_apart_stay_apart() -> None:
    """Words of even weight, each written twice: any two differ in four bits or more."""
    words = [number for number in range(2**11) if number.bit_count() % 2 == 0]
    code = np.array([word | word << 30 for word in words], np.uint64)
    assert group_near_duplicates(code, 3).tolist() == list(range(len(code)))
    linked = np.array([word | word << 30 for word in range(2**11)], np.uint64)
    assert set(group_near_duplicates(linked, 3).tolist()) == {0}


def test_the_order_of_the_hashes_only_renames_groups() -> None:
    hashes = draw_hashes(1, 2000, [0.5] * 14 + [0.01] * 50)
    order = np.random.default_rng(2).permutation(len(hashes))
    plain, shuffled = group_near_duplicates(hashes, 2), group_near_duplicates(hashes[order], 2)
    assert len(set(plain.tolist())) == len(set(shuffled.tolist()))
    assert np.array_equal(plain[order][:, None] == plain[order], shuffled[:, None] == shuffled)


@pytest.mark.parametrize("max_bits", [0, 1, 2, 3])
def test_bits_flipped_in_any_place_are_found(max_bits: int) -> None:
    rng = np.random.default_rng(max_bits)
    for _ in range(200):
        base = int(rng.integers(2**63))
        flipped = base
        for bit in rng.choice(64, max_bits, replace=False):
            flipped ^= 1 << int(bit)
        assert group_near_duplicates(np.array([base, flipped], np.uint64), max_bits).tolist() == [0, 0]


def test_a_quarter_of_a_million_hashes_of_which_many_are_equal_are_no_matter() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 250_000, dtype=np.uint64)
    hashes[200_000:] = hashes[7]
    hashes[100_000:150_000] &= ~np.uint64(0xFFFF)
    groups = group_near_duplicates(hashes, 3)
    assert (groups[200_000:] == 7).all()
    assert len(np.unique(groups)) > 199_000


def test_no_hashes_have_no_groups() -> None:
    assert group_near_duplicates(np.array([], np.uint64), 3).tolist() == []
