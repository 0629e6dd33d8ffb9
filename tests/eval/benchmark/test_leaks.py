"""Whatever an item shares with train is found, and named; and what is counted is what there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.benchmark.leaks import nearest, report_leaks
from eval.benchmark.survey import Candidate, Traces
from pipeline.taxonomy import load_taxonomy
from schemas.benchmark import LeakReport
from schemas.errors import ConfigError, DatasetError
from tests.eval.benchmark.world import DOMESTIC_CAT, HOUSEDOG, SCOOTER, TABBY, TENCH, make_candidate

TRAIN = [make_candidate(number, wnid=(TENCH, HOUSEDOG)[number % 2]).traces for number in range(100, 120)]
ITEM = make_candidate(0)
HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12)


def report(items: list[Candidate], train: list[Traces] = TRAIN, roots: tuple[str, ...] = ()) -> LeakReport:
    return report_leaks(items, train, roots, 3, load_taxonomy())


@given(HASHES, HASHES)
def test_the_nearest_hash_is_found_among_all(hashes: list[int], others: list[int]) -> None:
    distances, places = nearest(np.array(hashes, np.uint64), np.array(others, np.uint64))
    for phash, distance, place in zip(hashes, distances.tolist(), places.tolist(), strict=True):
        all_distances = [(phash ^ other).bit_count() for other in others]
        assert (distance, place) == (min(all_distances), all_distances.index(min(all_distances)))


def test_it_counts_what_was_compared_and_finds_nothing_in_common() -> None:
    items = [ITEM, make_candidate(1, "synset", SCOOTER), make_candidate(2, "subtree", TABBY)]
    found = report(items, roots=(DOMESTIC_CAT,))
    assert found.leaks == 0
    assert (found.train_images, found.train_synsets, found.items) == (20, 2, 3)
    assert found.items_by_level == {"image": 1, "synset": 1, "subtree": 1}
    assert sum(found.nearest_bits.values()) == 3
    assert list(found.nearest_bits) == sorted(found.nearest_bits, key=int)
    assert all(int(bits) > 3 for bits in found.nearest_bits)


def test_an_item_of_the_level_image_may_share_its_class() -> None:
    assert report([ITEM]).shared_synsets == 0


@pytest.mark.parametrize(
    ("item", "seen", "what"),
    [
        (ITEM, {"key": ITEM.key}, "its id"),
        (ITEM, {"sha256": ITEM.traces.sha256}, "its file"),
        (ITEM, {"phash": ITEM.traces.phash}, "its picture"),
        (ITEM, {"phash": ITEM.traces.phash ^ 0b111}, "its picture"),
        (make_candidate(1, "synset", SCOOTER), {"wnid": SCOOTER}, "its class"),
        (make_candidate(1, "subtree", TABBY), {"wnid": TABBY}, "its class"),
        # Persian cat: another class below the same root
        (make_candidate(1, "subtree", TABBY), {"wnid": "n02123394"}, "its held-out subtree"),
    ],
)
def test_what_train_has_seen_is_refused_and_named(item: Candidate, seen: dict[str, Any], what: str) -> None:
    train = [*TRAIN[:7], TRAIN[7]._replace(**seen), *TRAIN[8:]]
    with pytest.raises(DatasetError, match=f"{item.key}, of level {item.level}, shares {what}.* with {train[7].key}"):
        report([make_candidate(50), item], train, (DOMESTIC_CAT,))


def test_four_bits_are_another_picture() -> None:
    train = [TRAIN[0]._replace(phash=ITEM.traces.phash ^ 0b1111)]
    assert report([ITEM], train).nearest_bits == {"4": 1}


@pytest.mark.parametrize("roots", [(), ("n02084071",)])
def test_of_a_subtree_whose_root_nobody_named_nothing_is_proven(roots: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="--holdout-subtree"):
        report([make_candidate(1, "subtree", TABBY)], roots=roots)


def test_without_train_images_nothing_is_near() -> None:
    found = report([ITEM], [])
    assert (found.train_images, found.nearest_bits) == (0, {})
