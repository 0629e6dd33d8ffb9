"""Near-duplicates by perceptual hash, found without comparing all pairs.

Two hashes that differ in at most k bits agree in at least one of k + 1 bands, so only hashes that share a band are
compared (multi-index search: Manku, Jain, Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007; Norouzi,
Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012). Bands that many share, because
pictures are alike or somebody made them so, are divided again by the same rule. The result is exact all the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

HASH_BITS = 64

_CROWD = 512
"""As many hashes are compared each with each; dividing them further would take longer."""

_TABLE_BITS = 22
"""Of hashes that vary in so few bits, a table says which there are (at 4 bytes, 16 MiB)."""

_PENDING = 2**20
"""Pairs that are held until they are joined."""

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def group_near_duplicates(hashes: Hashes, max_bits: int) -> Places:
    """Group hashes that are linked by Hamming distances of at most ``max_bits``.

    Equal hashes cost nothing more. Memory grows with the number of hashes, not with that of the pairs.

    Args:
        hashes: shape (n,).
        max_bits: at most 3; more bands would be too narrow to tell hashes apart.

    Returns:
        Shape (n,): for each hash the smallest position in its group.
    """
    distinct, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    groups = _Groups(len(distinct))
    _link(distinct, np.arange(len(distinct)), max_bits, groups)
    labels = groups.labels()
    smallest = np.full(len(distinct), len(hashes))
    np.minimum.at(smallest, labels, first)
    return smallest[labels][which]


class _Groups:
    """What is linked so far: for every distinct hash the smallest number that its group is known to hold."""

    def __init__(self, size: int) -> None:
        self._labels = np.arange(size)
        self._pending: list[tuple[Places, Places]] = []
        self._held = 0

    def join(self, one: Places, other: Places) -> None:
        """Note pairs that belong together."""
        one, other = self._labels[one], self._labels[other]
        new = one != other
        if new.any():
            self._pending.append((one[new], other[new]))
            self._held += int(new.sum())
            if self._held > _PENDING:
                self.labels()

    def labels(self) -> Places:
        """The smallest number of each hash's group, with all pairs taken in."""
        if self._pending:
            one, other = (np.concatenate(side) for side in zip(*self._pending, strict=True))
            self._pending, self._held = [], 0
            while True:
                one, other = self._labels[one], self._labels[other]
                apart = one != other
                if not apart.any():
                    break
                one, other = one[apart], other[apart]
                np.minimum.at(self._labels, np.maximum(one, other), np.minimum(one, other))
                self._flatten()
        return self._labels

    def _flatten(self) -> None:
        while not np.array_equal(above := self._labels[self._labels], self._labels):
            self._labels = above


def _link(hashes: Hashes, members: Places, max_bits: int, groups: _Groups) -> None:
    """Join all close pairs among ``members``, which number distinct hashes.

    What is one group already needs no more looking at: of a crowd of look-alikes, only the first part is searched.
    """
    labels = groups.labels()[members]
    if (labels == labels[:1]).all():
        return
    found = hashes[members]
    varying = [bit for bit in range(HASH_BITS) if _varies(found, bit)]
    neighbours = sum(math.comb(len(varying), bits) for bits in range(1, max_bits + 1))
    if len(members) <= _CROWD:
        _compare(found, members, np.array([0, len(members)]), max_bits, groups)
    elif len(varying) <= _TABLE_BITS and neighbours < len(members):
        _look_up(_compress(found, varying), members, _masks(len(varying), max_bits), groups)
    else:
        for band in _bands(varying, max_bits + 1):
            _link_by_band(hashes, members, band, max_bits, groups)


def _link_by_band(hashes: Hashes, members: Places, band: np.uint64, max_bits: int, groups: _Groups) -> None:
    keys = hashes[members] & band
    order = np.argsort(keys, kind="stable")
    members, keys = members[order], keys[order]
    starts = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]))
    crowds = np.flatnonzero(np.diff(starts) > _CROWD)
    crowded = np.zeros(len(members), bool)
    for crowd in crowds:
        crowded[starts[crowd] : starts[crowd + 1]] = True
    small = np.flatnonzero(~crowded)
    sizes = np.delete(np.diff(starts), crowds)
    _compare(hashes[members[small]], members[small], np.concatenate(([0], np.cumsum(sizes))), max_bits, groups)
    for crowd in crowds:
        _link(hashes, members[starts[crowd] : starts[crowd + 1]], max_bits, groups)


def _compare(found: Hashes, members: Places, starts: Places, max_bits: int, groups: _Groups) -> None:
    """Compare each with each inside the runs that begin at ``starts``: neighbours first, then those two apart, ..."""
    ends = np.repeat(starts[1:], np.diff(starts))
    ones = np.arange(len(found))
    for apart in itertools.count(1):
        ones = ones[ones + apart < ends[ones]]
        if not len(ones):
            return
        close = ones[np.bitwise_count(found[ones] ^ found[ones + apart]) <= max_bits]
        groups.join(members[close], members[close + apart])


def _look_up(found: Places, members: Places, masks: Iterator[int], groups: _Groups) -> None:
    """Look for every neighbour that a hash can have."""
    table = np.full(int(found.max()) + 1, -1, np.int32)
    table[found] = np.arange(len(found))
    for mask in masks:
        others = found ^ mask
        within = np.flatnonzero((found < others) & (others < len(table)))
        places = table[others[within]]
        there = places >= 0
        groups.join(members[within[there]], members[places[there]])


def _masks(width: int, max_bits: int) -> Iterator[int]:
    for count in range(1, max_bits + 1):
        for bits in itertools.combinations(range(width), count):
            yield sum(1 << bit for bit in bits)


def _varies(hashes: Hashes, bit: int) -> bool:
    ones = np.count_nonzero(hashes & np.uint64(1 << bit))
    return bool(0 < ones < len(hashes))


def _compress(hashes: Hashes, bits: list[int]) -> Places:
    """The given bits of each hash, moved together."""
    found = np.zeros(len(hashes), np.int64)
    for place, bit in enumerate(bits):
        found |= (hashes >> np.uint64(bit) & np.uint64(1)).astype(np.int64) << place
    return found


def _bands(bits: list[int], count: int) -> Iterator[np.uint64]:
    """Masks of ``count`` bands of nearly equal width."""
    for number in range(count):
        band = bits[len(bits) * number // count : len(bits) * (number + 1) // count]
        yield np.uint64(sum(1 << bit for bit in band))
