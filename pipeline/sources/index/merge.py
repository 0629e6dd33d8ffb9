"""Merging parts into one index, column by column: no object per row."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.files import TEMPORARY_SUFFIX, atomic_writer
from pipeline.lines import printable
from pipeline.sources.index.parts import PART_COLUMNS, PartReader, Stored
from pipeline.sources.index.seen import SeenIds, pack_ids
from pipeline.sources.index.summary import IMAGES, REJECTIONS
from schemas.base import Contract
from schemas.derived import arrow_schema
from schemas.errors import ConservationError
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason, Stage

GROUP_ROWS = 131_072
"""Rows of a row group, however the parts were cut."""

_SIDE = 224


@dataclass
class Tally:
    """Counts over a whole index."""

    entries: int = 0
    companions: int = 0
    images: int = 0
    bytes: int = 0
    known_dimensions: int = 0
    of_224: int = 0
    larger: int = 0
    """Images with a side of more than 224 pixels."""
    rejected: Counter[RejectReason] = field(default_factory=Counter)
    examples: dict[RejectReason, str] = field(default_factory=dict)
    found_in: Counter[str] = field(default_factory=Counter)
    """Images and rejections, by container."""


def merge(chains: Iterable[list[Stored]], out_dir: Path) -> Tally:
    """Write the images and the rejections of an index; of several entries with one id the first is kept.

    Memory: eight bytes per image (the ids seen), some parts and a row group.

    Args:
        chains: the stretches of each container, in the source's order.
        out_dir: gets both files, whole or not at all.

    Raises:
        DamagedPartError: the rows of a part cannot be read.
        ConservationError: an entry was lost on the way.
        OSError: ``out_dir`` cannot be written.
    """
    tally, seen, reader = Tally(), SeenIds(), PartReader()
    again = out_dir / f".{REJECTIONS}.again{TEMPORARY_SUFFIX}"
    try:
        with _Rows(out_dir / IMAGES, IndexedImage) as images, _Rows(out_dir / REJECTIONS, Rejection) as rejections:
            with pq.ParquetWriter(again, arrow_schema(Rejection)) as twice:
                for run in _runs(stored for chain in chains for stored in chain):
                    found, rejected = reader.images(run), reader.rejections(run)
                    is_new = seen.add(pack_ids(found["image_id"].combine_chunks()))
                    fresh = found if is_new.all() else found.filter(is_new)
                    images.write(fresh)
                    rejections.write(rejected)
                    if len(fresh) < len(found):
                        twice.write_table(_reject_duplicates(found.filter(~is_new)))
                    _count_entries(tally, run)
                    _count_images(tally, fresh)
                    _count_rejected(tally, rejected)
            # after all others, so that their order does not depend on how containers were cut into stretches
            for duplicates in _read_batches(again):
                rejections.write(duplicates)
                _count_rejected(tally, duplicates)
            _check_conservation(tally, images.rows, rejections.rows)
    finally:
        again.unlink(missing_ok=True)
    return tally


def _check_conservation(tally: Tally, images: int, rejections: int) -> None:
    if (
        tally.entries != images + rejections + tally.companions
        or images != tally.images
        or rejections != tally.rejected.total()
    ):
        raise ConservationError(
            f"index: {tally.entries} entries became {images} images, {rejections} rejections and "
            f"{tally.companions} companions"
        )


def _runs(stored: Iterable[Stored]) -> Iterator[list[Stored]]:
    """Stretches in their order, those together that lie in one part one after the other."""
    run: list[Stored] = []
    for each in stored:
        if run and not each.follows(run[-1]):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _count_entries(tally: Tally, run: list[Stored]) -> None:
    for stretch in (stored.stretch for stored in run):
        tally.entries += stretch.entries
        tally.companions += stretch.companions
        tally.found_in[stretch.container] += stretch.images + stretch.rejections


def _count_images(tally: Tally, fresh: pa.Table) -> None:
    tally.images += len(fresh)
    tally.bytes += pc.sum(fresh["size"]).as_py() or 0
    width, height = (_without_nulls(fresh[name]) for name in ("width", "height"))
    tally.known_dimensions += int(np.count_nonzero((width > 0) & (height > 0)))
    tally.of_224 += int(np.count_nonzero((width == _SIDE) & (height == _SIDE)))
    tally.larger += int(np.count_nonzero((width > _SIDE) | (height > _SIDE)))


def _count_rejected(tally: Tally, rejected: pa.Table) -> None:
    if not len(rejected):
        return
    for count in pc.value_counts(rejected["reason"]).to_pylist():
        tally.rejected[RejectReason(count["values"])] += count["counts"]
    for name in tally.rejected.keys() - tally.examples.keys():
        tally.examples[name] = rejected["detail"][pc.index(rejected["reason"], name.value).as_py()].as_py()


def _without_nulls(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = column.fill_null(0).to_numpy()
    return numbers


def _reject_duplicates(images: pa.Table) -> pa.Table:
    """A rejection for each image whose id was met before."""
    places = zip(images["container"].to_pylist(), images["offset"].to_pylist(), strict=True)
    details = [
        printable(f"{'the archive' if container == '.' else container} at byte {offset}: an earlier file is kept")
        for container, offset in places
    ]
    columns = {
        "image_id": images["image_id"],
        "wnid": images["wnid"],
        "stage": [Stage.INDEX.value] * len(images),
        "reason": [RejectReason.DUPLICATE_ID.value] * len(images),
        "detail": details,
    }
    return pa.table(columns, schema=arrow_schema(Rejection))


def _read_batches(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield pa.Table.from_batches([batch])


class _Rows(contextlib.AbstractContextManager["_Rows"]):
    """A Parquet file of equal row groups, whatever the pieces it is written in; whole or not at all."""

    def __init__(self, path: Path, model: type[Contract]) -> None:
        self.rows = 0
        self._schema = arrow_schema(model)
        self._waiting: list[pa.Table] = []
        self._count = 0
        self._path = path

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(atomic_writer(self._path))
            columns = [name for name in PART_COLUMNS if name in self._schema.names]
            self._writer = stack.enter_context(
                pq.ParquetWriter(file, self._schema, compression="zstd", use_dictionary=columns)
            )
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        if not len(table):
            return
        self.rows += len(table)
        self._waiting.append(table)
        self._count += len(table)
        while self._count >= GROUP_ROWS:
            whole = pa.concat_tables(self._waiting)
            self._write_group(whole.slice(0, GROUP_ROWS))
            self._waiting = [whole.slice(GROUP_ROWS)]
            self._count -= GROUP_ROWS

    def _write_group(self, table: pa.Table) -> None:
        self._writer.write_table(table.combine_chunks(), row_group_size=GROUP_ROWS)

    def _finish(self, kind: object, *_: object) -> None:
        if kind is None and self._count:
            self._write_group(pa.concat_tables(self._waiting))

    def __exit__(self, *failure: object) -> bool | None:
        return self._stack.__exit__(*failure)  # type: ignore[arg-type]  # the three that the protocol passes
