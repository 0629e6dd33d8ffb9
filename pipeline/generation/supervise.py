"""An engine that is waited for when it is away and started again when it dies."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from pipeline.engines.base import Engine, EngineInfo, EngineReply, EngineRequest
from pipeline.generation.retries import ERROR_POLICIES, PATIENCE, pause_after
from schemas.errors import EngineError


class SupervisedEngine:
    """Wraps an engine so that its callers meet only errors that are about their own request.

    Args:
        start: makes a running engine.
        restarts: how often a dead engine may be started again.
        patience: seconds without any answer after which an unavailable engine is given up.
    """

    def __init__(self, start: Callable[[], Engine], restarts: int, patience: float = PATIENCE) -> None:
        self._start = start
        self._restarts_left = restarts
        self._patience = patience
        self._engine = start()
        self._restarting = asyncio.Lock()
        self._last_answer = time.monotonic()
        self.restarts = 0

    @property
    def info(self) -> EngineInfo:
        """Who is asked."""
        return self._engine.info

    @property
    def concurrency(self) -> int:
        """How many requests the engine wants in flight."""
        return self._engine.concurrency

    def count_tokens(self, text: str) -> int:
        """Length of a text in the model's own tokens."""
        return self._engine.count_tokens(text)

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Answer one request, however often the engine must be waited for or started.

        Raises:
            RequestRefusedError: the engine will never answer this one.
            EngineError: the engine stayed away, or died too often.
        """
        failures, away_since = 0, 0.0
        while True:
            engine = self._engine
            try:
                reply = await engine.complete(request)
            except EngineError as error:
                policy = ERROR_POLICIES.get(type(error))
                if policy is None or policy.is_attempt:
                    self._last_answer = time.monotonic()
                    raise
                if policy.restart:
                    await self._replace(engine, error)
                if policy.wait:
                    away_since = away_since or time.monotonic()
                    failures += 1
                    await self._wait(failures, max(away_since, self._last_answer), error)
            else:
                self._last_answer = time.monotonic()
                return reply

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()

    async def _replace(self, dead: Engine, error: EngineError) -> None:
        async with self._restarting:
            if self._engine is not dead:
                return  # another request met the same death first
            if self._restarts_left == 0:
                raise EngineError(
                    f"the engine died again after {self.restarts} restart(s): {error}",
                    "what is done is kept; mend the cause and run the same command again",
                ) from error
            self._restarts_left -= 1
            self.restarts += 1
            await dead.close()
            self._engine = self._start()
            self._last_answer = time.monotonic()

    async def _wait(self, failures: int, since: float, error: EngineError) -> None:
        silent = time.monotonic() - since
        if silent > self._patience:
            raise EngineError(
                f"the engine has not answered for {silent:.0f} s: {error}",
                "what is done is kept; bring it back and run the same command again",
            ) from error
        await asyncio.sleep(pause_after(failures, random.random()))  # noqa: S311 - jitter, not a secret
