"""The generation stage: selection in, a full ledger of one teacher out."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.engines.base import Engine
from pipeline.generation.admission import Admission
from pipeline.generation.attempts import Asker, Yield
from pipeline.generation.chunk import AskedChunk
from pipeline.generation.images import AskedImage
from pipeline.generation.ledger import LedgerWriter, leave_it_there, ledger_directory
from pipeline.generation.prepare import Preparation, Prepared
from pipeline.generation.questions import Questions
from pipeline.generation.results import Standing
from pipeline.generation.retries import FEWEST_REFUSALS
from pipeline.generation.setup import TeacherSetup, claim_identity, identity_file, read_results
from pipeline.generation.supervise import SupervisedEngine
from pipeline.generation.window import first_cause, roll_window
from pipeline.progress import Progress, Task
from pipeline.sources.base import Pictures
from pipeline.taxonomy import Taxonomy
from schemas.config import GenerationConfig
from schemas.errors import ConservationError
from schemas.report import GenerationReport


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """What one model is asked, in a build or in an evaluation.

    Args:
        setup: the model.
        seed: of the whole; each request's own seed comes from it.
        settings: how the model is kept busy.
        images: what it is asked about, in order; read several times.
        ledger: the ledger's root.
        source: where the pictures are.
        taxonomy: for prompts that show the class.
        progress: where to tell how it goes.
        chunk: the part of somebody's plan that ``images`` are, where they are one.
        pinned: the canaries are the first of these; of ``images`` when left out.
        landed: is given each file that others read, once it is written.
    """

    setup: TeacherSetup
    seed: int
    settings: GenerationConfig
    images: Iterable[AskedImage]
    ledger: Path
    source: Pictures
    taxonomy: Taxonomy
    progress: Progress
    chunk: AskedChunk | None = None
    pinned: Iterable[AskedImage] | None = None
    landed: Callable[[Path], None] = leave_it_there

    @property
    def questions(self) -> Questions:
        """How the teacher is asked."""
        return Questions(self.setup, self.seed, self.taxonomy)

    def standings(self) -> dict[str, Standing]:
        """Where the ledger leaves each image that was asked."""
        if self.chunk is not None:
            return self.chunk.standings_now(self.setup, self.ledger)
        results = read_results(self.setup, self.ledger)
        return dict(results.standings) if results else {}

    def pending(self, standings: Mapping[str, Standing]) -> Iterator[AskedImage]:
        """Images that the model is still to be asked about, in order."""
        for image in self.images:
            standing = standings.get(image.ref.image_id)
            if standing is None or standing.is_pending(self.settings.max_attempts):
                yield image

    def count_pending(self) -> int:
        """How many images are still to be asked about."""
        return sum(1 for _ in self.pending(self.standings()))


def generate_pairs(job: GenerationJob) -> GenerationReport | None:
    """Ask one model about every image that the ledger does not settle yet.

    Returns:
        What was done, or ``None`` when nothing was missing; no engine is started then.

    Raises:
        RunDirectoryError: the engine is not the one that wrote the ledger so far.
        EngineError: the engine does not start, failed a canary, stayed away or died too often.
        SourceError: a picture changed since it was screened.
        ConservationError: an image is neither done nor used up at the end.
    """
    standings = job.standings()
    missing = sum(1 for _ in job.pending(standings))
    if not missing:
        return None
    # what was kept of a stream may have been damaged since
    job.source.prepare((image.ref for image in job.images), job.progress)
    try:
        report = asyncio.run(_generate(job, standings, missing))
    except BaseExceptionGroup as group:
        raise first_cause(group) from group
    if left := job.count_pending():
        raise ConservationError(f"generation: {left:,} of {missing:,} images asked are not settled in the ledger")
    return report


async def _generate(job: GenerationJob, standings: Mapping[str, Standing], missing: int) -> GenerationReport:
    admission = Admission(job.questions, job.pinned or job.images, job.source, job.ledger, job.progress)
    engine = SupervisedEngine(
        functools.partial(start_engine, job),
        job.settings.engine_restarts,
        admit=admission.look_at,
        warn=job.progress.warn,
    )
    try:
        await engine.ready()
        report = await ask_pending(job, engine, standings, missing)
        return report.model_copy(update={"canaries": admission.canaries})
    finally:
        await engine.close()


def start_engine(job: GenerationJob) -> Engine:
    """Start the engine that a job's teacher runs on, and show that it takes its time.

    Raises:
        ConfigError: the engine cannot be made.
        EngineError: it does not start.
    """
    with job.progress.task(f"start {job.setup.name}", 1, "engine") as task:
        engine = job.setup.start_engine()
        task.advance()
        return engine


async def ask_pending(
    job: GenerationJob, engine: SupervisedEngine, standings: Mapping[str, Standing], missing: int
) -> GenerationReport:
    """Ask an engine that runs already about the ``missing`` images that ``standings`` leave pending.

    Raises: see :func:`generate_pairs`.
    """
    setup, settings = job.setup, job.settings
    fingerprint = claim_identity(setup, engine.info, job.ledger).fingerprint
    job.landed(identity_file(job.ledger, setup.name))
    directory = ledger_directory(job.ledger, setup.name, fingerprint)
    writer = _open_writer(job, directory)
    engine.before_restart = writer.flush
    size = settings.max_concurrency or engine.concurrency
    most_refusals = max(FEWEST_REFUSALS, size)
    asker = Asker(job.questions, fingerprint, settings.max_attempts, engine, writer, most_refusals)
    began = time.monotonic()
    with job.progress.task(f"generate {setup.name}", missing, "images") as task:
        async with writer.rolling():
            starved = await _ask_all(job, standings, asker, task, size)
            asker.settle()
    return _report(asker, time.monotonic() - began, starved)


async def _ask_all(job: GenerationJob, standings: Mapping[str, Standing], asker: Asker, task: Task, size: int) -> float:
    async def ask(image: Prepared) -> None:
        await asker.climb(image, standings.get(image.ref.image_id, Standing()))
        task.advance()
        task.describe(_summarise(asker.gains))

    settings = job.settings
    preparation = Preparation(job.source, job.pending(standings), settings.prepare_workers, settings.prepare_ahead)
    try:
        return await roll_window(preparation.next, ask, size)
    finally:
        preparation.close()


def _open_writer(job: GenerationJob, directory: Path) -> LedgerWriter:
    settings, chunk = job.settings, job.chunk
    if chunk is None:
        return LedgerWriter(directory, settings.part_rows, settings.part_seconds, landed=job.landed)
    chunk.note_beginning(job.landed)
    return LedgerWriter(directory, settings.part_rows, settings.part_seconds, chunk.key, job.landed)


def _summarise(gains: Yield) -> str:
    return ", ".join(f"{status} {count:,}" for status, count in gains.statuses.most_common(3))


def _report(asker: Asker, seconds: float, starved: float) -> GenerationReport:
    gains, info = asker.gains, asker.engine.info
    return GenerationReport(
        teacher=asker.questions.setup.name,
        model=info.model,
        engine=info.engine,
        attempts=gains.statuses.total(),
        statuses=dict(gains.statuses),
        rungs=dict(gains.rungs),
        completion_tokens=gains.completion_tokens,
        restarts=asker.engine.restarts,
        seconds=seconds,
        starved_seconds=starved,
    )
