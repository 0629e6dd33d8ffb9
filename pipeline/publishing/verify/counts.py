"""The numbers that stand beside the records, held against a count of the records themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.packing.sidecars import MANIFEST_FILE, STATISTICS_FILE
from pipeline.packing.statistics import add_up, compute_statistics
from pipeline.publishing.verify.report import Findings
from pipeline.publishing.verify.shards import ShardFindings
from schemas.completion import PairStatus
from schemas.manifest import DatasetManifest
from schemas.statistics import DatasetStatistics


def check_counts(
    written: DatasetStatistics | None, manifest: DatasetManifest, shards: Sequence[ShardFindings], findings: Findings
) -> None:
    """``statistics.json``, from which the card is written, and the manifest say what the records come to.

    Left out when a shard is missing or damaged: what is wrong there would only be said once more.

    Args:
        written: what ``statistics.json`` says; ``None`` where it was blamed with the other side files.
        manifest: of the dataset.
        shards: what was found in them.
        findings: told of every difference.
    """
    damaged = {fault.file for fault in findings.faults} & {entry.path for entry in manifest.shards}
    tally = add_up(shard.tally for shard in shards)
    if damaged or len(shards) != len(manifest.shards) or not tally:
        findings.skip("counting the records again")
        return
    counted = compute_statistics(tally, [entry.name for entry in manifest.teachers])
    findings.count("records counted again", counted.images)
    if written is not None and written != counted:
        names = [name for name in DatasetStatistics.model_fields if getattr(written, name) != getattr(counted, name)]
        findings.blame(STATISTICS_FILE, f"is not what the records come to, in {', '.join(names)}")
    for fault in _teacher_faults(manifest, counted):
        findings.blame(MANIFEST_FILE, fault)


def _teacher_faults(manifest: DatasetManifest, counted: DatasetStatistics) -> Iterator[str]:
    for entry, teacher in zip(manifest.teachers, counted.teachers, strict=True):
        if entry.pairs_by_rung != teacher.rungs:
            yield f"its pairs of {entry.name} by rung are not those of the records"
        # An image that one teacher has answered and another has not is no record, so there may be more valid attempts.
        if entry.attempts_by_status.get(PairStatus.OK, 0) < entry.pairs:
            yield f"counts fewer valid attempts of {entry.name} than pairs"
