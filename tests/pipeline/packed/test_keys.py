"""Keys are found without reading what members hold, and what is found is read as strictly as everything else."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from pipeline.packed import PackedDataset, open_dataset
from schemas.errors import DatasetError
from tests.pipeline.packing.world import make_world


@pytest.fixture
def dataset(tmp_path: Path) -> PackedDataset:
    world = make_world(tmp_path, train=7, benchmark=2)
    world.pack()
    return open_dataset(world.out)


def test_every_key_is_found_in_order_and_leads_to_its_row(dataset: PackedDataset) -> None:
    for shard in dataset.shards():
        rows = list(dataset.read(shard))
        found = list(dataset.keys(shard))
        assert [key for key, _ in found] == [row.key for row in rows]
        assert [dataset.read_at(shard, place) for _, place in found] == rows


def test_looking_for_keys_reads_no_record(dataset: PackedDataset) -> None:
    shard = dataset.shards()[0]
    path = dataset.root / shard.path
    keys = list(dataset.keys(shard))
    path.write_bytes(path.read_bytes().replace(b'"image_id"', b'"image_no"'))
    assert list(dataset.keys(shard)) == keys
    with pytest.raises(DatasetError, match="has a damaged record"):
        dataset.read_at(shard, keys[0][1])


@pytest.mark.parametrize("size", [b"not a size!", b"-0000001000", b"0_000_00_01"])
def test_a_header_without_a_size_is_damage_with_a_name(size: bytes, dataset: PackedDataset) -> None:
    shard = dataset.shards()[0]
    path = dataset.root / shard.path
    data = bytearray(path.read_bytes())
    data[124:135] = size
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=rf"{path.name}.*has no size.*imagenet-think verify"):
        list(dataset.keys(shard))


def test_a_shard_that_is_cut_gives_the_keys_before_the_cut_and_says_that_some_are_missing(
    dataset: PackedDataset,
) -> None:
    shard = dataset.shards()[0]
    path = dataset.root / shard.path
    keys = list(dataset.keys(shard))
    path.write_bytes(path.read_bytes()[: keys[1][1] + 1024])
    walk = dataset.keys(shard)
    assert list(islice(walk, 2)) == keys[:2]
    with pytest.raises(DatasetError, match=rf"{path.name}: holds 2 images, the manifest says {shard.images}; see"):
        next(walk)
    assert dataset.read_at(shard, keys[0][1]).key == keys[0][0]


def test_a_missing_shard_is_one_line_with_the_remedy(dataset: PackedDataset) -> None:
    shard = dataset.shards()[0]
    (dataset.root / shard.path).unlink()
    with pytest.raises(DatasetError, match=r"is missing; see imagenet-think verify"):
        list(dataset.keys(shard))


def test_a_folder_in_the_place_of_a_file_is_a_missing_file(dataset: PackedDataset) -> None:
    shard = dataset.shards()[0]
    for path in (dataset.root / shard.path, dataset.root / "manifest.json"):
        path.unlink()
        path.mkdir()
    with pytest.raises(DatasetError, match=r"\.tar: is missing; see imagenet-think verify"):
        next(dataset.read(shard))
    with pytest.raises(DatasetError, match=r"manifest\.json: there is no such file"):
        open_dataset(dataset.root)
