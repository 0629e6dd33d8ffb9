"""The verification as a whole: documents first, then every shard in parallel, then the readers' libraries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.packed.dataset import names_only_packed_paths
from pipeline.packing.shards import count_workers
from pipeline.progress import Progress
from pipeline.publishing.verify.counts import check_counts
from pipeline.publishing.verify.documents import (
    check_card,
    check_releases,
    check_side_files,
    check_sums,
    check_tree,
    read_manifest,
)
from pipeline.publishing.verify.preview import check_preview
from pipeline.publishing.verify.report import Findings, VerifyReport
from pipeline.publishing.verify.shards import ShardCheck, ShardFindings, check_shard
from pipeline.workers import ordered_map
from schemas.errors import DatasetError
from schemas.manifest import DatasetManifest


def verify_dataset(root: Path, progress: Progress, workers: int = 0) -> VerifyReport:
    """Check a packed dataset from end to end. Nothing in it is trusted, and nothing of it is changed.

    Memory grows with the number of images by their ids and eight bytes each, not with their contents.

    Args:
        root: the dataset's folder.
        progress: told of shards and rows.
        workers: processes that read shards; 0 takes one per core.

    Raises:
        DatasetError: there is no such folder.
    """
    root = root.resolve()
    if not root.is_dir():
        raise DatasetError(f"{root}: there is no such folder", "name the folder that holds manifest.json")
    findings = Findings()
    manifest = read_manifest(root, findings)
    if manifest is not None:
        _check_dataset(root, manifest, findings, progress, workers)
    return findings.report(str(root))


def _check_dataset(root: Path, manifest: DatasetManifest, findings: Findings, progress: Progress, workers: int) -> None:
    check_tree(root, manifest, findings)
    check_sums(root, manifest, findings)
    statistics = check_side_files(root, manifest, findings)
    check_card(root, manifest, findings)
    check_releases(root, manifest, findings)
    shards = _check_shards(root, manifest, findings, progress, workers)
    check_counts(statistics, manifest, shards, findings)
    check_preview(root, manifest, shards, findings)
    if findings.faults:
        # Libraries would stumble over the same faults, and tell less of them.
        findings.skip("reading with datasets and webdataset")
    else:
        # Here, because the processes that check shards need not wait for these libraries.
        from pipeline.publishing.verify.readers import read_back  # noqa: PLC0415 - see above

        read_back(root, manifest, shards, findings, progress)


def _check_shards(
    root: Path, manifest: DatasetManifest, findings: Findings, progress: Progress, workers: int
) -> list[ShardFindings]:
    if not names_only_packed_paths(manifest):
        findings.skip("shards")
        return []
    checks = [ShardCheck.of(root, entry, manifest) for entry in manifest.shards]
    readable = [check for check in checks if check.path.is_file() and not check.path.is_symlink()]
    workers = count_workers(workers, len(readable), manifest.packed)
    shards: list[ShardFindings] = []
    with progress.task("verify", manifest.packed, "images") as task:
        for shard in ordered_map(check_shard, readable, workers):
            findings.blame_all(shard.faults)
            findings.count("shards")
            findings.count("tar members", shard.members)
            findings.count("records and pictures", len(shard.keys))
            task.advance(len(shard.keys))
            shards.append(shard)
    _check_unique(shards, findings)
    return shards


def _check_unique(shards: Sequence[ShardFindings], findings: Findings) -> None:
    """No image stands in two shards."""
    home: dict[str, str] = {}
    for shard in shards:
        for key in set(shard.keys):
            if home.setdefault(key, shard.entry.path) != shard.entry.path:
                findings.blame(shard.entry.path, f"stands in {home[key]} as well", key)
    findings.count("distinct keys", len(home))
