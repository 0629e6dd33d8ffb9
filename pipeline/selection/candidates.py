"""From the index to one queue of candidates per class, each in the order of its keyed hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.taxonomy import Taxonomy
from schemas.config import SelectionConfig
from schemas.identity import rank
from schemas.rejection import Rejection, RejectReason, Stage

Rows = npt.NDArray[np.int64]
"""Row numbers of the index."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The images that may be drawn.

    ``queues`` holds one array of index rows per class, in rank order; the classes themselves stand in the order of
    their own keyed hash, which decides who gets the remainder when the target does not divide evenly.
    """

    index: pa.Table
    queues: tuple[Rows, ...]


def judge_class(taxonomy: Taxonomy, config: SelectionConfig) -> Callable[[str], RejectReason | None]:
    """Make the rule that says why a class is not wanted, or ``None`` when it is.

    Raises:
        ConfigError: a synset of the configuration is not in WordNet's part for ImageNet-21k.
    """
    wanted = None if config.classes is None else {taxonomy[wnid].wnid for wnid in config.classes}
    excluded = {wnid for root in config.exclude_subtrees for wnid in taxonomy.subtree(root)}
    excluded |= {taxonomy[wnid].wnid for wnid in config.exclude_synsets}

    def judge(wnid: str) -> RejectReason | None:
        if taxonomy.label(wnid) is None if wnid in taxonomy else True:
            return RejectReason.UNKNOWN_SYNSET
        if wnid in excluded or (wanted is not None and wnid not in wanted):
            return RejectReason.EXCLUDED_SYNSET
        return None

    return judge


def split_by_class(
    index: pa.Table, judge: Callable[[str], RejectReason | None]
) -> tuple[pa.Table, Iterator[Rejection]]:
    """Keep the rows of wanted classes; the others come back as rejections, one per image."""
    classes = pc.unique(index["wnid"]).to_pylist()
    reasons = {wnid: reason for wnid in classes if (reason := judge(wnid)) is not None}
    unwanted = pc.is_in(index["wnid"], value_set=pa.array(list(reasons), pa.string()))
    # by id, so that the rejections do not depend on the order of the index
    rejected = index.select(["image_id", "wnid"]).filter(unwanted).sort_by("image_id")
    return index.filter(pc.invert(unwanted)), _reject(rejected, reasons)


def _reject(rows: pa.Table, reasons: dict[str, RejectReason]) -> Iterator[Rejection]:
    for batch in rows.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            reason = reasons[row["wnid"]]
            yield Rejection(**row, stage=Stage.SELECT, reason=reason, detail=f"class {row['wnid']}")


def queue_candidates(index: pa.Table, seed: int) -> Candidates:
    """Rank every image and line the classes up.

    A rank is a keyed hash of the id alone, so the queues do not depend on the index's order or form.
    """
    wnids = index["wnid"].combine_chunks().dictionary_encode()
    names: list[str] = wnids.dictionary.to_pylist()
    class_of = wnids.indices.to_numpy()
    ranks = np.fromiter((rank(seed, key) for key in _strings(index["image_id"])), np.uint64, len(index))
    order = np.lexsort((ranks, class_of)).astype(np.int64)
    ends = np.cumsum(np.bincount(class_of, minlength=len(names)))
    by_class = np.split(order, ends[:-1])
    turn = sorted(range(len(names)), key=lambda position: rank(seed, names[position]))
    return Candidates(index, tuple(by_class[position] for position in turn))


def _strings(column: pa.ChunkedArray) -> Iterator[str]:
    for chunk in column.chunks:
        for start in range(0, len(chunk), 65_536):
            yield from chunk.slice(start, 65_536).to_pylist()
