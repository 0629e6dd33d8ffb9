"""What screening said of each candidate, kept on disk so that nothing is looked at twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.screening import SCREENING_VERSION, Unusable
from pipeline.tables import read_columns, write_rows
from schemas.base import Contract, ImageId
from schemas.derived import arrow_schema
from schemas.image import ImageFacts, ImageRef
from schemas.rejection import RejectReason

PART_ROWS = 2000
"""Verdicts per file: a few seconds of screening, which is what a kill can cost."""


Screened = tuple[ImageRef, ImageFacts | Unusable]


class ScreeningVerdict(Contract):
    """One row of the store: facts of a usable image, or the reason and detail of the fault."""

    image_id: ImageId
    facts: ImageFacts | None
    reason: RejectReason | None
    detail: str


class VerdictStore:
    """Immutable Parquet parts under a folder named for the screening's version.

    A run directory is bound to one configuration, so the limits need not be part of the key.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / f"screening={SCREENING_VERSION}"

    def keep(self, screened: Iterable[Screened]) -> Iterator[Screened]:
        """Pass verdicts through while writing them down, a part at a time; what was seen is kept if the rest fails."""
        buffer: list[ScreeningVerdict] = []
        try:
            for ref, verdict in screened:
                buffer.append(_to_row(ref.image_id, verdict))
                if len(buffer) == PART_ROWS:
                    self._write(buffer)
                    buffer = []
                yield ref, verdict
        finally:
            if buffer:
                self._write(buffer)

    def table(self) -> pa.Table:
        """All verdicts so far, in no particular order."""
        parts = sorted(self.directory.glob("*.parquet"))
        schema = arrow_schema(ScreeningVerdict)
        return pa.concat_tables([schema.empty_table(), *map(read_columns, parts)])

    def _write(self, rows: list[ScreeningVerdict]) -> None:
        write_rows(self.directory / f"part-{uuid.uuid4().hex}.parquet", rows, ScreeningVerdict)


def _to_row(image_id: str, verdict: ImageFacts | Unusable) -> ScreeningVerdict:
    if isinstance(verdict, Unusable):
        return ScreeningVerdict(image_id=image_id, facts=None, reason=verdict.reason, detail=verdict.detail)
    return ScreeningVerdict(image_id=image_id, facts=verdict, reason=None, detail="")
