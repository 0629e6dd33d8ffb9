"""Whose turn it is: fair at every length, and within the domains' bounds at every length."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.selection.turns import Turns, share_out
from schemas.config import DomainShare

SIZES = st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=10)
TARGETS = st.integers(min_value=1, max_value=120)
ALPHAS = st.sampled_from([0.0, 0.3, 0.5, 1.0])
DOMAINS = ("animal", "artifact", "food", "plant")


def share(sizes: list[int], alpha: float, target: int) -> list[int]:
    return share_out(Turns(sizes, alpha, ["animal"] * len(sizes), {}), sizes, target)


def sequence(sizes: list[int], alpha: float, domains: list[str], bounds: dict[str, DomainShare]) -> list[int]:
    """The whole sequence of classes, until all have given all they have or none may go on."""
    turns, left, order = Turns(sizes, alpha, domains, bounds), list(sizes), []
    while (position := turns.next()) is not None:
        if left[position]:
            left[position] -= 1
            order.append(position)
            turns.take()
        else:
            turns.drop()
    return order


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


@given(SIZES, TARGETS)
def test_with_alpha_0_the_shares_are_those_of_water_filling(sizes: list[int], target: int) -> None:
    assert share(sizes, 0.0, target) == fill(sizes, target)


@given(SIZES, ALPHAS, TARGETS)
def test_no_class_would_have_deserved_an_image_more_than_one_that_got_it(
    sizes: list[int], alpha: float, target: int
) -> None:
    shares = share(sizes, alpha, target)
    assert sum(shares) == min(target, sum(sizes))
    last = [(given - 0.5) / size**alpha for given, size in zip(shares, sizes, strict=True) if given]
    following = [(given + 0.5) / size**alpha for given, size in zip(shares, sizes, strict=True) if given < size]
    assert max(last, default=0) <= min(following, default=math.inf)


def test_with_alpha_1_shares_are_proportional() -> None:
    assert share([100, 200, 700], 1.0, 100) == [10, 20, 70]


def test_with_alpha_between_shares_are_proportional_to_that_power() -> None:
    assert share([100, 400, 900], 0.5, 60) == [10, 20, 30]


@given(SIZES, ALPHAS, TARGETS, TARGETS)
def test_a_larger_target_takes_nothing_from_anybody(sizes: list[int], alpha: float, one: int, other: int) -> None:
    smaller, larger = (share(sizes, alpha, target) for target in sorted((one, other)))
    assert all(before <= after for before, after in zip(smaller, larger, strict=True))


@st.composite
def bounds_of_domains(draw: st.DrawFn) -> dict[str, DomainShare]:
    """Bounds of some domains, in hundredths, the floors adding up to 1 at most."""
    left, bounds = 100, {}
    for domain in draw(st.lists(st.sampled_from(DOMAINS), unique=True)):
        floor = draw(st.integers(min_value=0, max_value=left))
        cap = draw(st.integers(min_value=max(floor, 1), max_value=100))
        bounds[domain] = DomainShare(floor=floor / 100, cap=cap / 100)
        left -= floor
    return bounds


@given(
    st.lists(st.tuples(st.integers(min_value=1, max_value=60), st.sampled_from(DOMAINS)), min_size=1, max_size=12),
    ALPHAS,
    bounds_of_domains(),
)
def test_floors_and_caps_hold_at_every_length(
    classes: list[tuple[int, str]], alpha: float, bounds: dict[str, DomainShare]
) -> None:
    sizes, domains = [size for size, _ in classes], [domain for _, domain in classes]
    has = Counter({domain: sum(size for size, other in classes if other == domain) for domain in DOMAINS})
    drawn: Counter[str] = Counter()
    for length, position in enumerate(sequence(sizes, alpha, domains, bounds), 1):
        drawn[domains[position]] += 1
        for domain, bound in bounds.items():
            assert drawn[domain] <= math.ceil(Fraction(str(bound.cap)) * length)
            floor = math.floor(Fraction(str(bound.floor)) * length)
            assert drawn[domain] >= min(floor - 1, has[domain])


@given(st.lists(st.integers(min_value=1, max_value=20), min_size=4, max_size=4), bounds_of_domains())
def test_the_sequence_ends_only_when_caps_leave_nobody(sizes: list[int], bounds: dict[str, DomainShare]) -> None:
    order = sequence(sizes, 0.0, list(DOMAINS), bounds)
    drawn = Counter(DOMAINS[position] for position in order)
    for domain, size in zip(DOMAINS, sizes, strict=True):
        cap = Fraction(str(bounds.get(domain, DomainShare()).cap))
        assert drawn[domain] == size or drawn[domain] >= math.ceil(cap * (len(order) + 1))


def test_a_domain_that_nothing_bounds_gets_what_the_others_may_not_have() -> None:
    order = sequence([50, 50], 0.0, ["animal", "food"], {"animal": DomainShare(cap=0.2)})[:50]
    assert Counter(order) == {0: 10, 1: 40}


def test_a_floor_lifts_a_small_domain() -> None:
    sizes, domains = [40] * 10, ["artifact"] * 9 + ["food"]
    order = sequence(sizes, 0.0, domains, {"food": DomainShare(floor=0.3)})
    assert order[:100].count(9) == 30


@pytest.mark.parametrize("share_as_written", [0.07, 0.29, 0.57, 0.7])
def test_a_share_is_the_decimal_fraction_that_was_written(share_as_written: float) -> None:
    order = sequence([200, 200], 0.0, ["animal", "food"], {"animal": DomainShare(cap=share_as_written)})
    assert order[:100].count(0) == min(50, round(share_as_written * 100))
