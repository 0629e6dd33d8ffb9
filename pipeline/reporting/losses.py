"""What was rejected, counted from the stages' tables without holding them in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.reporting.tables import open_table
from schemas.rejection import Rejection, RejectReason, Stage
from schemas.selection_report import Example, Loss

EXAMPLES = 5
"""Rejections of one reason that are named."""

DETAIL_CHARACTERS = 160
"""Of an example; names in archives may be as long as they like."""

_BATCH_ROWS = 65_536
_COLUMNS = ["image_id", "wnid", "stage", "reason", "detail"]


@dataclass(slots=True)
class Losses:
    """Rejections of one or more stages.

    Memory grows with the number of reasons and of the classes that are asked about, not with that of the rows.
    """

    counts: Counter[tuple[Stage, RejectReason]] = field(default_factory=Counter)
    by_class: dict[str, Counter[RejectReason]] = field(default_factory=dict)
    """Of the classes that were asked about, those rejected by the draw."""
    examples: dict[tuple[Stage, RejectReason], list[Example]] = field(default_factory=dict)

    def in_order(self) -> tuple[Loss, ...]:
        """By stage and reason, in the order in which they are checked."""
        stages, reasons = list(Stage), list(RejectReason)
        keys = sorted(self.counts, key=lambda key: (stages.index(key[0]), reasons.index(key[1])))
        return tuple(
            Loss(stage=key[0], reason=key[1], images=self.counts[key], examples=tuple(self.examples[key]))
            for key in keys
        )

    def count(self, stage: Stage) -> Mapping[RejectReason, int]:
        """What one stage rejected, by reason."""
        return {reason: count for (at, reason), count in self.counts.items() if at is stage}


def count_losses(tables: Iterable[Path], classes: pa.ChunkedArray) -> Losses:
    """Count rejections by stage and reason, and those of some classes by class.

    Args:
        tables: Parquet files with rows of ``Rejection``.
        classes: wnids.

    Raises:
        RunDirectoryError: a table is missing, damaged, or lacks a column.
    """
    losses = Losses()
    wanted = classes.combine_chunks()
    for path in tables:
        with open_table(path, Rejection) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=_COLUMNS):
                _add(losses, pa.Table.from_batches([batch]), wanted)
    return losses


def _add(losses: Losses, rows: pa.Table, classes: pa.Array) -> None:
    for group in rows.group_by(["stage", "reason"]).aggregate([([], "count_all")]).to_pylist():
        key = Stage(group["stage"]), RejectReason(group["reason"])
        losses.counts[key] += group["count_all"]
        examples = losses.examples.setdefault(key, [])
        if len(examples) < EXAMPLES:
            examples += _first_of(rows, *key, EXAMPLES - len(examples))
    in_draw = pc.equal(rows["stage"], str(Stage.SELECT))
    ours = rows.filter(pc.and_(in_draw, pc.is_in(rows["wnid"], value_set=classes)))
    for group in ours.group_by(["wnid", "reason"]).aggregate([([], "count_all")]).to_pylist():
        reasons = losses.by_class.setdefault(group["wnid"], Counter())
        reasons[RejectReason(group["reason"])] += group["count_all"]


def _first_of(rows: pa.Table, stage: Stage, reason: RejectReason, count: int) -> list[Example]:
    mask = pc.and_(pc.equal(rows["stage"], str(stage)), pc.equal(rows["reason"], str(reason)))
    found = rows.filter(mask).slice(0, count).select(["image_id", "detail"])
    return [Example(image_id=row["image_id"], detail=_shorten(row["detail"])) for row in found.to_pylist()]


def _shorten(text: str) -> str:
    return text if len(text) <= DETAIL_CHARACTERS else f"{text[: DETAIL_CHARACTERS - 1]}…"
