from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.packing.layout import Layout, plan_layout

ids = st.sets(st.integers(0, 10**6), max_size=60).map(lambda numbers: [f"n01440764_{number}" for number in numbers])
sizes = st.integers(1, 9)


@given(ids, ids, sizes, st.integers(0, 5))
def test_every_image_has_one_place(train: list[str], others: list[str], size: int, seed: int) -> None:
    benchmark = [image_id.replace("n01440764", "n02104280") for image_id in others]
    layout = plan_layout({"train": train, "benchmark": benchmark}, seed, size)
    places = {layout.locate(image_id) for image_id in train} | {layout.locate(image_id) for image_id in benchmark}
    assert places == {(number, index) for number, shard in enumerate(layout.shards) for index in range(shard.images)}


@given(ids, sizes)
def test_images_are_spread_evenly_over_the_fewest_shards(train: list[str], size: int) -> None:
    shards = plan_layout({"train": train}, 0, size).shards
    counts = [shard.images for shard in shards]
    assert sum(counts) == len(train)
    assert len(shards) == -(-len(train) // size)
    assert not counts or max(counts) - min(counts) <= 1
    assert max(counts, default=0) <= size


@given(ids, sizes, st.randoms(use_true_random=False))
def test_the_order_in_which_images_come_changes_nothing(train: list[str], size: int, random: Random) -> None:
    shuffled = list(train)
    random.shuffle(shuffled)
    assert plan_layout({"train": train}, 3, size) == plan_layout({"train": shuffled}, 3, size)


def test_a_split_lies_in_its_own_shards() -> None:
    layout = plan_layout({"benchmark": ["n01440764_1"], "train": ["n01440764_2", "n01440764_3"]}, 0, 1)
    assert [shard.path for shard in layout.shards] == [
        "data/train-00000-of-00002.tar",
        "data/train-00001-of-00002.tar",
        "data/benchmark-00000-of-00001.tar",
    ]
    assert layout.locate("n01440764_1") == (2, 0)


def test_an_empty_split_has_no_shard() -> None:
    assert [shard.split for shard in plan_layout({"train": ["n01440764_1"], "benchmark": []}, 0, 5).shards] == ["train"]


def test_an_image_that_is_not_packed_has_no_place() -> None:
    assert plan_layout({"train": ["n01440764_1"]}, 0, 5).locate("n01440764_2") is None


def test_another_seed_gives_another_order() -> None:
    train = [f"n01440764_{number}" for number in range(20)]
    assert _order(plan_layout({"train": train}, 0, 20)) != _order(plan_layout({"train": train}, 1, 20))


def _order(layout: Layout) -> list[str]:
    return sorted(layout.positions, key=layout.positions.__getitem__)
