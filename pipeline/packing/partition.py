"""One pass over the selection and one over each ledger, sorting their rows by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import chain
from pathlib import Path

from pipeline.packing.inputs import PackInputs, TeacherResults
from pipeline.packing.layout import Layout
from pipeline.packing.records import build_entry
from pipeline.packing.spool import Spool
from pipeline.progress import Progress, Task
from pipeline.tables import read_rows
from schemas.completion import PairStatus, Rung
from schemas.errors import ConservationError
from schemas.image import SelectedImage
from schemas.manifest import TeacherEntry

UNKNOWN_LICENCE = "not stated"
"""Of a model that is not the one of the teacher's entry, such as the embedded engine."""


def spool_entries(inputs: PackInputs, layout: Layout, directory: Path) -> Spool:
    """Sort the packed images' rows by shard. The slot is the image's index in its shard."""
    spool = Spool(directory, "entries", len(layout.shards))
    for image in read_rows(inputs.selection, SelectedImage):
        place = layout.locate(image.ref.image_id)
        if place is not None:
            spool.add(*place, build_entry(image, inputs.taxonomy).model_dump_json().encode())
    spool.flush()
    return spool


def spool_completions(
    inputs: PackInputs, layout: Layout, directory: Path, progress: Progress
) -> tuple[Spool, tuple[TeacherEntry, ...]]:
    """Sort the packed images' completions by shard, and count them.

    The slot is the image's index in its shard times the number of teachers, plus the teacher's number.

    Raises:
        ConservationError: a teacher's completions are not one per packed image.
    """
    results = inputs.results
    spool = Spool(directory, "completions", len(layout.shards))
    selected = frozenset(chain.from_iterable(inputs.manifest.ids.values()))
    with progress.task("gather", len(layout.positions) * len(results), "pairs") as task:
        teachers = tuple(
            _spool_teacher(side, selected, layout, (spool, number, len(results)), task)
            for number, side in enumerate(results)
        )
    spool.flush()
    return spool, teachers


def _spool_teacher(
    results: TeacherResults, selected: AbstractSet[str], layout: Layout, lane: tuple[Spool, int, int], task: Task
) -> TeacherEntry:
    spool, number, of = lane
    attempts = results.attempts(selected)
    rungs: Counter[Rung] = Counter()
    authors: set[tuple[str, str]] = set()
    engines: set[str] = set()
    for completion in results.accepted():
        place = layout.locate(completion.image_id)
        if place is None:
            continue
        shard, index = place
        spool.add(shard, index * of + number, completion.model_dump_json().encode())
        rungs[completion.rung] += 1
        authors.add((completion.model, completion.revision))
        engines.add(completion.engine)
        task.advance()
    name = results.teacher.name
    if rungs.total() != len(layout.positions):
        raise ConservationError(
            f"{name}: the ledger gave {rungs.total():,} valid completions for {len(layout.positions):,} images"
        )
    identity = results.identity
    if authors != {(identity.model, identity.revision)}:
        raise ConservationError(f"{name}: {identity.fingerprint} is {identity.model}; {sorted(authors)} wrote")
    return TeacherEntry(
        identity=identity,
        fingerprint=identity.fingerprint,
        engine=", ".join(sorted(engines)),
        licence=results.teacher.licence if identity.model == results.teacher.model else UNKNOWN_LICENCE,
        pairs=rungs.total(),
        pairs_by_rung={rung.value: rungs[rung] for rung in Rung if rungs[rung]},
        attempts_by_status={status.value: attempts[status] for status in PairStatus if attempts.get(status)},
    )
