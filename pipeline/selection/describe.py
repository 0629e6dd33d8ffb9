"""What is said of each drawn image: its split, its stratum, what it stands for, whether it is blurred, its likes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipeline.selection.duplicates import group_near_duplicates
from pipeline.selection.outcome import Pools
from pipeline.selection.rounds import Drawing, Settled
from pipeline.selection.splits import hold_groups_together
from pipeline.selection.writing import Selected
from schemas.image import Holdout


def describe(
    drawing: Drawing,
    settled: Settled,
    pools: Pools,
    refs: pa.Table,
    facts: pa.StructArray,
    judge: Callable[[str, str], Holdout],
) -> Selected:
    """Everything that is to be said of the drawn images.

    Args:
        drawing: what they were drawn from.
        settled: the draw.
        pools: its counts by class.
        refs: of the drawn images, in the order of the draw.
        facts: of the same.
        judge: how far (image_id, wnid) is held out, near-duplicates aside.
    """
    groups = _group(refs, facts, drawing.config.screening.near_duplicate_bits)
    strata = settled.states[settled.positions].astype(np.int64)
    classes = drawing.candidates.classes_at(settled.positions)
    return Selected(
        refs=refs,
        facts=facts,
        holdouts=hold_groups_together(map(judge, refs["image_id"].to_pylist(), refs["wnid"].to_pylist()), groups),
        strata=strata,
        weights=pools.weights(np.array(drawing.candidates.sizes()), classes, strata),
        blurred=facts.field("sharpness").to_numpy() < settled.thresholds.sharpness,
        groups=groups,
    )


def _group(images: pa.Table, facts: pa.StructArray, max_bits: int) -> list[str]:
    """For each image the smallest id among its near-duplicates."""
    hashes = np.array([int(phash, 16) for phash in facts.field("phash").to_pylist()], np.uint64)
    positions = group_near_duplicates(hashes, max_bits).tolist()
    ids: list[str] = images["image_id"].to_pylist()
    smallest: dict[int, str] = {}
    for image_id, position in zip(ids, positions, strict=True):
        smallest[position] = min(image_id, smallest.get(position, image_id))
    return [smallest[position] for position in positions]
