"""The generation stage of a build, for a pool of workers: the parent's side and the worker's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pipeline.dispatch.backlog import Backlog
from pipeline.dispatch.chunks import beginning_file, chunk_file, read_chunk
from pipeline.dispatch.dispatcher import SHARED_DISK, Dispatcher, Store
from pipeline.dispatch.pool import Pool
from pipeline.generation import AskedChunk, SelectedImages, generate_pairs
from pipeline.selection import SELECTION_FILE
from pipeline.stages import Build, require_selection, write_report
from schemas.config import WorkPoolConfig
from schemas.report import GenerationReport

CHUNK_REPORTS = "chunks"
"""Below the run directory's reports: one of each run of a chunk that asked anything."""


def generate_chunk(build: Build, teacher: str, key: str) -> GenerationReport | None:
    """Ask one teacher about the images of one chunk that are not settled yet.

    Args:
        build: the build.
        teacher: the teacher's name.
        key: the chunk's; its file lies in the run directory.

    Returns:
        What was done, or ``None`` when nothing was missing.

    Raises: see :func:`pipeline.generation.generate_pairs`; and
        RunDirectoryError: there is no such chunk.
        ConfigError: there is no such teacher.
    """
    job = build.job(build.setup_of(teacher))
    chunks = build.run.chunks
    images = read_chunk(chunk_file(chunks, teacher, key))
    wanted = {image.image_id for image in images}
    part = dataclasses.replace(
        job,
        images=list(SelectedImages(build.run.selection / SELECTION_FILE, wanted)),
        pinned=job.images,
        chunk=AskedChunk(key, images, beginning_file(chunks, teacher, key)),
    )
    report = generate_pairs(part)
    if report is not None:
        build.landed(write_report(build.run, f"{CHUNK_REPORTS}/{teacher}-{key}", report))
    return report


def open_dispatcher(
    build: Build,
    pool: Pool,
    settings: WorkPoolConfig,
    teachers: Sequence[str] | None = None,
    store: Store = SHARED_DISK,
) -> Dispatcher:
    """Open what hands the generation stage out to a pool of workers.

    Args:
        build: the build.
        pool: the workers.
        settings: how work is cut.
        teachers: only these; all of the build's when left out.
        store: where the run directory is shared.

    Raises:
        RunDirectoryError: no images were selected yet, or a chunk's file is damaged.
        SourceError: a picture of a stream is neither among those that were kept nor in the source any more.
    """
    require_selection(build)
    images = SelectedImages(build.run.selection / SELECTION_FILE)
    # once here and not by each worker: they would all fetch the same from a stream
    build.source.prepare((image.ref for image in images), build.progress)
    ids = list(images.ids())
    backlogs = [
        Backlog(
            setup,
            ids,
            build.run.ledger,
            build.run.chunks,
            max_attempts=build.config.generation.max_attempts,
            told=settings.images_per_minute.get(setup.name),
        )
        for setup in build.teachers
        if teachers is None or setup.name in teachers
    ]
    return Dispatcher(backlogs, pool, settings, build.run.chunks, store=store, warn=build.progress.warn)
