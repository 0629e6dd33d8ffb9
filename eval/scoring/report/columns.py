"""What the page takes from the items' table: columns as whole millionths, and what can be told from them exactly."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.scores import PER_UNIT

Millionths = npt.NDArray[np.int64]

_TENTHS = 10
_FEWEST = 5
"""Items that a group needs for its mean to say anything."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of the predicted items, next to each other in length."""

    shortest: int
    """In words."""
    longest: int
    items: int
    means: tuple[float, ...]
    """Of the columns, in units."""


def read_column(items: pa.Table, name: str) -> Millionths:
    """A column of scores in whole millionths, in which sums are exact."""
    values: npt.NDArray[np.float64] = items.column(name).to_numpy()
    return np.rint(values * PER_UNIT).astype(np.int64)


def take_quantiles(values: Millionths, shares: Sequence[float]) -> list[float]:
    """For each share, the smallest value that at least this share of the items does not exceed, in units."""
    ordered = np.sort(values)
    ranks = [max(0, math.ceil(share * len(ordered)) - 1) for share in shares]
    return [int(ordered[rank]) / PER_UNIT for rank in ranks]


def cut_by_length(keys: Sequence[str], words: Millionths, columns: Sequence[Millionths]) -> list[Stretch]:
    """Tenths of the items by length, the shortest first; fewer than ten where items are few."""
    order = sorted(range(len(keys)), key=lambda place: (int(words[place]), keys[place]))
    pieces = max(1, min(_TENTHS, len(order) // _FEWEST))
    stretches = []
    for piece in np.array_split(np.asarray(order, dtype=np.int64), pieces):
        if len(piece):
            means = tuple(int(column[piece].sum()) / (len(piece) * PER_UNIT) for column in columns)
            ends = (int(words[piece[0]]) // PER_UNIT, int(words[piece[-1]]) // PER_UNIT)
            stretches.append(Stretch(*ends, len(piece), means))
    return stretches


def sample_places(keys: Sequence[str], limit: int) -> list[int]:
    """Places of at most so many items, in order; which ones depends on their keys alone."""
    if len(keys) <= limit:
        return list(range(len(keys)))
    digests = [hashlib.sha256(key.encode()).digest() for key in keys]
    return sorted(sorted(range(len(keys)), key=digests.__getitem__)[:limit])
