"""The preview: the first rows of the first training shard once more, for the hub's viewer and for a quick look.

The beginning of that shard, byte for byte, closed as a tar of its own: nothing but the shard decides what it holds.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path

from pipeline.files import atomic_writer, sha256_of
from pipeline.packing.layout import MEND_SHARD
from pipeline.tars import END_OF_ARCHIVE, read_members
from schemas.errors import DatasetError
from schemas.manifest import ShardEntry

PREVIEW_DIRECTORY = "preview"
PREVIEW_PATH = f"{PREVIEW_DIRECTORY}/preview-00000-of-00001.tar"
PREVIEW_ROWS = 100
WORTH_A_PREVIEW = 1_000
"""Images in a dataset of which a preview is made; a smaller one is looked at as a whole."""

_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview, and the shard of which it is the beginning."""

    entry: ShardEntry
    shard: Path
    length: int
    """Of the shard's beginning, in bytes."""

    def pieces(self) -> Iterator[bytes]:
        """The preview's bytes."""
        left = self.length
        with self.shard.open("rb") as file:
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece
        yield END_OF_ARCHIVE


def choose_shard(shards: Sequence[ShardEntry]) -> ShardEntry | None:
    """The shard that a dataset's preview is made from; ``None`` where there is to be no preview."""
    if sum(shard.images for shard in shards) < WORTH_A_PREVIEW:
        return None
    return next((shard for shard in shards if shard.split == "train"), None)


def plan_preview(out: Path, shards: Sequence[ShardEntry]) -> Preview | None:
    """Measure the preview of a dataset whose shards lie in ``out``; of these only the first training shard is read.

    Raises:
        DatasetError: the shard is damaged.
    """
    chosen = choose_shard(shards)
    if chosen is None:
        return None
    rows = min(PREVIEW_ROWS, chosen.images)
    shard = out / chosen.path
    length = _length_of(shard, rows)
    unmeasured = chosen.model_copy(update={"path": PREVIEW_PATH, "images": rows, "bytes": length + len(END_OF_ARCHIVE)})
    digest = hashlib.sha256()
    for piece in Preview(unmeasured, shard, length).pieces():
        digest.update(piece)
    return Preview(unmeasured.model_copy(update={"sha256": digest.hexdigest()}), shard, length)


def stands(out: Path, preview: Preview | None) -> bool:
    """Whether a dataset's preview is there as planned, or rightly not there."""
    target = out / PREVIEW_PATH
    if preview is None:
        return not target.exists()
    return target.is_file() and sha256_of(target) == preview.entry.sha256


def install_preview(out: Path, preview: Preview | None) -> None:
    """Write a dataset's preview, or take away one that is no longer due.

    Raises:
        OSError: the disk is full.
    """
    target = out / PREVIEW_PATH
    if preview is None:
        target.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, or somebody's own files in it
            target.parent.rmdir()
        return
    with atomic_writer(target) as file:
        for piece in preview.pieces():
            file.write(piece)


def _length_of(shard: Path, rows: int) -> int:
    """Where the first ``rows`` samples of a shard end, in bytes."""
    samples = groupby(read_members(shard), key=attrgetter("key"))
    try:
        sizes = [sum(member.size for member in members) for _, members in islice(samples, rows)]
    except DatasetError as error:
        raise DatasetError(f"{shard}: is damaged ({error})", MEND_SHARD) from error
    if len(sizes) < rows:
        raise DatasetError(f"{shard}: is damaged, and holds {len(sizes):,} images only", MEND_SHARD)
    return sum(sizes)
