"""The tables of a finished selection, written column by column: there may be millions of rejections."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import atomic_writer
from pipeline.selection.candidates import Candidates, Census
from pipeline.selection.ids import synsets_of, unpack_ids, wnid_of
from pipeline.selection.known import STRATUM_NAMES
from pipeline.selection.rounds import Settled
from pipeline.sources.index.seen import Keys
from schemas.derived import arrow_schema
from schemas.image import Holdout, ImageRef, SelectedImage, Split
from schemas.rejection import Rejection, RejectReason, Stage

_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class Selected:
    """The chosen images as columns, in the order of the draw."""

    refs: pa.Table
    facts: pa.StructArray
    holdouts: Sequence[Holdout]
    strata: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    blurred: npt.NDArray[np.bool_]
    groups: Sequence[str]


def split_of(holdout: Holdout) -> Split:
    """Where an image goes that is held out so far."""
    return "train" if holdout == "none" else "benchmark"


def write_selection(path: Path, selected: Selected) -> None:
    """Write the rows of :class:`SelectedImage`."""
    schema = arrow_schema(SelectedImage)
    refs = pa.StructArray.from_arrays(
        [selected.refs[name].combine_chunks() for name in ImageRef.model_fields],
        fields=list(schema.field("ref").type),
    )
    columns = {
        "order": pa.array(range(len(refs)), pa.int64()),
        "ref": refs,
        "facts": selected.facts.cast(schema.field("facts").type),
        "split": pa.array([split_of(holdout) for holdout in selected.holdouts], pa.string()),
        "holdout": pa.array(selected.holdouts, pa.string()),
        "stratum": pa.array(STRATUM_NAMES).take(pa.array(selected.strata)),
        "weight": pa.array(selected.weights),
        "blurred": pa.array(selected.blurred),
        "duplicate_group": pa.array(selected.groups, pa.string()),
    }
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    with atomic_writer(path) as file:
        pq.write_table(table, file, compression="zstd", row_group_size=16_384)


def write_rejections(path: Path, census: Census, settled: Settled) -> dict[RejectReason, int]:
    """Write every rejection of this stage in an order that is the draw's own, and count them by reason."""
    counts: collections.Counter[RejectReason] = collections.Counter()
    schema = arrow_schema(Rejection)
    with atomic_writer(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for keys, found in (*_of_classes(census), *_of_images(census.candidates, settled)):
            counts.update(reason for reason, _ in found)
            columns = {
                "image_id": unpack_ids(keys),
                "wnid": _wnids(keys),
                "stage": pa.array([Stage.SELECT.value] * len(keys)),
                "reason": pa.array([reason.value for reason, _ in found]),
                "detail": pa.array([detail for _, detail in found]),
            }
            writer.write_table(pa.table([columns[name] for name in schema.names], schema=schema))
    return dict(sorted(counts.items()))


def _of_classes(census: Census) -> Iterator[tuple[Keys, list[tuple[RejectReason, str]]]]:
    """The images of classes that are not wanted, batch by batch, each with reason and detail."""
    for start in range(0, len(census.unwanted), _BATCH):
        keys = census.unwanted[start : start + _BATCH]
        yield keys, [census.reasons[wnid_of(synset)] for synset in synsets_of(keys).tolist()]


def _of_images(candidates: Candidates, settled: Settled) -> Iterator[tuple[Keys, list[tuple[RejectReason, str]]]]:
    """The candidates that are not good, batch by batch, each with reason and detail."""
    draw, verdicts = settled.draw, settled.verdicts
    for start in range(0, len(draw.rejected), _BATCH):
        positions = draw.rejected[start : start + _BATCH]
        found: list[tuple[RejectReason, str]] = []
        for position in positions:
            if position in draw.twins:
                twin = unpack_ids(candidates.keys[[draw.twins[position]]])[0].as_py()
                found.append((RejectReason.EXACT_DUPLICATE, f"same bytes as {twin}"))
            else:
                fault = verdicts.fault(position)
                found.append((fault.reason, fault.detail))
        yield candidates.keys[np.array(positions, np.int64)], found


def _wnids(keys: Keys) -> pa.StringArray:
    synsets, places = np.unique(synsets_of(keys), return_inverse=True)
    return pa.array([wnid_of(int(synset)) for synset in synsets], pa.string()).take(pa.array(places))
