"""Which image ids were met before: exact, in eight bytes each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Keys = npt.NDArray[np.uint64]
"""Packed image ids, see :func:`pack_ids`."""

_STEM_BYTES = len("n00000000_")
_ZERO = np.uint8(ord("0"))


def pack_ids(ids: pa.StringArray) -> Keys:
    """Pack image ids into 61 bits each: synset, length of the number (``_7`` is not ``_07``), number.

    Args:
        ids: of the index, and so with numbers of at most :data:`pipeline.sources.entries.MAX_DIGITS` digits.
    """
    if not len(ids):
        return np.empty(0, dtype=np.uint64)
    _, offsets, data = ids.buffers()
    borders = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
    digits = np.frombuffer(data, np.uint8) - _ZERO
    starts, lengths = borders[:-1], np.diff(borders) - _STEM_BYTES
    synset = np.zeros(len(ids), np.uint64)
    for place in range(1, _STEM_BYTES - 1):
        synset = synset * np.uint64(10) + digits[starts + place]
    number = np.zeros(len(ids), np.uint64)
    for place in range(int(lengths.max())):
        there = place < lengths
        number[there] = number[there] * np.uint64(10) + digits[starts[there] + _STEM_BYTES + place]
    return synset << np.uint64(34) | lengths.astype(np.uint64) << np.uint64(30) | number


class SeenIds:
    """The ids met so far, as sorted runs that are merged whenever a newer one has grown as long.

    Eight bytes an id, up to twenty for the moment of a merge (for ImageNet-21k's 14 million: 112 and 280 MB).
    """

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def add(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Take in some packed ids.

        Returns:
            For each, whether it is new: not met before, nor earlier in this very sequence.
        """
        unique, first = np.unique(keys, return_index=True)
        new = np.ones(len(unique), dtype=np.bool_)
        for run in self._runs:
            new &= run[np.searchsorted(run, unique).clip(max=len(run) - 1)] != unique
        self._push(unique[new])
        fresh = np.zeros(len(keys), dtype=np.bool_)
        fresh[first[new]] = True
        return fresh

    def _push(self, run: Keys) -> None:
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # finds the two sorted halves and merges them in linear time
        if len(run):
            self._runs.append(run)
