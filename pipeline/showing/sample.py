"""Some records from everywhere: every split and every shard gives its share, and only beginnings are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pipeline.packed import PackedDataset, Row
from schemas.image import Split


def sample(dataset: PackedDataset, split: Split | None, limit: int) -> Iterator[Row]:
    """The first rows of shards, at most ``limit``, in the order of the dataset.

    Splits give equally many, as far as they have them, and so do the shards of a split. Packing orders images by a
    keyed hash, so that the beginning of a shard is a fair draw from it.

    Raises:
        DatasetError: a shard is missing, or damaged at its beginning.
    """
    splits = [each for each in dataset.splits if split in (None, each)]
    held = [dataset.shards(each) for each in splits]
    shares = share_out(limit, [sum(shard.images for shard in shards) for shards in held])
    for shards, share in zip(held, shares, strict=True):
        for shard, count in zip(shards, share_out(share, [shard.images for shard in shards]), strict=True):
            if count:
                yield from islice(dataset.read(shard), count)


def share_out(limit: int, sizes: Sequence[int]) -> list[int]:
    """How many of ``limit`` each of some holders gives, as evenly as their sizes allow; the first give what is odd."""
    shares = [0] * len(sizes)
    left = limit
    for done, holder in enumerate(sorted(range(len(sizes)), key=lambda each: (sizes[each], each))):
        # the smallest first: what it cannot give is the others' to give
        shares[holder] = min(sizes[holder], -(-left // (len(sizes) - done)))
        left -= shares[holder]
    return shares
