"""From finished shards to a dataset: their names, the counts, and all that is no shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.files import sync_directory
from pipeline.packed import PackedDataset
from pipeline.packing.layout import DATA_DIRECTORY, ShardPlan
from pipeline.packing.sealing import seal, unseal
from pipeline.packing.sidecars import REJECTIONS_FILE
from pipeline.packing.statistics import Tally, add_up, compute_statistics
from pipeline.publishing.rejoin.report import REASONS, NotExact
from pipeline.publishing.rejoin.shards import ShardReceipt
from pipeline.publishing.rejoin.workplace import Workplace
from pipeline.tables import read_rows, write_rows
from schemas.completion import Rung
from schemas.image import SPLITS
from schemas.manifest import DatasetManifest, ShardEntry, TeacherEntry
from schemas.rejection import Rejection, RejectReason, Stage


def write_listing(shards: Sequence[Path], listing: Path) -> None:
    """Put the shards' listings together, in their order."""
    write_rows(listing, (row for shard in shards for row in read_rows(shard, NotExact)), NotExact)


def name_shards(receipts: Sequence[ShardReceipt], out: Path) -> tuple[ShardEntry, ...]:
    """Give shards the names that packing would: without a gap where one has no image left.

    An interruption in between only costs that the renamed ones are written again.
    """
    named: list[ShardEntry] = []
    for split in SPLITS:
        held = [receipt.shard for receipt in receipts if receipt.shard.split == split and receipt.shard.images]
        for number, shard in enumerate(held):
            path = ShardPlan(split, number, len(held), 0, shard.images).path
            if path != shard.path:
                unseal(out)
                (out / shard.path).rename(out / path)
            named.append(shard.model_copy(update={"path": path}))
    if named:
        sync_directory(out / DATA_DIRECTORY)
    return tuple(named)


def write_documents(
    annotations: PackedDataset, receipts: Sequence[ShardReceipt], shards: tuple[ShardEntry, ...], place: Workplace
) -> DatasetManifest:
    """Write all that is no shard, the manifest last.

    With all shards as they were packed the result is the packed dataset, byte for byte. Any other is said to be made
    from that same dataset, as the annotations are: it has its records, and other files of some pictures.

    Raises:
        ConservationError: the counts do not add up; records that were read are packed or left out.
        OSError: the disk is full.
    """
    tally = add_up(receipt.tally for receipt in receipts)
    old = annotations.manifest
    rejected, rejections = _reject(annotations, receipts, place)
    manifest = old.model_copy(
        update={
            "edition": "pictures",
            "made_from": None if all(receipt.is_restored for receipt in receipts) else old.made_from,
            "packed": sum(shard.images for shard in shards),
            "rejected": rejected,
            "teachers": tuple(_recount(teacher, tally) for teacher in old.teachers),
            "shards": shards,
            "pictured": (),
            "files": {},
        }
    )
    statistics = compute_statistics(tally, [teacher.name for teacher in manifest.teachers])
    sealed = seal(place.out, manifest, statistics, rejections)
    if manifest.made_from is None and sealed.sha256 != old.made_from:
        # the shards are the packed ones, but other versions of this package write other documents
        sealed = seal(place.out, manifest.model_copy(update={"made_from": old.made_from}), statistics, rejections)
    return sealed


def _recount(teacher: TeacherEntry, tally: Tally) -> TeacherEntry:
    rungs = tally[f"{teacher.name}/rung"]
    by_rung = {rung.value: rungs[rung] for rung in Rung if rungs.get(rung)}
    return teacher.model_copy(update={"pairs": sum(rungs.values()), "pairs_by_rung": by_rung})


def _reject(
    annotations: PackedDataset, receipts: Sequence[ShardReceipt], place: Workplace
) -> tuple[dict[Stage, dict[RejectReason, int]], Path]:
    """Counts of all rejections, and their table; that of the annotations itself where nothing came on top."""
    earlier, counts = annotations.root / REJECTIONS_FILE, annotations.manifest.rejected
    lost: Counter[RejectReason] = Counter(counts.get(Stage.REJOIN, {}))
    for outcome, reason in REASONS.items():
        lost[reason] += sum(receipt.outcomes.get(outcome, 0) for receipt in receipts)
    here = {reason: lost[reason] for reason in RejectReason if lost[reason]}
    if here == counts.get(Stage.REJOIN, {}):
        return counts, earlier

    def rows() -> Iterator[Rejection]:
        yield from read_rows(earlier, Rejection)
        for row in read_rows(place.listing, NotExact):
            if row.outcome in REASONS:
                reason = REASONS[row.outcome]
                yield Rejection(
                    image_id=row.image_id, wnid=row.wnid, stage=Stage.REJOIN, reason=reason, detail=row.detail
                )

    write_rows(place.rejections, rows(), Rejection)
    together = {**counts, Stage.REJOIN: here}
    return {stage: together[stage] for stage in Stage if stage in together}, place.rejections
