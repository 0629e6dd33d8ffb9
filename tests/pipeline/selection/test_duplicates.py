"""Near-duplicate groups equal those of comparing all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.selection.duplicates import group_near_duplicates

HASHES = st.lists(
    st.one_of(
        st.integers(min_value=0, max_value=2**64 - 1),
        # close ones, which random numbers would never give
        st.sets(st.integers(min_value=0, max_value=63), max_size=4).map(lambda bits: sum(1 << bit for bit in bits)),
    ),
    max_size=30,
)


def group_by_brute_force(hashes: list[int], max_bits: int) -> list[int]:
    groups = list(range(len(hashes)))
    for _ in hashes:
        for first, a in enumerate(hashes):
            for second, b in enumerate(hashes):
                if (a ^ b).bit_count() <= max_bits:
                    groups[first] = groups[second] = min(groups[first], groups[second])
    return groups


@given(HASHES, st.integers(min_value=0, max_value=3))
@settings(deadline=None)
def test_groups_are_those_of_comparing_all_pairs(hashes: list[int], max_bits: int) -> None:
    found = group_near_duplicates(np.array(hashes, np.uint64), max_bits).tolist()
    assert found == group_by_brute_force(hashes, max_bits)


@pytest.mark.parametrize("max_bits", [0, 1, 2, 3])
def test_bits_flipped_in_any_place_are_found(max_bits: int) -> None:
    rng = np.random.default_rng(max_bits)
    for _ in range(200):
        base = int(rng.integers(2**63))
        flipped = base
        for bit in rng.choice(64, max_bits, replace=False):
            flipped ^= 1 << int(bit)
        assert group_near_duplicates(np.array([base, flipped], np.uint64), max_bits).tolist() == [0, 0]


def test_no_hashes_have_no_groups() -> None:
    assert group_near_duplicates(np.array([], np.uint64), 3).tolist() == []
