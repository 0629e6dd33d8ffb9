"""What the generation stage costs beside a model: against bare loops on the same engine, and on the same server.

The model is next to nothing, so that what a request costs around it is all that is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from PIL import Image

from benchmarks.bare_loops import Bare, BareHttp, BareVllm, ask_all
from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.small_teacher import (
    CONCURRENCY,
    build_small_teacher,
    select_photographs,
    serving,
    take_images,
    with_length,
    with_server,
)
from pipeline.engines import Engine, EngineRequest
from pipeline.generation import GenerationJob
from pipeline.generation.generate import ask_pending
from pipeline.generation.prepare import prepare
from pipeline.generation.supervise import SupervisedEngine
from schemas.completion import Rung
from schemas.report import GenerationReport

IMAGES = {
    "tiny": {64: 8, 512: 4},
    "quick": {64: 128, 512: 64},
    "full": {64: 384, 512: 96},
}
"""By the tokens that a text may have; the teachers write some 500 to 2,000 of a photograph. A round begins with an
empty window, so it must hold several fillings of it."""

ROUNDS = {"tiny": 1, "quick": 5, "full": 9}


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Ask about the same photographs, with the same seeds and as many at a time, both ways."""
    settings = build_small_teacher(directory)
    sizes = IMAGES[scale]
    job = select_photographs(directory, settings, max(sizes.values()))
    with asyncio.Runner() as runner:
        with _running(job, runner) as engine:
            bare = BareVllm(engine._llm)  # type: ignore[attr-defined]  # noqa: SLF001 - both sides ask the same one
            for length, images in sizes.items():
                part = take_images(with_length(job, length), images)
                contest = _Contest(part, engine, bare, runner, directory / f"vllm-{length}")
                yield contest.run("ask in process", "bare AsyncLLM loop", ROUNDS[scale])
        with serving(settings) as url, _running(with_server(job, url), runner) as engine, _session(runner) as session:
            bare_http = BareHttp(session, url, job.setup.spec.model)
            for length, images in sizes.items():
                part = take_images(with_length(job, length), images)
                contest = _Contest(part, engine, bare_http, runner, directory / f"http-{length}")
                yield contest.run("ask over HTTP", "bare aiohttp loop", ROUNDS[scale])


@dataclasses.dataclass(frozen=True)
class _Contest:
    """One length of texts, asked both ways in one event loop."""

    job: GenerationJob
    engine: Engine
    bare: Bare
    runner: asyncio.Runner
    directory: Path

    def run(self, what: str, against: str, rounds: int) -> Comparison:
        """Race, after a round for each to warm up. Our median share of starved time is part of the name."""
        requests = list(self._requests())
        starved: list[float] = []

        def ours() -> int:
            ledger = self.directory / f"ledger-{len(starved)}"
            report = self.runner.run(self._ask_by_stage(dataclasses.replace(self.job, ledger=ledger), len(requests)))
            starved.append(report.starved_share)
            return report.completion_tokens

        def baseline() -> int:
            return self.runner.run(ask_all(requests, self.bare, CONCURRENCY))

        ours()
        turns = itertools.repeat(Round(baseline(), ours, baseline), rounds)
        comparison = race(f"{what}, {self.job.setup.sampling.max_tokens} tokens", "tokens/s", against, turns)
        share = f"starved {statistics.median(starved[1:]):.1%}"
        return dataclasses.replace(comparison, what=f"{comparison.what}, {share}")

    async def _ask_by_stage(self, job: GenerationJob, images: int) -> GenerationReport:
        return await ask_pending(job, SupervisedEngine(lambda: self.engine, restarts=0), {}, images)

    def _requests(self) -> Iterator[EngineRequest]:
        """What the stage will ask, without the decoded pictures."""
        for selected in self.job.pending({}):
            request = self.job.questions.pose(prepare(self.job.source, selected), 1, Rung.AS_IS)
            yield dataclasses.replace(request, image=Image.new("RGB", (1, 1)))


@contextlib.contextmanager
def _running(job: GenerationJob, runner: asyncio.Runner) -> Iterator[Engine]:
    async def start() -> Engine:
        return job.setup.start_engine()

    engine = runner.run(start())
    try:
        yield engine
    finally:
        runner.run(engine.close())


@contextlib.contextmanager
def _session(runner: asyncio.Runner) -> Iterator[aiohttp.ClientSession]:
    async def start() -> aiohttp.ClientSession:
        # the server closes what is idle for five seconds, which nobody notices between two rounds
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=1))

    session = runner.run(start())
    try:
        yield session
    finally:
        runner.run(session.close())
