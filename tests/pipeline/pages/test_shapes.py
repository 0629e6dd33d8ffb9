"""Scales and staircases tell the truth about any numbers."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.pages.shapes import Scale, choose_ticks, draw_steps


@given(st.integers(0, 20_000_000))
def test_ticks_are_whole_round_numbers_that_reach_from_nothing_to_the_largest(largest: int) -> None:
    ticks = choose_ticks(largest)
    assert ticks[0] == 0
    assert ticks[-2] < max(largest, 1) <= ticks[-1]
    assert 2 <= len(ticks) <= 7
    assert all(tick == int(tick) for tick in ticks)
    assert str(int(ticks[1])).strip("0") in ("1", "2", "5")


@example([(3000, 2000), (5, 1)])
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 2000)), min_size=1, max_size=500))
def test_a_staircase_only_falls_and_ends_at_the_last_class(counts: list[tuple[int, int]]) -> None:
    falling = sorted(counts, reverse=True)
    classes = sum(width for _, width in counts)
    path = draw_steps(falling, Scale(0, classes, 0, 500), Scale(0, 3000, 200, 0))
    across = [float(x) for x in re.findall(r"H([0-9.]+)", path)]
    down = [float(y) for y in re.findall(r"(?:V|M[0-9.]+ )([0-9.]+)", path)]
    assert across == sorted(across)
    assert down == sorted(down)
    assert across[-1] == 500
    assert down[-1] == round(200 - falling[-1][0] / 15, 1)
    assert len(path) < 500 / 0.4 * 14 + 100


def test_a_staircase_of_nothing_is_empty() -> None:
    assert draw_steps([], Scale(0, 1, 0, 500), Scale(0, 1, 200, 0)) == ""
