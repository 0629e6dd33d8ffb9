"""The selection stage: index in, selection and manifest out."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from pipeline.files import atomic_writer, write_atomic
from pipeline.progress import Progress
from pipeline.screening import SCREENING_VERSION, Unusable, library_versions, screen_all
from pipeline.selection.candidates import Candidates, judge_class, queue_candidates, split_by_class
from pipeline.selection.draw import Draw, Verdict, draw
from pipeline.selection.duplicates import group_near_duplicates
from pipeline.selection.splits import hold_groups_together, judge_holdout
from pipeline.selection.verdicts import VerdictStore
from pipeline.sources.base import Source
from pipeline.tables import TableWriter
from pipeline.taxonomy import Taxonomy
from schemas.base import canonical_json
from schemas.config import BuildConfig
from schemas.derived import arrow_schema
from schemas.errors import ConservationError, RunDirectoryError, SourceError
from schemas.image import SPLITS, ImageRef, SelectedImage, Split
from schemas.manifest import SelectionManifest
from schemas.rejection import Rejection, RejectReason, Stage

SELECTION_FILE = "selection.parquet"
REJECTIONS_FILE = "rejections.parquet"
MANIFEST_FILE = "selection.json"


def select_images(
    index: pa.Table, source: Source, config: BuildConfig, taxonomy: Taxonomy, out: Path, progress: Progress
) -> SelectionManifest:
    """Draw the images of a build and write ``selection.parquet``, ``rejections.parquet`` and ``selection.json``.

    The result is a function of the index's ids, the files' bytes, the configuration and the screening's version; order,
    workers and restarts change nothing. Verdicts are kept as they come, so a killed run goes on where it was.

    Raises:
        ConfigError: an unknown synset in the configuration.
        SourceError: no image is left to draw.
        ConservationError: candidates were lost or counted twice.
    """
    wanted, unwanted = split_by_class(index, judge_class(taxonomy, config.selection))
    judge = judge_holdout(taxonomy, config.selection.holdout, config.seed)
    candidates = queue_candidates(wanted, config.seed)
    store = VerdictStore(out / "verdicts")
    drawn = _draw_in_rounds(candidates, store, source, config, progress)
    verdicts = store.table()
    rejected = _write_rejections(out / REJECTIONS_FILE, unwanted, candidates.index, drawn, verdicts)
    if not drawn.accepted:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in rejected.items())
        raise SourceError(f"none of {len(index):,} images can be used ({counts})", f"see {out / REJECTIONS_FILE}")
    images = candidates.index.take(drawn.accepted)
    facts = verdicts["facts"].take(pc.index_in(images["image_id"], value_set=verdicts["image_id"])).combine_chunks()
    groups = _group(images, facts, config.screening.near_duplicate_bits)
    ids, wnids = images["image_id"].to_pylist(), images["wnid"].to_pylist()
    holdouts = hold_groups_together(map(judge, ids, wnids), groups)
    _write_selection(out / SELECTION_FILE, images, facts, holdouts, groups)
    manifest = SelectionManifest(
        seed=config.seed,
        target=config.selection.images,
        candidates=len(index),
        left_over=_count_untouched(len(wanted), drawn),
        rejected=rejected,
        near_duplicate_groups=sum(size > 1 for size in collections.Counter(groups).values()),
        screening=SCREENING_VERSION,
        taxonomy_sha256=taxonomy.sha256,
        versions=library_versions(),
        ids={split: tuple(i for i, h in zip(ids, holdouts, strict=True) if _split(h) == split) for split in SPLITS},
    ).signed()
    _check_conservation(manifest)
    write_atomic(out / MANIFEST_FILE, canonical_json(manifest.model_dump(mode="json")))
    return manifest


def load_selection(out: Path) -> SelectionManifest | None:
    """The manifest of a finished selection, or ``None`` when it is not there.

    Raises:
        RunDirectoryError: it is damaged, or does not carry its own digest.
    """
    path = out / MANIFEST_FILE
    if not all((out / name).exists() for name in (MANIFEST_FILE, SELECTION_FILE, REJECTIONS_FILE)):
        return None
    try:
        manifest = SelectionManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunDirectoryError(f"{path}: is no manifest of a selection", "remove the file to draw again") from error
    if manifest.sha256 != manifest.digest():
        raise RunDirectoryError(f"{path}: does not match its own checksum", "remove the file to draw again")
    return manifest


def _split(holdout: str) -> Split:
    return "train" if holdout == "none" else "benchmark"


def _draw_in_rounds(
    candidates: Candidates, store: VerdictStore, source: Source, config: BuildConfig, progress: Progress
) -> Draw:
    """Draw, screen what the draw had to guess, and draw again until nothing was guessed."""
    verdicts = _recall(candidates.index, store.table())
    with progress.task("screen", None, "images") as task:
        task.advance(len(verdicts))
        while (drawn := draw(candidates.queues, verdicts, config.selection.images)).unknown:
            rows = _in_reading_order(candidates.index, drawn.unknown)
            task.expect(len(verdicts) + len(rows))
            screened = store.keep(screen_all(source, _refs(candidates.index, rows), config.screening))
            for row, (_, verdict) in zip(rows, screened, strict=True):
                verdicts[row] = verdict.reason if isinstance(verdict, Unusable) else bytes.fromhex(verdict.sha256)
                task.advance()
    return drawn


def _recall(index: pa.Table, verdicts: pa.Table) -> dict[int, Verdict]:
    """Verdicts of an earlier, unfinished draw, by row of the index."""
    rows = pc.index_in(verdicts["image_id"], value_set=index["image_id"]).to_pylist()
    digests = pc.struct_field(verdicts["facts"], "sha256").to_pylist()
    reasons = verdicts["reason"].to_pylist()
    return {
        row: RejectReason(reason) if reason else bytes.fromhex(digest)
        for row, reason, digest in zip(rows, reasons, digests, strict=True)
        if row is not None
    }


def _in_reading_order(index: pa.Table, rows: Sequence[int]) -> list[int]:
    """Sort rows by where their bytes lie, so that discs and caches are read forwards."""
    places = index.select(["container", "offset"]).take(rows).append_column("row", pa.array(rows))
    ordered: list[int] = places.sort_by([("container", "ascending"), ("offset", "ascending")])["row"].to_pylist()
    return ordered


def _refs(index: pa.Table, rows: Sequence[int]) -> Iterator[ImageRef]:
    for start in range(0, len(rows), 1024):
        batch = index.select(list(ImageRef.model_fields)).take(rows[start : start + 1024])
        yield from (ImageRef(**row) for row in batch.to_pylist())


def _write_rejections(
    path: Path, unwanted: Iterator[Rejection], index: pa.Table, drawn: Draw, verdicts: pa.Table
) -> dict[RejectReason, int]:
    """Write every rejection of this stage, in a fixed order, and count them by reason."""
    counts: collections.Counter[RejectReason] = collections.Counter()
    with TableWriter(path, Rejection) as writer:
        for rejection in unwanted:
            writer.add(rejection)
            counts[rejection.reason] += 1
        faulty = verdicts.filter(pc.is_valid(verdicts["reason"]))
        details = dict(zip(faulty["image_id"].to_pylist(), faulty["detail"].to_pylist(), strict=True))
        ids, wnids = index["image_id"], index["wnid"]
        for row, reason, twin in drawn.rejected:
            image_id = ids[row].as_py()
            detail = details[image_id] if twin is None else f"same bytes as {ids[twin].as_py()}"
            writer.add(
                Rejection(image_id=image_id, wnid=wnids[row].as_py(), stage=Stage.SELECT, reason=reason, detail=detail)
            )
            counts[reason] += 1
    return dict(sorted(counts.items()))


def _group(images: pa.Table, facts: pa.StructArray, max_bits: int) -> list[str]:
    """For each image the smallest id among its near-duplicates."""
    hashes = np.array([int(phash, 16) for phash in facts.field("phash").to_pylist()], np.uint64)
    positions = group_near_duplicates(hashes, max_bits).tolist()
    ids: list[str] = images["image_id"].to_pylist()
    smallest: dict[int, str] = {}
    for image_id, position in zip(ids, positions, strict=True):
        smallest[position] = min(image_id, smallest.get(position, image_id))
    return [smallest[position] for position in positions]


def _write_selection(
    path: Path, images: pa.Table, facts: pa.StructArray, holdouts: Sequence[str], groups: Sequence[str]
) -> None:
    schema = arrow_schema(SelectedImage)
    names = list(ImageRef.model_fields)
    refs = pa.StructArray.from_arrays(
        [images[name].combine_chunks() for name in names], fields=list(schema.field("ref").type)
    )
    columns = {
        "order": pa.array(range(len(images)), pa.int64()),
        "ref": refs,
        "facts": facts.cast(schema.field("facts").type),
        "split": pa.array([_split(holdout) for holdout in holdouts]),
        "holdout": pa.array(holdouts),
        "duplicate_group": pa.array(groups),
    }
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    with atomic_writer(path) as file:
        pq.write_table(table, file, compression="zstd", row_group_size=16_384)


def _count_untouched(candidates: int, drawn: Draw) -> int:
    """Candidates that were neither drawn nor rejected, counted one by one and not by subtraction."""
    untouched = np.ones(candidates, bool)
    untouched[drawn.accepted] = False
    untouched[[row for row, _, _ in drawn.rejected]] = False
    return int(untouched.sum())


def _check_conservation(manifest: SelectionManifest) -> None:
    accounted = manifest.drawn + sum(manifest.rejected.values()) + manifest.left_over
    if accounted != manifest.candidates:
        raise ConservationError(
            f"selection: {manifest.candidates:,} candidates came in but {accounted:,} are accounted for"
        )
