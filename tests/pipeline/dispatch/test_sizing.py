"""Chunks are measured in time: by what workers were seen to do, within the configured bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dispatch.sizing import FIRST_GUESS, Pace, size_chunk
from pipeline.generation.ledger import PartName
from pipeline.generation.view import NewPart
from schemas.config import WorkPoolConfig

SETTINGS = WorkPoolConfig(work_pool="gpu", longest_minutes=100, shortest_minutes=10)


def part(writer: str, began: float, ended: float) -> NewPart:
    return NewPart(PartName(writer * 32, 1, None, "worker"), frozenset(), began, ended)


def test_first_chunks_of_a_teacher_that_nobody_measured_are_short() -> None:
    pace = Pace(None)
    assert size_chunk(SETTINGS, pace, minutes_left=1e6, workers=1) == 10 * FIRST_GUESS
    pace.note(part("a", 0.0, 60.0), settled=6)
    assert size_chunk(SETTINGS, pace, minutes_left=1e6, workers=1) == 100 * 6


def test_what_was_told_holds_until_a_minute_of_work_was_seen() -> None:
    pace = Pace(30.0)
    pace.note(part("a", 1000.0, 1059.0), settled=118)
    assert pace.images_per_minute == 30.0
    pace.note(part("a", 1058.0, 1060.0), settled=2)
    assert pace.images_per_minute == pytest.approx(120.0)


def test_workers_are_averaged_by_the_time_that_they_worked() -> None:
    pace = Pace(1.0)
    pace.note(part("a", 0.0, 60.0), settled=60)
    pace.note(part("b", 9000.0, 9180.0), settled=60)
    assert pace.images_per_minute == pytest.approx(30.0)


def test_clocks_of_two_workers_are_never_compared() -> None:
    pace = Pace(1.0)
    pace.note(part("a", 0.0, 60.0), settled=60)
    pace.note(part("b", 1e9, 1e9 + 60.0), settled=60)
    assert pace.images_per_minute == pytest.approx(60.0)


def test_a_worker_that_settles_nothing_tells_nothing() -> None:
    pace = Pace(30.0)
    pace.note(part("a", 0.0, 600.0), settled=0)
    assert pace.images_per_minute == 30.0


@given(minutes=st.floats(0, 1e6), workers=st.integers(0, 1024), rate=st.floats(0.001, 1e5))
def test_a_chunk_takes_an_even_share_within_the_bounds(minutes: float, workers: int, rate: float) -> None:
    size = size_chunk(SETTINGS, Pace(rate), minutes, workers)
    share = min(max(minutes / max(1, workers), 10), 100)
    assert size >= 1
    assert size == max(1, round(share * rate))
