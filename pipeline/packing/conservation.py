"""The conservation law of a dataset: what was seen is packed, rejected with a reason, or was not needed."""

from __future__ import annotations

from schemas.errors import ConservationError
from schemas.manifest import DatasetManifest
from schemas.rejection import Stage


def check_conservation(manifest: DatasetManifest) -> None:
    """Hold the manifest's counts against each other.

    Raises:
        ConservationError: selected images are neither packed nor rejected, or pairs are not one per image and teacher.
    """
    rejected = sum(sum(manifest.rejected.get(stage, {}).values()) for stage in (Stage.PACK, Stage.REJOIN))
    if manifest.selected != manifest.packed + rejected:
        raise ConservationError(
            f"packing: {manifest.selected:,} images were selected, {manifest.packed:,} packed and {rejected:,} rejected"
        )
    everywhere = sum(sum(reasons.values()) for reasons in manifest.rejected.values())
    if manifest.seen != manifest.packed + everywhere + manifest.left_over:
        raise ConservationError(
            f"packing: {manifest.seen:,} files were seen, {manifest.packed:,} packed, {everywhere:,} rejected "
            f"and {manifest.left_over:,} left over"
        )
    held = sum(shard.images for shard in manifest.shards)
    pairs = {teacher.name: teacher.pairs for teacher in manifest.teachers}
    if held != manifest.packed or any(count != manifest.packed for count in pairs.values()):
        raise ConservationError(f"packing: {manifest.packed:,} images, {held:,} in shards, pairs by teacher {pairs}")
