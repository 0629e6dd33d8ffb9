"""The draw depends on nothing but candidates, what they are, and whose turn it is."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.selection.draw import Draw, Field, draw
from pipeline.selection.turns import Turns
from pipeline.selection.windows import STRATA, UNKNOWN, UNUSABLE, WINDOW, WINDOW_PICKS, States
from schemas.config import DomainShare

TARGETS = st.integers(min_value=1, max_value=150)


@dataclasses.dataclass(frozen=True)
class World:
    """Classes of candidates: the truth about each, and which content each has."""

    sizes: list[int]
    truth: list[int]
    contents: list[int]
    balanced: bool

    def draw(self, target: int, known: States | None = None) -> Draw:
        states = np.array(self.truth, np.int8) if known is None else known
        first = [(3 * number + 1) % STRATA for number in range(len(self.sizes))] if self.balanced else None
        starts = [0, *itertools.accumulate(self.sizes)]
        turns = Turns(self.sizes, 0.0, ["animal"] * len(self.sizes), {})
        return draw(Field(starts, first, states, self.digest), turns, target)

    def digest(self, position: int) -> bytes:
        assert self.truth[position] < STRATA, "only usable candidates have been read"
        return hashlib.sha256(str(self.contents[position]).encode()).digest()


@st.composite
def worlds(draw_from: st.DrawFn) -> World:
    """Usable pictures of all strata, faults, and pictures that share a content."""
    sizes = draw_from(st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=5))
    total = sum(sizes)
    kinds = st.sampled_from([0, 1, 2, 0, 1, 2, UNUSABLE])
    truth = draw_from(st.lists(kinds, min_size=total, max_size=total))
    twins = draw_from(st.lists(st.integers(min_value=0, max_value=9), min_size=total, max_size=total))
    contents = [twin if twin < 4 else 100 + position for position, twin in enumerate(twins)]
    return World(sizes, truth, contents, draw_from(st.booleans()))


def plain(sizes: list[int], *, balanced: bool = True, seed: int = 0) -> World:
    """Only usable pictures, all different, of random strata."""
    total = sum(sizes)
    truth = np.random.default_rng(seed).integers(0, STRATA, total).tolist()
    return World(sizes, truth, list(range(total)), balanced)


@given(worlds(), TARGETS, TARGETS)
def test_a_smaller_target_is_a_prefix_of_a_larger_one(world: World, one: int, other: int) -> None:
    smaller, larger = (world.draw(target) for target in sorted((one, other)))
    assert larger.accepted[: len(smaller.accepted)] == smaller.accepted
    assert larger.rejected[: len(smaller.rejected)] == smaller.rejected
    assert all(before <= after for before, after in zip(smaller.reached, larger.reached, strict=True))
    assert smaller.twins.items() <= larger.twins.items()


@given(worlds(), TARGETS, st.data())
@settings(deadline=None)
def test_screening_on_demand_ends_in_the_draw_that_knew_everything(
    world: World, target: int, data: st.DataObject
) -> None:
    truth = np.array(world.truth, np.int8)
    # what an earlier run, a pilot or a reserve has looked at plays no role
    seen = data.draw(st.lists(st.booleans(), min_size=len(truth), max_size=len(truth)))
    known = np.where(seen, truth, np.int8(UNKNOWN))
    while unknown := world.draw(target, known).unknown:
        known[list(unknown)] = truth[list(unknown)]
    assert world.draw(target, known) == world.draw(target)


@given(worlds(), TARGETS)
def test_nothing_is_drawn_twice_and_nothing_faulty_is_drawn(world: World, target: int) -> None:
    result = world.draw(target)
    assert all(world.truth[position] < STRATA for position in result.accepted)
    contents = [world.contents[position] for position in result.accepted]
    assert len(set(contents)) == len(contents)
    seen = [*result.accepted, *result.rejected]
    assert len(set(seen)) == len(seen)


@given(worlds(), TARGETS)
def test_whoever_is_rejected_deserves_it(world: World, target: int) -> None:
    result = world.draw(target)
    place = {position: number for number, position in enumerate(result.accepted)}
    for position in result.rejected:
        if position in result.twins:
            assert world.contents[position] == world.contents[result.twins[position]]
            assert result.twins[position] in place
        else:
            assert world.truth[position] == UNUSABLE


@given(worlds(), TARGETS)
def test_the_target_is_met_unless_the_good_ones_are_exhausted(world: World, target: int) -> None:
    usable = [content for content, state in zip(world.contents, world.truth, strict=True) if state < STRATA]
    assert len(world.draw(target).accepted) == min(target, len(set(usable)))


@given(worlds(), TARGETS)
def test_all_that_was_drawn_or_rejected_was_reached(world: World, target: int) -> None:
    result = world.draw(target)
    starts = [0, *itertools.accumulate(world.sizes)]
    for start, stop, reached in zip(starts, starts[1:], result.reached, strict=False):
        met = [position for position in (*result.accepted, *result.rejected) if start <= position < stop]
        assert all(position < reached for position in met)
        # and every fault on the way is told
        faults = [position for position in range(start, reached) if world.truth[position] == UNUSABLE]
        assert set(faults) <= set(met)


def test_three_of_every_twelve_are_drawn_one_of_each_stratum() -> None:
    rng = np.random.default_rng(0)
    truth = [state for _ in range(50) for state in rng.permutation(np.arange(WINDOW) % STRATA).tolist()]
    world = dataclasses.replace(plain([600]), truth=truth)
    result = world.draw(90)
    strata = [world.truth[position] for position in result.accepted]
    assert strata == [number % STRATA for number in range(1, 91)]
    windows = [position // WINDOW for position in result.accepted]
    assert windows == [number // WINDOW_PICKS for number in range(90)]


def test_terciles_are_balanced_where_there_are_enough_pictures() -> None:
    world = plain([400] * 20)
    strata = [world.truth[position] for position in world.draw(600).accepted]
    assert [strata.count(stratum) for stratum in range(STRATA)] == pytest.approx([200, 200, 200], abs=6)


def test_a_missing_stratum_is_made_up_for_by_the_smallest_ranks() -> None:
    world = dataclasses.replace(plain([24]), truth=[0] * 24)
    assert list(world.draw(6).accepted) == [0, 1, 2, 12, 13, 14]


def test_what_the_windows_left_over_follows() -> None:
    world = plain([30])
    result = world.draw(30)
    assert sorted(result.accepted) == list(range(30))
    assert [position // WINDOW for position in result.accepted[:9]] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_without_balance_the_smallest_ranks_are_drawn() -> None:
    assert list(plain([50], balanced=False).draw(20).accepted) == list(range(20))


@pytest.mark.parametrize(("balanced", "asked"), [(True, [WINDOW, 4 * WINDOW]), (False, [1, 10])])
def test_only_what_is_needed_is_asked_for(balanced: bool, asked: list[int]) -> None:
    world = plain([500, 500, 500], balanced=balanced)
    for quota, each in zip((1, 10), asked, strict=True):
        result = world.draw(3 * quota, np.full(1500, UNKNOWN, np.int8))
        assert len(result.unknown) == 3 * each


def test_a_class_goes_on_after_a_fault() -> None:
    world = World([3], [UNUSABLE, 0, 1], [0, 1, 2], balanced=False)
    result = world.draw(1)
    assert (list(result.accepted), list(result.rejected)) == ([1], [0])


def test_an_exact_duplicate_names_the_image_drawn_before_it() -> None:
    world = World([2, 2], [0, 0, 0, 0], [7, 1, 7, 3], balanced=False)
    result = world.draw(4)
    assert (list(result.accepted), list(result.rejected), result.twins) == ([0, 3, 1], [2], {2: 0})


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize(("animals", "held_back"), [(2, False), (20, True)])
def test_caps_are_to_blame_only_when_images_are_left(animals: int, held_back: bool, balanced: bool) -> None:
    sizes, domains = [animals, 2], ["animal", "food"]
    field = Field([0, animals, animals + 2], [0, 0] if balanced else None, np.zeros(animals + 2, np.int8), _digest)
    result = draw(field, Turns(sizes, 0.0, domains, {"animal": DomainShare(cap=0.4)}), 30)
    assert (len(result.accepted), result.held_back) == (4, held_back)


def _digest(position: int) -> bytes:
    return position.to_bytes(32)
