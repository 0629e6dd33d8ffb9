"""Near-duplicates by perceptual hash, found without comparing all pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

HASH_BITS = 64


def group_near_duplicates(hashes: npt.NDArray[np.uint64], max_bits: int) -> npt.NDArray[np.int64]:
    """Group hashes that are linked by Hamming distances of at most ``max_bits``.

    Two hashes that differ in at most k bits agree in at least one of k + 1 bands, so only hashes that share a band are
    compared (Manku, Jain, Das Sarma: Detecting near-duplicates for web crawling, WWW 2007). The result is exact.

    Args:
        hashes: shape (n,).
        max_bits: at most 3; more bands would be too narrow to tell hashes apart.

    Returns:
        Shape (n,): for each hash the smallest position in its group.
    """
    parents = np.arange(len(hashes), dtype=np.int64)
    for first, second in _close_pairs(hashes, max_bits):
        a, b = _root(parents, first), _root(parents, second)
        parents[max(a, b)] = min(a, b)
    return np.fromiter((_root(parents, position) for position in range(len(hashes))), np.int64, len(hashes))


def _close_pairs(hashes: npt.NDArray[np.uint64], max_bits: int) -> Iterator[tuple[int, int]]:
    width = HASH_BITS // (max_bits + 1)
    for band in range(max_bits + 1):
        shift = np.uint64(band * width)
        # the last band takes the bits that do not divide evenly
        mask = np.uint64(2**64 - 1) if band == max_bits else np.uint64(2**width - 1)
        keys = (hashes >> shift) & mask
        order = np.argsort(keys, kind="stable")
        borders = np.flatnonzero(np.diff(keys[order])) + 1
        for members in np.split(order, borders):
            yield from _pairs_within(hashes, members, max_bits)


def _pairs_within(
    hashes: npt.NDArray[np.uint64], members: npt.NDArray[np.int64], max_bits: int
) -> Iterator[tuple[int, int]]:
    for place in range(len(members) - 1):
        rest = members[place + 1 :]
        distances = np.bitwise_count(hashes[rest] ^ hashes[members[place]])
        for other in rest[distances <= max_bits]:
            yield int(members[place]), int(other)


def _root(parents: npt.NDArray[np.int64], position: int) -> int:
    while (parent := int(parents[position])) != position:
        parents[position] = parents[parent]
        position = parent
    return position
