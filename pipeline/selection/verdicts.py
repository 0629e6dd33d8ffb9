"""What screening said of each candidate, kept on disk so that nothing is looked at twice."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.screening import SCREENING_VERSION, Unusable
from pipeline.tables import read_columns, write_rows
from schemas.base import Contract, ImageId
from schemas.derived import arrow_schema
from schemas.errors import ConservationError
from schemas.image import ImageFacts, ImageRef
from schemas.rejection import RejectReason

PART_ROWS = 2000
"""Verdicts per file: a few seconds of screening, which is what a kill can cost."""

_PARTS_AT_ONCE = 64

PLACE = ("container", "offset", "size")
"""A verdict counts only for the bytes that were looked at: an index made anew may have the id elsewhere."""

Screened = tuple[ImageRef, ImageFacts | Unusable]


class ScreeningVerdict(Contract):
    """One row of the store: facts of a usable image, or the reason and detail of the fault."""

    image_id: ImageId
    container: str
    offset: int
    size: int
    facts: ImageFacts | None
    reason: RejectReason | None
    detail: str


class VerdictStore:
    """Immutable Parquet parts under a folder named for the screening's version.

    A run directory is bound to one configuration, so the limits need not be part of the key. On disk a usable image
    takes 100 to 150 bytes, a fault some 30.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / f"screening={SCREENING_VERSION}"

    def keep(self, screened: Iterable[Screened]) -> Iterator[Screened]:
        """Pass verdicts through while writing them down, a part at a time; what was seen is kept if the rest fails."""
        buffer: list[ScreeningVerdict] = []
        try:
            for ref, verdict in screened:
                buffer.append(_to_row(ref, verdict))
                if len(buffer) == PART_ROWS:
                    self._write(buffer)
                    buffer = []
                yield ref, verdict
        finally:
            if buffer:
                self._write(buffer)

    def parts(self) -> Iterator[pa.Table]:
        """All verdicts so far, some hundred thousand at a time, in no particular order."""
        paths = sorted(self.directory.glob("*.parquet"))
        for start in range(0, len(paths), _PARTS_AT_ONCE):
            yield pa.concat_tables(map(read_columns, paths[start : start + _PARTS_AT_ONCE])).combine_chunks()

    def facts_of(self, refs: pa.Table) -> pa.StructArray:
        """The facts of usable images.

        Args:
            refs: id and place of each.

        Raises:
            ConservationError: one of them was never found usable.
        """
        rows: list[pa.Table] = []
        for part in self.parts():
            numbers = pc.index_in(part["image_id"], value_set=refs["image_id"].combine_chunks())
            places = refs.take(numbers)
            same = functools.reduce(pc.and_, [pc.equal(part[name], places[name]) for name in PLACE])
            rows.append(part.select(["facts"]).append_column("number", numbers).filter(same))
        empty = pa.schema([arrow_schema(ScreeningVerdict).field("facts"), ("number", pa.int32())]).empty_table()
        found = pa.concat_tables([empty, *rows])
        order = pc.index_in(pa.array(range(len(refs)), pa.int32()), value_set=found["number"].combine_chunks())
        if order.null_count:
            raise ConservationError("selection: an image was drawn that was never screened")
        facts: pa.StructArray = found["facts"].take(order).combine_chunks()
        return facts

    def _write(self, rows: list[ScreeningVerdict]) -> None:
        write_rows(self.directory / f"part-{uuid.uuid4().hex}.parquet", rows, ScreeningVerdict)


def _to_row(ref: ImageRef, verdict: ImageFacts | Unusable) -> ScreeningVerdict:
    fault = verdict if isinstance(verdict, Unusable) else None
    return ScreeningVerdict(
        image_id=ref.image_id,
        container=ref.container,
        offset=ref.offset,
        size=ref.size,
        facts=None if isinstance(verdict, Unusable) else verdict,
        reason=fault.reason if fault else None,
        detail=fault.detail if fault else "",
    )
