"""One record by its key: names of members are looked through, no record is parsed but the one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import takewhile

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.packed import PackedDataset, Row
from pipeline.packing.sidecars import REJECTIONS_FILE
from pipeline.texts import reveal
from schemas.errors import DatasetError
from schemas.image import Split

_NEAR_KEYS = 3
_NEAR = 0.7
"""Share of a key's characters that must be the same, at its two ends, in one that could be meant. One character that is
wrong leaves nine tenths."""


def find_row(dataset: PackedDataset, key: str, split: Split | None = None) -> Row:
    """The row of a key, in a split or anywhere.

    Raises:
        DatasetError: it is not there (the error says whether it was rejected, and names keys that are much like it), or
            a shard is missing or damaged.
    """
    for shard in dataset.shards(split):
        for found, place in dataset.keys(shard):
            if found == key:
                return dataset.read_at(shard, place)
    where = dataset.root if split is None else f"the split {split} of {dataset.root}"
    raise DatasetError(f"{key!a} is not in {where}", _explain(dataset, key, split))


def find_near(key: str, keys: Iterable[str]) -> list[str]:
    """The few keys that are most like one, if any are: those with which it shares the longest beginning and end."""
    likeness = ((-_share_ends(key, each), abs(len(each) - len(key)), each) for each in keys)
    near = (each for each in likeness if -each[0] >= max(1, _NEAR * len(key)))
    return [each for _, _, each in heapq.nsmallest(_NEAR_KEYS, near)]


def _share_ends(one: str, other: str) -> int:
    beginning = _count_same(zip(one, other, strict=False))
    end = _count_same(zip(reversed(one), reversed(other), strict=False))
    return min(beginning + end, len(one), len(other))


def _count_same(pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _explain(dataset: PackedDataset, key: str, split: Split | None) -> str:
    if rejected := _find_rejection(dataset, key):
        return rejected
    keys = (found for shard in dataset.shards(split) for found, _ in dataset.keys(shard))
    if near := find_near(key, keys):
        return f"perhaps you mean {', '.join(map(reveal, near))}"
    return f"imagenet-think show {dataset.root} lists some that are"


def _find_rejection(dataset: PackedDataset, key: str) -> str:
    path = dataset.root / REJECTIONS_FILE
    if not path.is_file() or not key.isascii():  # no id is such a text; Arrow takes none that is no UTF-8
        return ""
    try:
        columns = ["stage", "reason", "detail"]
        rows = pq.read_table(path, columns=columns, filters=[("image_id", "=", key)]).to_pylist()
    except pa.ArrowException as error:
        raise DatasetError(f"{path}: is damaged", f"see imagenet-think verify {dataset.root}") from error
    return "; ".join(reveal(f"it was rejected ({row['stage']}: {row['reason']}, {row['detail']})") for row in rows[-1:])
