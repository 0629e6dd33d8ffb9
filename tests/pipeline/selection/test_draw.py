"""The draw is water-filling, and depends on nothing but queues, verdicts and target."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.selection.draw import Verdict, draw
from schemas.rejection import RejectReason

QUEUE_SIZES = st.lists(st.integers(min_value=1, max_value=12), min_size=1, max_size=8)


def make_queues(sizes: list[int]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end, dtype=np.int64) for size, end in zip(sizes, ends, strict=True)]


def good(row: int) -> bytes:
    return hashlib.sha256(str(row).encode()).digest()


@st.composite
def collections(draw_from: st.DrawFn) -> tuple[list[int], dict[int, Verdict]]:
    """Class sizes and a verdict for every row: usable, faulty, or the bytes of one of a few shared pictures."""
    sizes = draw_from(QUEUE_SIZES)
    verdict = st.one_of(
        st.just(RejectReason.TOO_SMALL), st.integers(min_value=-3, max_value=-1).map(good), st.just(None)
    )
    drawn = draw_from(st.lists(verdict, min_size=sum(sizes), max_size=sum(sizes)))
    return sizes, {row: good(row) if value is None else value for row, value in enumerate(drawn)}


def fill(sizes: list[int], target: int) -> list[int]:
    """Quotas by the definition of water-filling: raise a common level until the target is met."""
    level = 0
    while sum(min(size, level + 1) for size in sizes) <= target and level < max(sizes):
        level += 1
    quotas = [min(size, level) for size in sizes]
    for position, size in enumerate(sizes):
        if sum(quotas) < target and size > quotas[position]:
            quotas[position] += 1
    return quotas


@given(QUEUE_SIZES, st.integers(min_value=1, max_value=60))
def test_quotas_are_those_of_water_filling(sizes: list[int], target: int) -> None:
    queues = make_queues(sizes)
    accepted = set(draw(queues, {row: good(row) for row in range(sum(sizes))}, target).accepted)
    assert [len(accepted & set(queue.tolist())) for queue in queues] == fill(sizes, target)


@given(collections(), st.integers(min_value=1, max_value=60))
def test_a_smaller_target_is_a_prefix_of_a_larger_one(
    collection: tuple[list[int], dict[int, Verdict]], target: int
) -> None:
    sizes, verdicts = collection
    smaller, larger = (draw(make_queues(sizes), verdicts, size) for size in (target, target + 7))
    assert larger.accepted[: len(smaller.accepted)] == smaller.accepted
    assert larger.rejected[: len(smaller.rejected)] == smaller.rejected


@given(collections(), st.integers(min_value=1, max_value=60))
def test_screening_on_demand_ends_in_the_draw_that_knew_everything(
    collection: tuple[list[int], dict[int, Verdict]], target: int
) -> None:
    sizes, verdicts = collection
    known: dict[int, Verdict] = {}
    while unknown := draw(make_queues(sizes), known, target).unknown:
        known |= {row: verdicts[row] for row in unknown}
    assert draw(make_queues(sizes), known, target) == draw(make_queues(sizes), verdicts, target)


@given(collections(), st.integers(min_value=1, max_value=60))
def test_nothing_is_drawn_twice_and_nothing_faulty_is_drawn(
    collection: tuple[list[int], dict[int, Verdict]], target: int
) -> None:
    sizes, verdicts = collection
    result = draw(make_queues(sizes), verdicts, target)
    contents = [verdicts[row] for row in result.accepted]
    assert all(isinstance(content, bytes) for content in contents)
    assert len(set(contents)) == len(contents)
    seen = [*result.accepted, *(row for row, _, _ in result.rejected)]
    assert len(set(seen)) == len(seen)


@given(collections())
def test_the_target_is_met_unless_the_good_ones_are_exhausted(
    collection: tuple[list[int], dict[int, Verdict]],
) -> None:
    sizes, verdicts = collection
    different = {verdict for verdict in verdicts.values() if isinstance(verdict, bytes)}
    assert len(draw(make_queues(sizes), verdicts, 10).accepted) == min(10, len(different))


def test_a_class_goes_on_down_its_queue_after_a_fault() -> None:
    verdicts: dict[int, Verdict] = {0: RejectReason.BLANK, 1: good(1), 2: good(2)}
    result = draw(make_queues([3]), verdicts, 1)
    assert result.accepted == [1]
    assert result.rejected == [(0, RejectReason.BLANK, None)]


def test_an_exact_duplicate_names_the_image_drawn_before_it() -> None:
    verdicts: dict[int, Verdict] = {0: good(0), 1: good(1), 2: good(0), 3: good(3)}
    result = draw(make_queues([2, 2]), verdicts, 4)
    assert result.rejected == [(2, RejectReason.EXACT_DUPLICATE, 0)]


@pytest.mark.parametrize("target", [1, 5, 100])
def test_only_what_is_needed_is_asked_for(target: int) -> None:
    result = draw(make_queues([50, 50, 50]), {}, target)
    assert len(result.unknown) == target
