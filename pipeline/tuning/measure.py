"""Measuring: the generation stage's own way of asking, on a sample, once per setting."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.generation import AskedImage, GenerationJob
from pipeline.generation.generate import ask_pending, start_engine
from pipeline.generation.ledger import LedgerReader
from pipeline.generation.supervise import SupervisedEngine
from pipeline.generation.window import first_cause
from pipeline.progress import Progress, Task
from pipeline.tables import read_columns
from pipeline.tuning import rates
from pipeline.tuning.plan import TuningPlan
from pipeline.tuning.rates import Attempt
from pipeline.tuning.report import Failure, Point, Start
from pipeline.tuning.settings import widen
from schemas.completion import PairStatus
from schemas.errors import EngineError
from schemas.report import GenerationReport

WARM_UP_TOKENS = 16
"""Per picture: enough to take every path of the engine once. What only a wider window warms up, each point's own
beginning does, which is no part of its rate."""

_COLUMNS = ["image_id", "attempt", "started_at", "seconds", "completion_tokens", "status"]


def tune_teacher(plan: TuningPlan, job: GenerationJob) -> Iterator[Start | Point | Failure]:
    """Measure every setting of a plan; each finding as soon as it is known.

    Every point asks the same images with the same seeds, as the build would, and writes to a ledger of its own in a
    temporary folder.

    Args:
        plan: what to measure.
        job: the teacher's part of the build. Its own ledger is neither read nor written.

    Raises:
        SourceError: a picture changed since it was screened.
        ConfigError: the engine cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="imagenet-think-tune-") as folder:
        bench = _Bench(plan, job, Path(folder))
        for limit in plan.batch_limits:
            yield from bench.measure_start(limit)


class _Bench:
    """A plan at work: one engine at a time, and a folder for ledgers."""

    def __init__(self, plan: TuningPlan, job: GenerationJob, folder: Path) -> None:
        self._plan = plan
        self._job = job
        self._folder = folder
        self._ledgers = 0
        self._sample = self._take_head(plan.images)
        self._warm_up_sample = self._take_head(plan.concurrencies[0])

    def measure_start(self, limit: int | None) -> Iterator[Start | Point | Failure]:
        """Start the engine with one batch limit and measure each concurrency; what fails, fails for wider ones too."""
        at: int | None = None
        with asyncio.Runner() as runner:
            try:
                began = time.monotonic()
                engine = runner.run(self._start(limit))
                yield Start(max_num_batched_tokens=limit, seconds=time.monotonic() - began)
                try:
                    at = self._plan.concurrencies[0]
                    runner.run(self._warm_up(engine))
                    for at in self._plan.concurrencies:
                        yield runner.run(self._measure_point(engine, at, limit))
                finally:
                    runner.run(engine.close())
            except EngineError as error:
                yield Failure(max_num_batched_tokens=limit, concurrency=at, reason=str(error))

    async def _start(self, limit: int | None) -> SupervisedEngine:
        engine = widen(self._plan.engine, self._plan.concurrencies[-1], limit)
        teacher = self._job.setup.config.model_copy(update={"engine": engine})
        setup = dataclasses.replace(self._job.setup, config=teacher)
        job = dataclasses.replace(self._job, setup=setup)
        return SupervisedEngine(functools.partial(start_engine, job), restarts=0)

    async def _warm_up(self, engine: SupervisedEngine) -> None:
        sampling = self._job.setup.sampling.model_copy(update={"max_tokens": WARM_UP_TOKENS})
        setup = dataclasses.replace(self._job.setup, sampling=sampling)
        settings = self._job.settings.model_copy(update={"max_attempts": 1})
        job = dataclasses.replace(self._job, setup=setup, settings=settings, images=self._warm_up_sample)
        await self._ask(job, engine, self._plan.concurrencies[0], f"warm up {setup.name}")

    async def _measure_point(self, engine: SupervisedEngine, concurrency: int, limit: int | None) -> Point:
        job = dataclasses.replace(self._job, images=self._sample)
        name = f"tune {job.setup.name}, {concurrency} at once"
        report, attempts = await self._ask(job, engine, concurrency, name)
        return _summarise(report, attempts, concurrency, limit)

    async def _ask(
        self, job: GenerationJob, engine: SupervisedEngine, concurrency: int, name: str
    ) -> tuple[GenerationReport, list[Attempt]]:
        """Run the stage on a job's images; its report, and what a new ledger holds of it."""
        self._ledgers += 1
        ledger = self._folder / f"ledger-{self._ledgers}"
        settings = job.settings.model_copy(update={"max_concurrency": concurrency})
        job = dataclasses.replace(job, settings=settings, ledger=ledger, progress=_Named(job.progress, name))
        images = sum(1 for _ in job.pending({}))
        try:
            report = await ask_pending(job, engine, {}, images)
        except BaseExceptionGroup as group:
            raise first_cause(group) from group
        return report, list(_read_attempts(ledger))

    def _take_head(self, count: int) -> tuple[AskedImage, ...]:
        """The first images of the selection: the draw takes the classes in turns."""
        return tuple(islice(self._job.images, count))


@dataclasses.dataclass(frozen=True, slots=True)
class _Named:
    """Progress under another name than the stage's own."""

    progress: Progress
    name: str

    def task(self, name: str, total: int | None, unit: str) -> contextlib.AbstractContextManager[Task]:  # noqa: ARG002 - the protocol's
        return self.progress.task(self.name, total, unit)

    def warn(self, text: str) -> None:
        self.progress.warn(text)


def _read_attempts(ledger: Path) -> Iterator[Attempt]:
    for directory in ledger.glob("*/*/"):
        for part in LedgerReader(directory).parts():
            columns = read_columns(part, _COLUMNS)
            for image_id, number, began, seconds, tokens, status in zip(
                *(columns[name].to_pylist() for name in _COLUMNS), strict=True
            ):
                yield Attempt(image_id, number, began, seconds, tokens, status == PairStatus.OK)


def _summarise(report: GenerationReport, attempts: list[Attempt], concurrency: int, limit: int | None) -> Point:
    tokens = [attempt.tokens for attempt in attempts]
    costs = rates.tokens_by_image(attempts)
    accepted = sum(attempt.accepted for attempt in attempts)
    speed = rates.token_rate(attempts)
    per_token = speed / sum(tokens) if sum(tokens) else 0.0
    return Point(
        concurrency=concurrency,
        max_num_batched_tokens=limit,
        images=len(costs),
        attempts=len(attempts),
        accepted=accepted,
        seconds=report.seconds,
        tokens_per_second=speed,
        images_per_second=per_token * len(costs),
        pairs_per_second=per_token * accepted,
        starved_share=report.starved_share,
        mean_tokens=sum(tokens) / len(tokens),
        p95_tokens=rates.percentile(tokens, 0.95),
        tokens_per_image=sum(costs) / len(costs),
        tokens_deviation=rates.deviation(costs),
        longest_seconds=max(rates.seconds_by_image(attempts)),
    )
