"""Everything of a dataset that is no shard, written so that a dataset is complete or says that it is not.

``manifest.json`` says that a dataset is complete: it is taken away before anything else changes, and written last.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from pipeline.files import atomic_writer, sha256_of, sync_directory, write_atomic
from pipeline.packing.card import Placement, render_card
from pipeline.packing.conservation import check_conservation
from pipeline.packing.preview import Preview, install_preview, plan_preview, stands
from pipeline.packing.sidecars import (
    CARD_FILE,
    MANIFEST_FILE,
    OPTIONAL_FILES,
    REJECTIONS_FILE,
    SUMS_FILE,
    render_manifest,
    render_sidecars,
    render_sums,
)
from schemas.manifest import DatasetManifest
from schemas.statistics import DatasetStatistics


def seal(
    out: Path,
    manifest: DatasetManifest,
    statistics: DatasetStatistics,
    rejections: Path,
    placement: Placement | None = None,
) -> DatasetManifest:
    """Write the documents of a dataset whose shards lie in ``out``; those that hold what they must are left alone.

    Args:
        out: the dataset's folder.
        manifest: all but its ``preview``, its ``files`` and its digest, which are filled in here.
        statistics: of the records in the shards.
        rejections: the table that becomes ``rejections.parquet``; copied unless it stands there already.
        placement: where the dataset is published, and what was published there before.

    Raises:
        ConservationError: the manifest's counts do not add up.
        DatasetError: the shard that the preview is made from is damaged.
        OSError: the disk is full.
    """
    preview = plan_preview(out, manifest.shards)
    manifest = manifest.model_copy(update={"preview": None if preview is None else preview.entry})
    sidecars = render_sidecars(manifest, statistics)
    files = {path: hashlib.sha256(data).hexdigest() for path, data in sidecars.items()}
    files[REJECTIONS_FILE] = sha256_of(rejections)
    manifest = manifest.model_copy(update={"files": dict(sorted(files.items()))}).signed()
    check_conservation(manifest)
    placement = placement or Placement()
    card, extras = render_card(manifest, statistics, placement), placement.extras()
    sealed = {**extras, CARD_FILE: card, MANIFEST_FILE: render_manifest(manifest)}
    sums = render_sums(manifest, {path: hashlib.sha256(data).hexdigest() for path, data in sealed.items()})
    # the manifest last: its presence says that all the rest is there
    documents = {**sidecars, **extras, CARD_FILE: card, SUMS_FILE: sums, MANIFEST_FILE: sealed[MANIFEST_FILE]}
    _install(documents, rejections, preview, out)
    return manifest


def unseal(out: Path) -> None:
    """Take away what says that the dataset is complete, before anything of it changes."""
    if out.is_dir():
        for name in (MANIFEST_FILE, SUMS_FILE, CARD_FILE):
            (out / name).unlink(missing_ok=True)
        sync_directory(out)


def _install(documents: dict[str, bytes], rejections: Path, preview: Preview | None, out: Path) -> None:
    changed = [path for path, data in documents.items() if not _holds(out / path, data)]
    undue = [path for path in OPTIONAL_FILES if path not in documents and (out / path).exists()]
    table = out / REJECTIONS_FILE
    new_rejections = not table.is_file() or sha256_of(table) != sha256_of(rejections)
    new_preview = not stands(out, preview)
    if not (changed or undue or new_rejections or new_preview):
        return
    unseal(out)
    for path in undue:
        (out / path).unlink()
    if new_rejections:
        with rejections.open("rb") as file, atomic_writer(table) as copy:
            shutil.copyfileobj(file, copy)
    if new_preview:
        install_preview(out, preview)
    for path, data in documents.items():
        write_atomic(out / path, data)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except FileNotFoundError:
        return False
