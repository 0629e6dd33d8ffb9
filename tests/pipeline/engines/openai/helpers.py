"""An engine for a test: made, asked and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from PIL import Image

from pipeline.engines.base import Engine, EngineRequest
from pipeline.engines.openai import connect
from pipeline.teachers import GRAMMARS, load_teacher
from schemas.engines import OpenAIEngine
from schemas.errors import EngineUnavailableError
from schemas.teacher import Sampling
from tests.fakes.openai_server import FakeServer

GLM = load_teacher("glm-4.1v-9b-thinking")
SAMPLING = Sampling(temperature=0.8, top_p=0.9, top_k=40, repetition_penalty=1.05, max_tokens=100)

Answer = TypeVar("Answer")


def settings(*urls: str | FakeServer, **changes: Any) -> OpenAIEngine:
    base = tuple(url.url if isinstance(url, FakeServer) else url for url in urls)
    return OpenAIEngine(kind="openai", base_urls=base, **changes)


def start(*urls: str | FakeServer, **changes: Any) -> Engine:
    return connect(settings(*urls, **changes), GLM, GRAMMARS[GLM.grammar])


@asynccontextmanager
async def opened(*urls: str | FakeServer, **changes: Any) -> AsyncIterator[Engine]:
    engine = start(*urls, **changes)
    try:
        yield engine
    finally:
        await engine.close()


def run(question: Callable[[Engine], Awaitable[Answer]], *urls: str | FakeServer, **changes: Any) -> Answer:
    """Ask a fresh engine something, within one event loop."""

    async def ask() -> Answer:
        async with opened(*urls, **changes) as engine:
            return await question(engine)

    return asyncio.run(ask())


def request(name: str = "n00000001_1/1", **changes: Any) -> EngineRequest:
    fields: dict[str, Any] = {
        "request_id": name,
        "image": Image.new("RGB", (4, 3), (200, 30, 60)),
        "prompt": "Describe the picture.",
        "sampling": SAMPLING,
        "seed": 7,
        **changes,
    }
    return EngineRequest(**fields)


async def persist(question: Callable[[], Coroutine[Any, Any, Answer]], seconds: float = 60.0) -> Answer:
    """Ask again as long as no server is up, as the supervisor does."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await question()
            except EngineUnavailableError:
                await asyncio.sleep(0.01)
