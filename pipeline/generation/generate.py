"""The generation stage: selection in, a full ledger of one teacher out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.generation.attempts import Asker, Yield
from pipeline.generation.ledger import LedgerWriter, ledger_directory
from pipeline.generation.prepare import Preparation, Prepared
from pipeline.generation.results import Standing
from pipeline.generation.setup import TeacherSetup, claim_identity, read_results
from pipeline.generation.supervise import SupervisedEngine
from pipeline.generation.window import roll_window
from pipeline.progress import Progress, Task
from pipeline.sources.base import Source
from pipeline.tables import read_rows
from pipeline.taxonomy import Taxonomy
from schemas.config import BuildConfig
from schemas.errors import ConservationError
from schemas.image import SelectedImage
from schemas.report import GenerationReport


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """One teacher's work in one build.

    Args:
        setup: the teacher.
        config: the build.
        selection: the selection's Parquet file.
        ledger: the ledger's root.
        source: where the pictures are.
        taxonomy: for prompts that show the class.
        progress: where to tell how it goes.
    """

    setup: TeacherSetup
    config: BuildConfig
    selection: Path
    ledger: Path
    source: Source
    taxonomy: Taxonomy
    progress: Progress

    def standings(self) -> dict[str, Standing]:
        """Where the ledger leaves each image that was asked."""
        results = read_results(self.setup, self.ledger)
        return dict(results.standings) if results else {}

    def pending(self, standings: Mapping[str, Standing]) -> Iterator[SelectedImage]:
        """Selected images that the teacher is still to be asked about, in the order of the draw."""
        for selected in read_rows(self.selection, SelectedImage):
            standing = standings.get(selected.ref.image_id)
            if standing is None or standing.is_pending(self.config.generation.max_attempts):
                yield selected

    def count_pending(self) -> int:
        """How many images are still to be asked about."""
        return sum(1 for _ in self.pending(self.standings()))


def generate_pairs(job: GenerationJob) -> GenerationReport | None:
    """Ask one teacher about every selected image that the ledger does not settle yet.

    Returns:
        What was done, or ``None`` when nothing was missing; no engine is started then.

    Raises:
        RunDirectoryError: the engine is not the one that wrote the ledger so far.
        EngineError: the engine does not start, stayed away or died too often.
        SourceError: a picture changed since it was screened.
        ConservationError: an image is neither done nor used up at the end.
    """
    standings = job.standings()
    missing = sum(1 for _ in job.pending(standings))
    if not missing:
        return None
    try:
        report = asyncio.run(_generate(job, standings, missing))
    except BaseExceptionGroup as group:
        raise _first_cause(group) from group
    if left := job.count_pending():
        raise ConservationError(f"generation: {left:,} of {missing:,} images asked are not settled in the ledger")
    return report


async def _generate(job: GenerationJob, standings: Mapping[str, Standing], missing: int) -> GenerationReport:
    setup, settings = job.setup, job.config.generation
    engine = SupervisedEngine(setup.start_engine, settings.engine_restarts)
    try:
        fingerprint = claim_identity(setup, engine.info, job.ledger).fingerprint
        directory = ledger_directory(job.ledger, setup.name, fingerprint)
        writer = LedgerWriter(directory, settings.part_rows, settings.part_seconds)
        asker = Asker(setup, fingerprint, job.config.seed, settings.max_attempts, engine, writer)
        began = time.monotonic()
        with job.progress.task(f"generate {setup.name}", missing, "images") as task:
            async with writer.rolling():
                size = settings.max_concurrency or engine.concurrency
                starved = await _ask_all(job, standings, asker, task, size)
        return _report(asker, time.monotonic() - began, starved)
    finally:
        await engine.close()


async def _ask_all(job: GenerationJob, standings: Mapping[str, Standing], asker: Asker, task: Task, size: int) -> float:
    async def ask(image: Prepared) -> None:
        ref = image.selected.ref
        synset = job.taxonomy[ref.wnid]
        wording = job.setup.prompt.render(synset.lemmas, synset.definition)
        await asker.climb(image, wording, standings.get(ref.image_id, Standing()))
        task.advance()
        task.describe(_summarise(asker.gains))

    settings = job.config.generation
    preparation = Preparation(job.source, job.pending(standings), settings.prepare_workers, settings.prepare_ahead)
    try:
        return await roll_window(preparation.next, ask, size)
    finally:
        preparation.close()


def _summarise(gains: Yield) -> str:
    return ", ".join(f"{status} {count:,}" for status, count in gains.statuses.most_common(3))


def _report(asker: Asker, seconds: float, starved: float) -> GenerationReport:
    gains, info = asker.gains, asker.engine.info
    return GenerationReport(
        teacher=asker.setup.name,
        model=info.model,
        engine=info.engine,
        attempts=gains.statuses.total(),
        statuses=dict(gains.statuses),
        asked_by_rung=dict(gains.asked_by_rung),
        accepted_by_rung=dict(gains.accepted_by_rung),
        completion_tokens=gains.completion_tokens,
        restarts=asker.engine.restarts,
        seconds=seconds,
        starved_seconds=starved,
    )


def _first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception of a group: the one that cancelled the others."""
    first = group.exceptions[0]
    return _first_cause(first) if isinstance(first, BaseExceptionGroup) else first
