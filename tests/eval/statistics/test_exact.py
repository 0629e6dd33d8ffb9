"""Means: exact, rounded once, and never beyond what 64 bits hold."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.statistics import mean, to_millionths
from eval.statistics.exact import multiply
from schemas.scores import PER_UNIT

SCORES = st.lists(st.integers(0, PER_UNIT), min_size=1, max_size=50)


@given(SCORES)
def test_a_mean_is_off_by_half_a_millionth_at_most(scores: list[int]) -> None:
    exact = Fraction(sum(scores), len(scores) * PER_UNIT)
    assert abs(Fraction(mean(np.array(scores))) - exact) <= Fraction(1, 2 * PER_UNIT) + Fraction(1, 10**15)


@given(SCORES, st.randoms())
def test_the_order_of_items_changes_no_mean(scores: list[int], chance: Random) -> None:
    shuffled = sorted(scores, key=lambda _: chance.random())
    assert mean(np.array(shuffled)) == mean(np.array(scores))


@pytest.mark.parametrize(("scores", "expected"), [([0, 1], 0.0), ([1, 2], 2e-6), ([0, -1], 0.0), ([PER_UNIT], 1.0)])
def test_halves_are_rounded_to_even(scores: list[int], expected: float) -> None:
    assert mean(np.array(scores)) == expected


def test_there_is_no_mean_of_nothing() -> None:
    with pytest.raises(ValueError, match="no items"):
        mean(np.array([], np.int64))


def test_a_sum_that_may_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not add up in 64 bits"):
        mean(np.full(4, 2**62))


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1))
def test_scores_read_back_from_units_are_the_same_millionths(scores: list[int]) -> None:
    given_back = to_millionths(np.array([score / PER_UNIT for score in scores]))
    assert given_back.tolist() == scores


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_what_is_no_countable_score_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite, or larger"):
        to_millionths(np.array([0.5, value]))


def test_sums_beyond_what_floats_hold_are_exact_too() -> None:
    weights, sums = np.array([[3.0, 1.0]]), np.array([[2**60 + 1], [7]])
    assert multiply(weights, sums, 2**62).tolist() == [[3 * (2**60 + 1) + 7]]
