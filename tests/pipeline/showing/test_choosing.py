"""Records from everywhere, or one by its key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.packed import PackedDataset, open_dataset
from pipeline.showing import find_row, sample
from pipeline.showing.find import find_near
from pipeline.showing.sample import share_out
from pipeline.tars import BLOCK
from schemas.errors import DatasetError
from schemas.rejection import RejectReason
from tests.pipeline.packing.world import TENCH, make_world


@pytest.fixture
def uneven(tmp_path: Path) -> PackedDataset:
    """Three training shards of four, and one of the benchmark that holds two."""
    world = make_world(tmp_path, train=12, benchmark=2)
    world.pack()
    return open_dataset(world.out)


def test_every_split_and_every_shard_gives_its_share(uneven: PackedDataset) -> None:
    rows = list(sample(uneven, None, 8))
    assert Counter(row.record.split for row in rows) == {"train": 6, "benchmark": 2}
    by_shard = [{row.key for row in uneven.read(shard)} for shard in uneven.shards("train")]
    assert [len(keys & {row.key for row in rows}) for keys in by_shard] == [2, 2, 2]


def test_a_sample_is_no_larger_than_asked_for_and_comes_in_the_dataset_s_order(uneven: PackedDataset) -> None:
    everything = [row.key for shard in uneven.shards() for row in uneven.read(shard)]
    for limit in range(1, 16):
        keys = [row.key for row in sample(uneven, None, limit)]
        assert len(keys) == min(limit, 14)
        assert keys == [key for key in everything if key in set(keys)]


def test_a_split_can_be_asked_for_alone(uneven: PackedDataset) -> None:
    assert {row.record.split for row in sample(uneven, "benchmark", 5)} == {"benchmark"}


def test_only_the_beginnings_of_shards_are_read(uneven: PackedDataset) -> None:
    for shard in uneven.shards():
        path = uneven.root / shard.path
        path.write_bytes(path.read_bytes()[: list(uneven.keys(shard))[1][1] + 2 * BLOCK])
    assert len(list(sample(uneven, None, 2))) == 2  # the cut comes just after the first row of each


@given(st.integers(0, 50), st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_shares_are_as_even_as_the_holders_allow(limit: int, sizes: list[int]) -> None:
    shares = share_out(limit, sizes)
    assert sum(shares) == min(limit, sum(sizes))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))
    with_more = [share for share, size in zip(shares, sizes, strict=True) if share < size]
    assert not with_more or max(shares) - min(with_more) <= 1


def test_a_record_is_found_by_its_key(uneven: PackedDataset) -> None:
    for shard in uneven.shards():
        for row in uneven.read(shard):
            assert find_row(uneven, row.key) == find_row(uneven, row.key, shard.split) == row


def test_finding_one_parses_no_other_record(uneven: PackedDataset) -> None:
    shard = uneven.shards()[0]
    rows = list(uneven.read(shard))
    path = uneven.root / shard.path
    places = dict(uneven.keys(shard))
    data = path.read_bytes()
    cut = places[rows[-1].key]
    path.write_bytes(data[:cut].replace(b'"image_id"', b'"image_no"') + data[cut:])
    assert find_row(uneven, rows[-1].key) == rows[-1]


def test_a_key_that_is_not_there_brings_those_that_are_like_it(uneven: PackedDataset) -> None:
    with pytest.raises(
        DatasetError, match=rf"'{TENCH}_1' is not in .*; perhaps you mean {TENCH}_10, {TENCH}_12, {TENCH}_0$"
    ):
        find_row(uneven, f"{TENCH}_1")
    with pytest.raises(DatasetError, match=r"'tench' is not in .*; imagenet-think show .* lists some"):
        find_row(uneven, "tench")
    with pytest.raises(DatasetError, match=rf"'{TENCH}_12' is not in the split train of"):
        find_row(uneven, f"{TENCH}_12", "train")


@pytest.mark.parametrize("key", ["", "\udcff", "写真", "\x1b[2J"])
def test_what_can_be_no_key_is_not_there(key: str, uneven: PackedDataset) -> None:
    with pytest.raises(DatasetError, match=r" is not in .*; imagenet-think show .* lists some") as caught:
        find_row(uneven, key)
    assert str(caught.value).isprintable()


def test_a_key_may_stand_where_a_shard_was_cut_and_is_not_said_to_be_missing(uneven: PackedDataset) -> None:
    shard = uneven.shards()[0]
    *_, (key, last) = uneven.keys(shard)
    path = uneven.root / shard.path
    path.write_bytes(path.read_bytes()[:last])
    with pytest.raises(DatasetError, match=rf"{path.name}: holds 3 images, the manifest says 4; see"):
        find_row(uneven, key)


def test_a_table_of_rejections_that_is_another_s_is_damage(uneven: PackedDataset) -> None:
    pq.write_table(pa.table({"image_id": [f"{TENCH}_5"]}), uneven.root / "rejections.parquet")
    with pytest.raises(DatasetError, match=r"rejections\.parquet: is damaged; see"):
        find_row(uneven, f"{TENCH}_5")


def test_one_wrong_character_anywhere_still_finds_the_key() -> None:
    keys = ["n01440764_10026", "n02104280_977", "n02104280_12"]
    for at in range(len(keys[0])):
        assert find_near(f"{keys[0][:at]}x{keys[0][at + 1 :]}", keys) == keys[:1]
        assert find_near(f"{keys[0][:at]}{keys[0][at + 1 :]}", keys)[0] == keys[0]


def test_a_key_that_was_rejected_brings_the_reason(tmp_path: Path) -> None:
    world = make_world(tmp_path, train=4, benchmark=1)
    (kept, lost) = (world.images[0].ref.image_id, world.images[2].ref.image_id)
    results = world.results[0]
    results.completions = [each for each in results.completions if each.image_id != lost]
    results.faults = {lost: (RejectReason.TRUNCATED, "never \x1b[2J ended")}
    world.pack()
    dataset = open_dataset(world.out)
    assert find_row(dataset, kept).key == kept
    with pytest.raises(DatasetError) as caught:
        find_row(dataset, lost)
    assert str(caught.value).endswith(r"; it was rejected (pack: truncated, never \x1b[2J ended)")
