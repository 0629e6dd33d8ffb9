"""Items are shared out evenly, and a smaller draw is part of a larger one."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.benchmark.draw import draw, share_out, take_turns
from tests.eval.benchmark.world import HOUSEDOG, TENCH, make_candidate, make_candidates

AVAILABLE = st.lists(st.integers(0, 30), max_size=8)


@given(st.integers(0, 100), AVAILABLE)
def test_shares_add_up_and_none_is_more_than_there_is(size: int, available: list[int]) -> None:
    shares = share_out(size, available)
    assert sum(shares) == min(size, sum(available))
    assert all(0 <= share <= most for share, most in zip(shares, available, strict=True))


@given(st.integers(0, 100), AVAILABLE)
def test_only_who_is_used_up_gets_over_one_less_than_another(size: int, available: list[int]) -> None:
    shares = share_out(size, available)
    short = [share for share, most in zip(shares, available, strict=True) if share < most]
    assert all(share >= max(shares, default=0) - 1 for share in short)


@given(st.integers(0, 100), AVAILABLE)
def test_a_larger_size_takes_nothing_from_anyone(size: int, available: list[int]) -> None:
    fewer, more = share_out(size, available), share_out(size + 1, available)
    assert all(one <= other for one, other in zip(fewer, more, strict=True))


@pytest.mark.parametrize("size", [27, 54])
def test_levels_domains_and_strata_are_even_where_there_are_enough(size: int) -> None:
    drawn = draw(make_candidates(81 * 4), size)
    for key in ("level", "domain", "stratum"):
        assert set(Counter(getattr(item, key) for item in drawn).values()) == {size // 3}


@pytest.mark.parametrize("key", ["domain", "stratum", "wnid"])
def test_what_is_left_over_does_not_always_go_to_the_same(key: str) -> None:
    drawn = draw(make_candidates(81 * 4), 9)
    assert len({getattr(item, key) for item in drawn}) > 1


def test_what_a_level_lacks_the_others_give() -> None:
    drawn = draw([make_candidate(0, "subtree"), *make_candidates(60, ["image", "synset"])], 21)
    assert Counter(item.level for item in drawn) == {"image": 10, "synset": 10, "subtree": 1}


def test_of_fewer_than_were_asked_for_all_are_taken() -> None:
    candidates = make_candidates(5)
    assert sorted(draw(candidates, 9)) == sorted(candidates)


def test_every_draw_is_part_of_the_next_larger_one() -> None:
    candidates = make_candidates(60)
    draws = [set(draw(candidates, size)) for size in range(61)]
    assert all(smaller < larger for smaller, larger in pairwise(draws))


@given(st.randoms(use_true_random=False), st.integers(0, 2**63 - 1))
def test_the_order_of_the_candidates_changes_nothing(chance: random.Random, seed: int) -> None:
    candidates = make_candidates(40)
    shuffled = chance.sample(candidates, len(candidates))
    assert draw(shuffled, 12, seed) == draw(candidates, 12, seed)


def test_classes_take_turns() -> None:
    many = [make_candidate(number) for number in range(9)]
    few = [make_candidate(number, wnid=HOUSEDOG) for number in range(100, 103)]
    classes = [item.wnid for item in take_turns([*many, *few], 0)]
    assert all(set(classes[turn : turn + 2]) == {TENCH, HOUSEDOG} for turn in (0, 2, 4))
    assert classes[6:] == [TENCH] * 6
