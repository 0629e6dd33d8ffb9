"""Intervals: of whole classes, the same for the same items, and as wide as they say."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from eval.statistics import REPLICATES, Resampler, mean, resampling
from eval.statistics.stream import Stream
from schemas.scores import PER_UNIT, Interval


def make_scores(classes: int, of_each: int, *, alike: float, seed: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Scores around a half; ``alike`` is the share of their variance that all items of a class have in common."""
    chance = np.random.default_rng(seed)
    common = np.repeat(chance.standard_normal(classes), of_each) * alike**0.5
    own = chance.standard_normal(classes * of_each) * (1 - alike) ** 0.5
    names = [f"n{number:08}" for number in range(classes) for _ in range(of_each)]
    return names, np.rint((0.5 + 0.1 * (common + own)) * PER_UNIT).astype(np.int64)


def interval_of(names: list[str], scores: npt.NDArray[np.int64], **options: int) -> Interval:
    return Resampler(names, **options).intervals(scores[:, None])[0]


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_the_draws_are_these_under_any_release_of_numpy() -> None:
    assert Stream(0).draw_below(1000, (1, 8)).tolist() == [[636, 269, 40, 16, 813, 912, 606, 729]]
    signs = Stream(1).draw_signs(1, 80)[0, 56:]
    assert "".join("+" if sign > 0 else "-" for sign in signs) == "++-----+-++--++----+-+-+"


def test_draws_are_evenly_spread() -> None:
    counts = np.bincount(Stream(3).draw_below(7, (100, 700)).ravel())
    assert abs(counts - 10_000).max() < 400  # four standard deviations


def test_an_interval_of_few_classes_is_that_of_all_their_draws() -> None:
    scores = {"a": [0], "b": [600_000, 600_000], "c": [900_000, 900_000, 900_000]}
    names = [name for name, each in scores.items() for _ in each]
    draws = [
        sum(sum(scores[name]) for name in drawn) / sum(len(scores[name]) for name in drawn) / PER_UNIT
        for drawn in itertools.product(scores, repeat=3)
    ]
    interval = interval_of(names, np.array([value for each in scores.values() for value in each]), replicates=20_000)
    assert interval == Interval(low=round(min(draws), 6), high=round(max(draws), 6))  # 1/27 at each end


def test_items_alike_within_their_class_make_the_interval_wider() -> None:
    names, scores = make_scores(200, 10, alike=0.9, seed=1)
    item_by_item = interval_of([str(number) for number in range(len(names))], scores)
    assert width(interval_of(names, scores)) > 2.5 * width(item_by_item)  # theory: sqrt(1 + 9 * 0.9) = 3.0


def test_items_that_have_nothing_in_common_do_not() -> None:
    names, scores = make_scores(400, 5, alike=0.0, seed=2)
    item_by_item = interval_of([str(number) for number in range(len(names))], scores)
    assert 0.85 < width(interval_of(names, scores)) / width(item_by_item) < 1.15


def test_neither_the_order_of_items_nor_the_company_of_columns_matters() -> None:
    names, scores = make_scores(50, 4, alike=0.5, seed=3)
    order = np.random.default_rng(0).permutation(len(names))
    shuffled = Resampler([names[place] for place in order]).intervals(np.stack([scores * 2, scores], axis=1)[order])
    assert shuffled[1] == interval_of(names, scores)


def test_how_many_replicates_are_held_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    names, scores = make_scores(50, 4, alike=0.5, seed=4)
    whole = interval_of(names, scores)
    monkeypatch.setattr(resampling, "_CELLS", 777)
    assert interval_of(names, scores) == whole


def test_scores_too_large_for_floats_are_resampled_exactly() -> None:
    names, scores = make_scores(30, 2, alike=0.5, seed=5)
    ordinary, large = interval_of(names, scores), interval_of(names, scores * 10**9)
    assert (round(large.low / 1e9, 5), round(large.high / 1e9, 5)) == (round(ordinary.low, 5), round(ordinary.high, 5))


def test_one_class_gives_an_interval_without_width() -> None:
    scores = np.array([100_000, 200_000, 600_000])
    assert interval_of(["a", "a", "a"], scores) == Interval(low=mean(scores), high=mean(scores))


def test_one_replicate_is_enough() -> None:
    assert width(interval_of(["a", "b"], np.array([0, PER_UNIT]), replicates=1)) == 0


def test_another_seed_moves_the_ends_by_little() -> None:
    names, scores = make_scores(100, 3, alike=0.3, seed=6)
    found = [interval_of(names, scores, seed=seed) for seed in range(8)]
    lows = [interval.low for interval in found]
    assert max(lows) > min(lows)
    assert max(lows) - min(lows) < 0.1 * width(found[0])


@pytest.mark.parametrize(("names", "shape"), [([], (0, 1)), (["a"], (2, 1)), (["a"], (1,))])
def test_scores_of_other_items_are_refused(names: list[str], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least one item|another shape"):
        Resampler(names).intervals(np.zeros(shape, np.int64))


def test_sums_that_may_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not add up in 64 bits"):
        Resampler(["a", "b"]).intervals(np.full((2, 1), 2**62))


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_nineteen_of_twenty_intervals_hold_the_true_mean(alike: float) -> None:
    held = 0
    for seed in range(400):
        names, scores = make_scores(60, 1 + seed % 5, alike=alike, seed=seed)
        interval = interval_of(names, scores, replicates=REPLICATES // 2)
        held += interval.low <= 0.5 <= interval.high
    assert 0.92 <= held / 400 <= 0.975
