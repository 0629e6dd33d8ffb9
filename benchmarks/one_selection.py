"""One draw in a process of its own: ``python -m benchmarks.one_selection WAY INDEX TARGET``.

Prints seconds, peak memory in bytes, and a digest of the drawn ids, as JSON.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.builds import configure
from benchmarks.peak import PeakMemory
from pipeline.selection.candidates import read_census
from pipeline.selection.classes import judge_class, wanted_classes
from pipeline.selection.known import Verdicts, choose_pilot
from pipeline.selection.outcome import domain_of
from pipeline.selection.places import take_rows
from pipeline.selection.rounds import Drawing
from pipeline.taxonomy import load_taxonomy
from schemas.identity import rank

SEED = 0


def main(way: str, index: str, target: str) -> None:
    """Draw from an index, in one of the ``WAYS``."""
    with PeakMemory() as memory:
        began = time.perf_counter()
        drawn = WAYS[way](Path(index), int(target))
        seconds = time.perf_counter() - began
    digest = hashlib.sha256("\n".join(sorted(drawn)).encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "bytes": memory.bytes, "drawn": digest}))


def _draw(index: Path, target: int, *, balance: bool) -> Iterable[str]:
    """The draw of this package, every image taken for usable, and the references of what was drawn."""
    config = configure(index, target, workers=1)
    selection = config.selection.model_copy(update={"balance_complexity": balance})
    config = config.model_copy(update={"seed": SEED, "selection": selection})
    taxonomy = load_taxonomy()
    judge = judge_class(taxonomy, selection)
    candidates = read_census(index, judge, selection.min_class_images, config.screening, SEED).candidates
    drawing = Drawing(candidates, [domain_of(taxonomy, wnid) for wnid in candidates.wnids], config)
    verdicts = Verdicts(candidates.sides, config.screening)
    drawn = drawing.draw(verdicts, verdicts.states(verdicts.estimate(choose_pilot(candidates.ranks))))
    rows = candidates.rows[np.array(drawn.accepted, np.int64)]
    ids: list[str] = take_rows(index, rows)["image_id"].to_pylist()
    return ids


def _draw_with_heaps(index: Path, target: int) -> Iterable[str]:
    """The same draw as a person would write it: ids by class, quotas by water-filling, the smallest of each class."""
    wanted = wanted_classes(load_taxonomy(), configure(index, target, workers=1).selection)
    ids: defaultdict[str, list[str]] = defaultdict(list)
    with pq.ParquetFile(index) as file:
        for batch in file.iter_batches(columns=["image_id", "wnid"]):
            for image_id, wnid in zip(batch["image_id"].to_pylist(), batch["wnid"].to_pylist(), strict=True):
                if wnid in wanted:
                    ids[wnid].append(image_id)
    quotas = _fill({wnid: len(members) for wnid, members in ids.items()}, target)
    ranked = partial(rank, SEED)
    return [
        image_id for wnid, members in ids.items() for image_id in heapq.nsmallest(quotas[wnid], members, key=ranked)
    ]


def _fill(sizes: dict[str, int], target: int) -> dict[str, int]:
    """Equal shares; small classes give all they have, and what is left over goes one each in the classes' order."""
    quotas = dict.fromkeys(sizes, 0)
    left, open_classes = min(target, sum(sizes.values())), sorted(sizes, key=partial(rank, SEED))
    while left:
        step = max(1, left // len(open_classes))
        for wnid in open_classes:
            given = min(step, sizes[wnid] - quotas[wnid], left)
            quotas[wnid] += given
            left -= given
        open_classes = [wnid for wnid in open_classes if quotas[wnid] < sizes[wnid]]
    return quotas


WAYS: dict[str, Callable[[Path, int], Iterable[str]]] = {
    "ours": partial(_draw, balance=False),
    "balanced": partial(_draw, balance=True),
    "heaps": _draw_with_heaps,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
