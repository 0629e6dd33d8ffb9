from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.packed import open_dataset
from pipeline.packing.statistics import Tally, Tallying, add_up, compute_statistics, distribution
from schemas.record import ThinkRecord
from tests.pipeline.packing.varied import make_varied_world
from tests.pipeline.packing.world import GLM, KIMI


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[ThinkRecord]:
    world = make_varied_world(tmp_path_factory.mktemp("varied"))
    world.pack()
    dataset = open_dataset(world.out)
    return [row.record for shard in dataset.shards() for row in dataset.read(shard)]


def tally(records: list[ThinkRecord]) -> Tally:
    tallying = Tallying()
    for record in records:
        tallying.add(record)
    return tallying.result()


@given(st.randoms(use_true_random=False), st.integers(min_value=1, max_value=20))
def test_the_tallies_of_any_partition_add_up_to_that_of_the_whole(
    records: list[ThinkRecord], rng: random.Random, parts: int
) -> None:
    piles: list[list[ThinkRecord]] = [[] for _ in range(parts)]
    for record in rng.sample(records, len(records)):
        rng.choice(piles).append(record)
    whole, added = tally(records), add_up(map(tally, piles))
    assert json.dumps(added) == json.dumps(whole)  # in the same order, too


def test_a_tally_survives_json(records: list[ThinkRecord]) -> None:
    """Receipts of finished shards hold them."""
    whole = tally(records)
    assert json.loads(json.dumps(whole)) == whole


def test_nothing_counted_is_nothing(records: list[ThinkRecord]) -> None:
    assert tally([]) == {}
    assert add_up([{}, tally(records), {}]) == tally(records)


@given(st.lists(st.integers(min_value=0, max_value=50), min_size=1, max_size=400))
def test_quantiles_are_those_of_the_inverted_distribution_function(values: list[int]) -> None:
    found = distribution(Counter(values))
    quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95, 0.99], method="inverted_cdf").tolist()
    assert [found.p05, found.p25, found.p50, found.p75, found.p95, found.p99] == quantiles
    assert (found.minimum, found.maximum) == (min(values), max(values))
    assert (found.count, found.total) == (len(values), sum(values))


@pytest.mark.parametrize("hundreds", [1, 7, 10_000])
def test_a_quantile_that_a_value_just_reaches_is_that_value(hundreds: int) -> None:
    """Five hundredths of the values are 0: no more are needed for the fifth percentile to be 0, one less is too few."""
    of = 100 * hundreds
    assert distribution({0: 5 * hundreds, 1: of - 5 * hundreds}).p05 == 0
    assert distribution({0: 5 * hundreds - 1, 1: of - 5 * hundreds + 1}).p05 == 1
    assert distribution({0: 99 * hundreds, 1: hundreds}).p99 == 0


def test_tables_without_an_order_of_their_own_begin_with_the_largest(records: list[ThinkRecord]) -> None:
    statistics = compute_statistics(tally(records), [GLM, KIMI])
    for counts in (statistics.domains, statistics.holdouts, statistics.source_formats, statistics.image_encodings):
        assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert list(statistics.splits) == ["train", "benchmark"]
    assert list(statistics.strata) == ["low", "middle", "high"]
    assert [int(depth) for depth in statistics.depths] == sorted(map(int, statistics.depths))


def test_statistics_stand_beside_the_shards_whatever_was_kept_of_an_earlier_start(tmp_path: Path) -> None:
    """The tally of a shard that is not written again comes from its receipt."""
    world = make_varied_world(tmp_path)
    world.pack()
    before = (world.out / "statistics.json").read_bytes()
    next(world.out.glob("data/train-*.tar")).unlink()
    (world.out / "statistics.json").unlink()
    world.pack()
    assert (world.out / "statistics.json").read_bytes() == before
