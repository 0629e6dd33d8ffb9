"""A teacher of the true architecture with next to no weights, and photographs that it is asked about."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx

from benchmarks.builds import write_source
from benchmarks.photographs import cut_photographs
from pipeline import stages
from pipeline.engines.checkpoint import resolve_checkpoint
from pipeline.engines.vllm.tiny import build_tiny
from pipeline.generation import GenerationJob
from pipeline.serving import ServeOptions, ServerProcess, launch_command, serve_flags
from pipeline.teachers import load_teacher
from schemas.config import (
    BuildConfig,
    GenerationConfig,
    SamplingOverrides,
    ScreeningConfig,
    SelectionConfig,
    SourceConfig,
    TeacherConfig,
)
from schemas.engines import CanaryConfig, OpenAIEngine, VllmEngine
from schemas.errors import EngineError

TEACHER = "glm-4.1v-9b-thinking"

PLACES = 32
"""In the engine's batch."""

CONCURRENCY = 48
"""Requests in flight, both ways: what our engine asks for with so many places, so that the next ones wait inside."""

_CONTEXT = 1024
_SECONDS_TO_START = 300.0


def build_small_teacher(directory: Path) -> VllmEngine:
    """Write the checkpoint; its engine's settings."""
    checkpoint = build_tiny(load_teacher(TEACHER).grammar, directory / "checkpoint")
    return VllmEngine(
        kind="vllm",
        model=str(checkpoint),
        dtype="float32",
        max_model_len=_CONTEXT,
        max_num_seqs=PLACES,
        # room for all prompts in one step: on CPUs vLLM dies of one that is split, where its request has a seed
        max_num_batched_tokens=8192,
        kv_cache_memory_bytes=64 * 2**20,
        engine_args={"enforce_eager": True, "logits_processors": ["benchmarks.even_texts:EvenTexts"]},
        canaries=CanaryConfig(images=0),
    )


def select_photographs(directory: Path, engine: VllmEngine, images: int) -> GenerationJob:
    """Make a source of photographs and select all that are usable; the job of asking about each once."""
    source = directory / "source.tar"
    write_source(source, cut_photographs(images))
    sampling = SamplingOverrides(temperature=1.0, top_p=1.0, top_k=-1, max_tokens=_CONTEXT // 2)
    config = BuildConfig(
        source=SourceConfig(path=str(source), form="tar"),
        screening=ScreeningConfig(workers=1),
        selection=SelectionConfig(images=images),
        teachers=(TeacherConfig(name=TEACHER, engine=engine, sampling=sampling),),
        generation=GenerationConfig(max_attempts=1, max_concurrency=CONCURRENCY),
    )
    build = stages.open_build(config, directory / "run")
    stages.index(build)
    stages.select(build)
    return build.job(build.teachers[0])


def with_length(job: GenerationJob, tokens: int) -> GenerationJob:
    """The same job with another limit on the output."""
    sampling = job.setup.sampling.model_copy(update={"max_tokens": tokens})
    return dataclasses.replace(job, setup=dataclasses.replace(job.setup, sampling=sampling))


def take_images(job: GenerationJob, images: int) -> GenerationJob:
    """The same job on the first images of its selection."""
    return dataclasses.replace(job, images=tuple(islice(job.images, images)))


def with_server(job: GenerationJob, url: str) -> GenerationJob:
    """The same job with its teacher behind a server."""
    engine = OpenAIEngine(
        kind="openai", base_urls=(url,), requests_per_server=CONCURRENCY, canaries=CanaryConfig(images=0)
    )
    config = job.setup.config.model_copy(update={"engine": engine})
    return dataclasses.replace(job, setup=dataclasses.replace(job.setup, config=config))


@contextlib.contextmanager
def serving(engine: VllmEngine) -> Iterator[str]:
    """A server with the teacher while the block runs; its URL.

    Raises:
        EngineError: it does not start; its own words stand on the standard error.
    """
    teacher = load_teacher(TEACHER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        options = ServeOptions(port=free.getsockname()[1])
    flags = serve_flags(engine, teacher, resolve_checkpoint(engine, teacher), options)
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), root)))
    environment = {"VLLM_LOGGING_LEVEL": "ERROR", **os.environ, "PYTHONPATH": paths}
    with ServerProcess(launch_command(flags), environment, sys.stderr.buffer) as server:
        _wait_for(server, options.url.removesuffix("/v1") + "/health")
        yield options.url


def _wait_for(server: ServerProcess, url: str) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and not server.has_ended():
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise EngineError("the server does not start")
