"""From the index to candidates, class after class and each class in the order of its keyed hash, in compact arrays."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.screening import judge_size
from pipeline.selection.classes import ClassJudge
from pipeline.selection.ids import Ranks, rank_ids, synsets_of, wnid_of
from pipeline.sources.index.seen import Keys, pack_ids
from pipeline.tables import damage_explained
from schemas.config import ScreeningConfig
from schemas.identity import rank
from schemas.rejection import RejectReason

Positions = npt.NDArray[np.int64]
"""Places in the order of the candidates."""

Reasons = dict[str, tuple[RejectReason, str]]
"""Why a class is not wanted, and in words, by wnid."""

_BATCH = 131_072
_COLUMNS = ["image_id", "size", "width", "height", "format"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The images that may be drawn, in 28 bytes each.

    A candidate's *position* is its place in the order by class and rank. The classes stand in the order of their own
    keyed hash, which decides who is served first where priorities are equal. Positions are functions of the ids and the
    seed alone: neither the index's order nor its form shows.
    """

    keys: Keys
    ranks: Ranks
    rows: npt.NDArray[np.uint32]
    """Row of the index."""
    sides: npt.NDArray[np.uint32]
    """Shape (n, 2): width and height in pixels where the header alone says that the image is not usable; else 0."""
    wnids: list[str]
    """Of each class."""
    starts: list[int]
    """Position of each class's first candidate, and last the number of candidates."""

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.keys)

    def sizes(self) -> list[int]:
        """Candidates of each class."""
        return [stop - start for start, stop in zip(self.starts, self.starts[1:], strict=False)]

    def classes_at(self, positions: Positions) -> Positions:
        """The class of each position."""
        return np.searchsorted(np.array(self.starts[1:], np.int64), positions, side="right")

    def locate(self, ids: pa.StringArray, seed: int) -> Positions:
        """Positions of some ids; -1 for an id that is no candidate."""
        keys, ranks = pack_ids(ids), rank_ids(seed, ids)
        numbers = {wnid: number for number, wnid in enumerate(self.wnids)}
        found = np.full(len(ids), -1, np.int64)
        for synset, members in _group(synsets_of(keys)):
            if (number := numbers.get(wnid_of(synset))) is None:
                continue
            start, stop = self.starts[number : number + 2]
            places = start + np.searchsorted(self.ranks[start:stop], ranks[members]).clip(max=stop - start - 1)
            same = self.keys[places] == keys[members]
            found[members[same]] = places[same]
        return found


@dataclass(frozen=True, slots=True)
class Census:
    """All that the index holds, wanted or not."""

    candidates: Candidates
    unwanted: Keys
    """Images of other classes, sorted, so that their order does not depend on the index's."""
    reasons: Reasons
    indexed: dict[str, int]
    """Images of each class, wnids ascending."""


def read_census(index: Path, judge: ClassJudge, min_class_images: int, limits: ScreeningConfig, seed: int) -> Census:
    """Read an index's ids and sizes, a batch at a time, and line the candidates up.

    Raises:
        RunDirectoryError: the index is missing or damaged.
    """
    reader = _Reader(judge, limits, seed)
    with damage_explained(index), pq.ParquetFile(index) as file:
        for batch in file.iter_batches(_BATCH, columns=_COLUMNS):
            reader.add(batch)
    return reader.finish(min_class_images)


