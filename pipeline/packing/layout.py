"""Which image lies where: the order inside a split and the cut into shards. Nothing is read or written here."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from schemas.identity import rank
from schemas.image import SPLITS, Split

DATA_DIRECTORY = "data"

MEND_SHARD = "remove it and pack again, or fetch it again"
"""What to do about a damaged shard; packing writes one again that is gone or of another size, and reads no other."""


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One shard that is to be: its name, and the run of positions it holds."""

    split: Split
    number: int
    of: int
    start: int
    """Position of its first image, counted over all splits."""
    images: int

    @property
    def name(self) -> str:
        """File name without the suffix, e.g. ``train-00000-of-00128``."""
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}"

    @property
    def path(self) -> str:
        """Path in the dataset."""
        return f"{DATA_DIRECTORY}/{self.name}.tar"


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of every packed image."""

    shards: tuple[ShardPlan, ...]
    positions: Mapping[str, int]
    """By image id, over all splits."""

    def locate(self, image_id: str) -> tuple[int, int] | None:
        """Number of the shard in ``shards`` and the image's index in it; ``None`` when the image is not packed."""
        position = self.positions.get(image_id)
        if position is None:
            return None
        shard = bisect.bisect_right(self.shards, position, key=_start) - 1
        return shard, position - self.shards[shard].start


def plan_layout(ids: Mapping[Split, Iterable[str]], seed: int, images_per_shard: int) -> Layout:
    """Shuffle each split by keyed hash and cut it into the fewest shards, evenly.

    A split without images gets no shard.
    """
    shards: list[ShardPlan] = []
    positions: dict[str, int] = {}
    for split in SPLITS:
        ordered = sorted(ids.get(split, ()), key=lambda image_id: (rank(seed, f"pack\n{image_id}"), image_id))
        shards += _cut(split, len(positions), len(ordered), images_per_shard)
        positions |= zip(ordered, range(len(positions), len(positions) + len(ordered)), strict=True)
    return Layout(tuple(shards), positions)


def _cut(split: Split, start: int, images: int, images_per_shard: int) -> list[ShardPlan]:
    of = -(-images // images_per_shard)
    bounds = [images * number // of for number in range(of + 1)] if of else []
    return [
        ShardPlan(split, number, of, start + low, high - low) for number, (low, high) in enumerate(pairwise(bounds))
    ]


def _start(shard: ShardPlan) -> int:
    return shard.start
