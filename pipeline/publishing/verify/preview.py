"""The preview is the beginning of the first training shard, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.packed.dataset import names_only_packed_paths
from pipeline.packing.preview import PREVIEW_ROWS, choose_shard
from pipeline.publishing.verify.report import Findings
from pipeline.publishing.verify.shards import ShardCheck, ShardFindings, check_shard
from schemas.manifest import DatasetManifest


def check_preview(root: Path, manifest: DatasetManifest, shards: Sequence[ShardFindings], findings: Findings) -> None:
    """Hold the preview against what lies in the shard that it is the beginning of."""
    entry, chosen = manifest.preview, choose_shard(manifest.shards)
    if entry is None or chosen is None or not names_only_packed_paths(manifest):
        return
    path = root / entry.path
    if not path.is_file() or path.is_symlink():
        return
    preview = check_shard(ShardCheck.of(root, entry, manifest))
    findings.count("preview rows", len(preview.keys))
    findings.blame_all(preview.faults)
    whole = next((shard for shard in shards if shard.entry == chosen), None)
    if whole is None:
        return
    rows = min(PREVIEW_ROWS, chosen.images)
    if (preview.keys, preview.digests) != (whole.keys[:rows], whole.digests[:rows]) or entry.split != chosen.split:
        findings.blame(entry.path, f"is not the first {rows} rows of {chosen.path}")
