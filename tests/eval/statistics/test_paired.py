"""Differences: found where there are, not where there are none, and corrected for how many are looked at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.statistics import FLIPS, SIGNIFICANCE, compare_pairs, holm
from schemas.scores import PER_UNIT, Interval

CLASSES = [f"n{number // 3:08}" for number in range(120)]
"""Forty classes of three items."""


def make_differences(shift: float, *, seed: int = 0, pairs: int = 1) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Differences that all items of a class share, around a true one."""
    common = np.random.default_rng(seed).standard_normal((40, pairs)).repeat(3, axis=0)
    return np.rint((shift + 0.1 * common) * PER_UNIT).astype(np.int64)


def test_equal_models_do_not_differ() -> None:
    (found,) = compare_pairs(CLASSES, np.zeros((120, 1), np.int64))
    assert found == (0.0, Interval(low=0.0, high=0.0), 1.0)


def test_a_clear_difference_has_the_smallest_p_value_there_is() -> None:
    (found,) = compare_pairs(CLASSES, make_differences(0.2))
    assert found.p == 1 / (FLIPS + 1)
    assert 0.1 < found.interval.low < found.value < found.interval.high < 0.3


def test_to_swap_the_models_turns_the_sign_and_nothing_else() -> None:
    differences = make_differences(0.02)
    (one,), (other,) = compare_pairs(CLASSES, differences), compare_pairs(CLASSES, -differences)
    assert (other.value, other.p) == (-one.value, one.p)
    assert other.interval == Interval(low=-one.interval.high, high=-one.interval.low)


def test_the_p_value_is_the_share_of_all_flips_that_go_as_far() -> None:
    sums = [3, 5, 2, -1, 4, 6]
    flips = [abs(sum(map(int.__mul__, sums, signs))) for signs in itertools.product((1, -1), repeat=6)]
    exact = sum(each >= abs(sum(sums)) for each in flips) / len(flips)
    (found,) = compare_pairs([str(number) for number in range(6)], np.array(sums)[:, None])
    assert found.p == pytest.approx(exact, abs=0.01)


def test_one_class_cannot_show_a_difference() -> None:
    (found,) = compare_pairs(["a"] * 50, np.full((50, 1), PER_UNIT))
    assert found.p == 1.0


def test_items_alike_are_not_taken_for_many_witnesses() -> None:
    differences = np.repeat(np.array([4, 4, 4, -1, -1]) * 100_000, 100)[:, None]
    by_class = compare_pairs([str(number // 100) for number in range(500)], differences)
    item_by_item = compare_pairs([str(number) for number in range(500)], differences)
    assert by_class[0].p > 0.1
    assert item_by_item[0].p < 0.001


def test_pairs_are_compared_as_if_each_were_alone() -> None:
    differences = make_differences(0.02, pairs=3)
    together = compare_pairs(CLASSES, differences)
    assert together == [compare_pairs(CLASSES, differences[:, [pair]])[0] for pair in range(3)]


def test_equal_models_are_seldom_called_different() -> None:
    found = compare_pairs(CLASSES, make_differences(0.0, seed=5, pairs=1000))
    share = sum(each.p < SIGNIFICANCE for each in found) / 1000
    assert 0.03 < share < 0.07


def test_holm_multiplies_the_smallest_by_all_and_the_next_by_one_less() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_makes_nothing_smaller(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= each <= 1 for p, each in zip(p_values, adjusted, strict=True))
    assert [each for _, each in sorted(zip(p_values, adjusted, strict=True))] == sorted(adjusted)
