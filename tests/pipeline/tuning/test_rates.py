"""Rates hold for the time in which the window was full, whatever the length of the measurement."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.tuning.rates import (
    Attempt,
    deviation,
    full_window,
    percentile,
    seconds_by_image,
    token_rate,
    tokens_by_image,
)


def attempt(began: float, ended: float, tokens: int, image: str = "a", number: int = 1) -> Attempt:
    return Attempt(image, number, began, ended - began, tokens, accepted=True)


def test_the_window_is_full_from_the_first_end_to_the_last_image_start() -> None:
    rows = [attempt(0, 4, 1, "a"), attempt(0, 2, 1, "b"), attempt(2, 7, 1, "c"), attempt(4, 9, 1, "d")]
    assert full_window(rows) == (2, 4)


def test_another_attempt_at_an_image_opens_no_place() -> None:
    rows = [attempt(0, 2, 1, "a"), attempt(3, 8, 1, "b"), attempt(8, 9, 1, "b", number=2)]
    assert full_window(rows) == (2, 3)


def test_with_no_more_images_than_places_the_whole_time_counts() -> None:
    rows = [attempt(0, 4, 30, "a"), attempt(1, 5, 20, "b")]
    assert full_window(rows) == (0, 5)
    assert token_rate(rows) == 10


def test_only_the_part_of_a_text_that_was_written_with_the_window_full_counts() -> None:
    # full from 2 to 4: 2 s of 10 tokens/s, no more of the second, 2 of 5 s of 50 tokens
    rows = [attempt(0, 4, 40, "a"), attempt(0, 2, 99, "b"), attempt(2, 7, 50, "c"), attempt(4, 9, 99, "d")]
    assert token_rate(rows) == pytest.approx((20 + 20) / 2)


def test_an_engine_that_answers_in_no_time_has_no_rate() -> None:
    assert token_rate([attempt(5, 5, 9)]) == 0


@given(
    lanes=st.integers(1, 8),
    speed=st.integers(1, 1000),
    lengths=st.lists(st.integers(1, 100), min_size=16, max_size=60),
)
def test_an_engine_of_steady_speed_is_measured_at_that_speed(lanes: int, speed: int, lengths: list[int]) -> None:
    """Each place writes ``speed`` tokens a second; how long the texts are and how they line up does not matter."""
    free = [0.0] * lanes
    rows = []
    for number, length in enumerate(lengths):
        lane = free.index(min(free))
        rows.append(attempt(free[lane], free[lane] + length, length * speed, str(number)))
        free[lane] += length
    assume(min(row.ended for row in rows) < max(row.began for row in rows))
    assert token_rate(rows) == pytest.approx(lanes * speed)


def test_an_image_costs_all_of_its_attempts() -> None:
    rows = [attempt(0, 1, 10, "a"), attempt(0, 2, 20, "b"), attempt(1, 5, 30, "a", number=2)]
    assert sorted(tokens_by_image(rows)) == [20, 40]
    assert sorted(seconds_by_image(rows)) == [2, 5]


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_a_percentile_is_the_smallest_value_that_reaches_its_share(values: list[int]) -> None:
    found = percentile(values, 0.95)
    assert sum(value <= found for value in values) >= 0.95 * len(values)
    assert sum(value < found for value in values) < 0.95 * len(values)


def test_a_single_value_has_no_spread() -> None:
    assert deviation([7]) == 0
    assert deviation([6, 8]) == pytest.approx(2**0.5)
