"""The choice is the cheapest of the nearly best; the projection says how sure it is."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tuning import Projection, choose_point, project
from tests.pipeline.tuning.points import make_point


def must_project(total: int, gpus: int = 1, **fields: Any) -> Projection:
    projection = project(make_point(**fields), total, gpus)
    assert projection is not None
    return projection


def test_the_smallest_concurrency_within_three_per_cent_of_the_best_is_chosen() -> None:
    points = [make_point(32, 6.0), make_point(64, 9.8), make_point(128, 10.0), make_point(256, 9.9)]
    assert choose_point(points).concurrency == 64
    assert choose_point([make_point(64, 9.69), make_point(128, 10.0)]).concurrency == 128


def test_of_several_batch_limits_at_one_concurrency_the_fastest_is_chosen() -> None:
    points = [make_point(64, 9.8 + limit / 1e5, max_num_batched_tokens=limit) for limit in (4096, 16384, 8192)]
    assert choose_point(points).max_num_batched_tokens == 16384


def test_where_no_pair_was_accepted_tokens_decide() -> None:
    points = [make_point(size, 0.0, accepted=0, tokens_per_second=speed) for size, speed in ((32, 500.0), (64, 900.0))]
    assert choose_point(points).concurrency == 64


def test_hours_are_the_tokens_of_all_images_at_the_points_rate() -> None:
    projection = must_project(36_000, gpus=2, pairs=10.0)
    assert projection.hours.estimate == pytest.approx(1.0)
    assert projection.gpu_hours.estimate == pytest.approx(2.0)
    assert projection.gpu_hours.low == pytest.approx(2 * projection.hours.low)
    assert projection.tail_seconds == 60.0


def test_the_interval_is_two_standard_errors_to_either_side() -> None:
    # 200 / sqrt(100) of 1,000 tokens are 2 %; the sample is next to nothing of the whole
    hours = must_project(36_000_000, pairs=1e4).hours
    assert (hours.low, hours.high) == pytest.approx((1 - 1.96 * 0.02, 1 + 1.96 * 0.02), rel=1e-4)


def test_when_every_image_was_measured_nothing_is_left_to_guess() -> None:
    hours = must_project(100).hours
    assert hours.low == hours.estimate == hours.high


@given(images=st.integers(101, 10**7), spread=st.floats(0, 5000), pairs=st.floats(0.01, 1000))
def test_the_interval_holds_the_estimate_and_shrinks_with_the_spread(images: int, spread: float, pairs: float) -> None:
    wide = must_project(images, pairs=pairs, tokens_deviation=spread).hours
    narrow = must_project(images, pairs=pairs, tokens_deviation=spread / 2).hours
    assert 0 <= wide.low <= narrow.low <= narrow.estimate == wide.estimate <= narrow.high <= wide.high


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    """Samples of skewed lengths, drawn without replacement, against the total that is known here."""
    chance = random.Random(1)
    lengths = [int(chance.lognormvariate(6.5, 0.5)) for _ in range(2000)]
    truth = sum(lengths) / 1000.0 / 3600
    held = 0
    for _ in range(400):
        sample = chance.sample(lengths, 200)
        hours = must_project(
            2000,
            images=200,
            tokens_per_image=statistics.mean(sample),
            tokens_deviation=statistics.stdev(sample),
        ).hours
        held += hours.low <= truth <= hours.high
    assert 0.92 <= held / 400 <= 0.98


def test_nothing_is_foretold_when_nothing_was_written() -> None:
    assert project(make_point(tokens_per_second=0.0), 1000, 1) is None
