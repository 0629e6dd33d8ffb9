"""From a ledger to predictions: what a model answered, item by item, as ``score`` reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import atomic_writer
from schemas.completion import Completion


@dataclass(frozen=True, slots=True)
class Written:
    """What became predictions."""

    answered: int
    refused: int
    """Items that the engine refused for good: no prediction, and so they count as missing."""


def write_predictions(path: Path, rows: Iterable[Completion], keys: Sequence[str]) -> Written:
    """Write one line for every item that was answered, whole or not at all.

    Args:
        path: the file.
        rows: attempts, in any order; the last of each item counts. Where two workers did the same one, the text with
            the smallest bytes does, so that the file depends on what is in the ledger alone.
        keys: of the items, in the order of the lines.
    """
    found: dict[str, Completion] = {}
    for row in rows:
        before = found.get(row.image_id)
        if before is None or (-row.attempt, row.raw) < (-before.attempt, before.raw):
            found[row.image_id] = row
    asked = [found[key] for key in keys if key in found]
    answered = [row for row in asked if row.error is None]
    with atomic_writer(path) as file:
        for row in answered:
            record = {"key": row.image_id, "raw": row.text, "finish_reason": row.finish_reason}
            # as ASCII: a lone surrogate, which UTF-8 cannot hold, is part of what is judged
            file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
    return Written(len(answered), len(asked) - len(answered))