class _Reader:
    """Columns of the candidates as they come, and what becomes of the classes."""

    def __init__(self, judge: ClassJudge, limits: ScreeningConfig, seed: int) -> None:
        self._judge, self._seed = judge, seed
        self._max_bytes = limits.max_bytes
        # photographs come in few sizes
        self._is_usable = functools.lru_cache(2**18)(functools.partial(_is_usable, limits))
        self._rows = 0
        self._counts: collections.Counter[str] = collections.Counter()
        self._reasons: Reasons = {}
        self._unwanted: list[Keys] = []
        self._columns: tuple[list[Any], ...] = ([], [], [], [])

    def add(self, batch: pa.RecordBatch) -> None:
        keys = pack_ids(batch["image_id"])
        wanted = np.ones(len(keys), np.bool_)
        for synset, members in _group(synsets_of(keys)):
            wnid = wnid_of(synset)
            if wnid not in self._counts and (reason := self._judge(wnid)) is not None:
                self._reasons[wnid] = (reason, f"class {wnid}")
            self._counts[wnid] += len(members)
            wanted[members] = wnid not in self._reasons
        self._unwanted.append(keys[~wanted])
        ranks = rank_ids(self._seed, batch["image_id"].filter(pa.array(wanted)))
        rows = (self._rows + np.flatnonzero(wanted)).astype(np.uint32)
        sides = _judge_headers(batch, self._max_bytes, self._is_usable)[wanted]
        for column, part in zip(self._columns, (keys[wanted], ranks, rows, sides), strict=True):
            column.append(part)
        self._rows += len(batch)

    def finish(self, min_class_images: int) -> Census:
        indexed = dict(sorted(self._counts.items()))
        for wnid, count in indexed.items():
            if count < min_class_images and wnid not in self._reasons:
                detail = f"class {wnid}: {count} images; at least {min_class_images}"
                self._reasons[wnid] = (RejectReason.CLASS_TOO_SMALL, detail)
        candidates, small = self._line_up([wnid for wnid in indexed if wnid not in self._reasons])
        unwanted = np.concatenate([small, *self._unwanted])
        unwanted.sort()
        return Census(candidates, unwanted, self._reasons, indexed)

    def _line_up(self, wanted: list[str]) -> tuple[Candidates, Keys]:
        """Sort the candidates; also the keys of those whose class turned out to be too small."""
        keys: Keys = _join(self._columns[0], np.empty(0, np.uint64))
        ranks: Ranks = _join(self._columns[1], np.empty(0, np.uint64))
        rows: npt.NDArray[np.uint32] = _join(self._columns[2], np.empty(0, np.uint32))
        sides: npt.NDArray[np.uint32] = _join(self._columns[3], np.empty((0, 2), np.uint32))
        wnids = sorted(wanted, key=lambda wnid: rank(self._seed, wnid))
        class_of = _class_of(keys, wnids)
        order = _order(class_of, ranks, keys)
        # what belongs to no wanted class stands first
        small, order = np.split(order, [np.count_nonzero(class_of < 0)])
        del class_of
        left_out, keys = keys[small], keys[order]
        ranks = ranks[order]
        rows = rows[order]
        sides = sides[order]
        ends = np.cumsum([self._counts[wnid] for wnid in wnids], dtype=np.int64)
        return Candidates(keys, ranks, rows, sides, wnids, [0, *ends.tolist()]), left_out


def _judge_headers(batch: pa.RecordBatch, max_bytes: int, is_usable: Callable[[int], bool]) -> npt.NDArray[np.uint32]:
    """Width and height of those that the header alone disqualifies, else zeros.

    Screening asks for the size of the file before that of the picture, and so does this. A size without a format is
    hearsay (a sidecar's) and no header's.
    """
    told = pc.less_equal(batch["size"], max_bytes)
    for name in ("format", "width", "height"):
        told = pc.and_(told, pc.is_valid(batch[name]))
    mask = told.to_numpy(zero_copy_only=False)
    sides = np.zeros((len(batch), 2), np.uint32)
    for side, name in enumerate(("width", "height")):
        sides[mask, side] = pc.fill_null(batch[name], 0).to_numpy()[mask]
    pairs, places = np.unique(sides[:, 0].astype(np.uint64) << np.uint64(32) | sides[:, 1], return_inverse=True)
    usable = np.fromiter(map(is_usable, pairs.tolist()), np.bool_, len(pairs))
    sides[usable[places]] = 0
    return sides


def _is_usable(limits: ScreeningConfig, pair: int) -> bool:
    """Whether a picture of this width (upper half) and height is worth decoding."""
    return pair == 0 or judge_size(pair >> 32, pair & 0xFFFFFFFF, limits) is None


def _class_of(keys: Keys, wnids: list[str]) -> npt.NDArray[np.int32]:
    """The place of each key's class among the wnids, or -1."""
    synsets = np.array([int(wnid[1:]) for wnid in wnids], np.uint32)
    by_number = np.argsort(synsets).astype(np.int32)
    numbers = synsets_of(keys).astype(np.uint32)
    if not len(synsets):
        return np.full(len(keys), -1, np.int32)
    places = by_number[np.searchsorted(synsets, numbers, sorter=by_number).clip(max=len(synsets) - 1)]
    return np.where(synsets[places] == numbers, places, np.int32(-1))


def _order(class_of: npt.NDArray[np.int32], ranks: Ranks, keys: Keys) -> Positions:
    """By class and rank. Two ids of one rank are rare enough to sort once more, by key, when they occur."""
    order = np.lexsort((ranks, class_of))
    ordered = ranks[order]
    if np.any(ordered[1:] == ordered[:-1]):
        order = np.lexsort((keys, ranks, class_of))
    return order


def _group(values: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Each different value with the places where it stands."""
    order = np.argsort(values, kind="stable")
    borders = np.flatnonzero(np.diff(values[order])) + 1
    for members in np.split(order, borders):
        if len(members):
            yield int(values[members[0]]), members


def _join(parts: list[Any], empty: npt.NDArray[Any]) -> npt.NDArray[Any]:
    joined = np.concatenate([empty, *parts])
    parts.clear()
    return joined
