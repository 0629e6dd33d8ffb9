"""An engine that is waited for when it is away, started again when it dies, and looked at before it gets any work."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from pipeline.engines.base import Engine, EngineInfo, EngineReply, EngineRequest
from pipeline.generation.retries import (
    FIRST_PAUSE_OF_STARTS,
    PATIENCE,
    TELL_AFTER,
    ErrorPolicy,
    pause_after,
    policy_of,
)
from schemas.errors import EngineError

Answer = TypeVar("Answer")

Question = Callable[[Engine], Coroutine[Any, Any, Answer]]

Admit = Callable[[Engine], Awaitable[None]]
"""Looks at an engine that has just started, and raises if it is not fit for work."""

Warn = Callable[[str], None]
"""Tells the user what happens to the engine, in a sentence."""


def _say_nothing(_: str) -> None:
    pass


class PatientEngine:
    """One engine that is waited for when it is away. An :class:`~pipeline.engines.base.Engine` itself.

    Args:
        engine: which runs already.
        patience: seconds without any answer after which it is given up.
        warn: tells the user, once, when it has been away for a while.
    """

    def __init__(self, engine: Engine, patience: float = PATIENCE, warn: Warn = _say_nothing) -> None:
        self._engine = engine
        self._patience = patience
        self._warn = warn
        self._is_missed = False
        self._last_answer = time.monotonic()
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """Who is asked."""
        return self._engine.info

    @property
    def concurrency(self) -> int:
        """How many requests the engine wants in flight."""
        return self._engine.concurrency

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Answer one request, however often the engine must be waited for.

        Raises:
            RequestRefusedError: the engine will never answer this one.
            EngineDiedError: it must be started again.
            EngineError: it stayed away.
        """
        return await self._ask(lambda engine: engine.complete(request))

    async def count_tokens(self, text: str) -> int:
        """Length of a text in the model's own tokens.

        Raises:
            EngineError: see :meth:`complete`.
        """
        return await self._ask(lambda engine: engine.count_tokens(text))

    async def close(self) -> None:
        """Close the engine, once."""
        if not self._closed:
            self._closed = True
            await self._engine.close()

    async def _ask(self, question: Question[Answer]) -> Answer:
        failures, away_since = 0, 0.0
        while True:
            try:
                answer = await question(self._engine)
            except EngineError as error:
                if policy_of(error) is not ErrorPolicy.WAIT:
                    self._note_answer()
                    raise
                away_since = away_since or time.monotonic()
                failures += 1
                await self._wait(failures, max(away_since, self._last_answer), error)
            else:
                self._note_answer()
                return answer

    def _note_answer(self) -> None:
        self._last_answer = time.monotonic()
        self._is_missed = False

    async def _wait(self, failures: int, since: float, error: EngineError) -> None:
        silent = time.monotonic() - since
        if silent > self._patience:
            raise EngineError(
                f"the engine has not answered for {silent:.0f} s: {error}",
                "what is done is kept; bring it back and run the same command again",
            ) from error
        if silent > TELL_AFTER and not self._is_missed:
            self._is_missed = True
            self._warn(f"the engine is away and waited for, {self._patience:.0f} s at most: {error}")
        await asyncio.sleep(pause_after(failures, random.random()))  # noqa: S311 - jitter, not a secret


class SupervisedEngine:
    """Wraps an engine so that its callers meet only errors that are about their own request.

    While an engine is started again and looked at, all questions wait; those that were in flight are asked again.

    Args:
        start: makes a running engine. Called here, and for each restart from the event loop's own thread, which it
            may hold up for minutes: some engines' processes live only as long as the thread that made them.
        restarts: how often a dead engine may be started again, starts that fail included.
        patience: seconds without any answer after which an unavailable engine is given up.
        admit: looks at every engine that was started, before it gets any question. An engine that dies of it is
            started again like any other; any other error of it ends the work.
        warn: tells the user of deaths, of starts that fail, and of an engine that has been away for a while.

    Raises:
        EngineError: the engine does not start. The first time it is not tried again: no memory is about to be freed,
            and a mistake in the configuration should show at once.
    """

    def __init__(
        self,
        start: Callable[[], Engine],
        restarts: int,
        patience: float = PATIENCE,
        admit: Admit | None = None,
        warn: Warn = _say_nothing,
    ) -> None:
        self._start = start
        self._restarts_left = restarts
        self._patience = patience
        self._admit = admit
        self._warn = warn
        self._turn = asyncio.Lock()
        self._failure: Exception | None = None
        self._engine = self._start_engine()
        self._admitted = admit is None
        self.restarts = 0
        self.before_restart: Callable[[], None] = lambda: None
        """Called just before ``start`` holds the event loop up: the last chance to bring work to safety."""

    @property
    def info(self) -> EngineInfo:
        """Who is asked."""
        return self._engine.info

    @property
    def concurrency(self) -> int:
        """How many requests the engine wants in flight."""
        return self._engine.concurrency

    async def ready(self) -> None:
        """Wait until the engine is admitted.

        Raises:
            EngineError: it died too often, or does not start again.
            ImageNetThinkError: it was not admitted, whatever the reason.
        """
        await self._admitted_engine()

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Answer one request, however often the engine must be waited for or started.

        Raises:
            RequestRefusedError: the engine will never answer this one.
            EngineError: the engine stayed away, died too often, or does not start again.
            ImageNetThinkError: an engine that was started again was not admitted.
        """
        return await self._ask(lambda engine: engine.complete(request))

    async def count_tokens(self, text: str) -> int:
        """Length of a text in the model's own tokens.

        Raises:
            EngineError: see :meth:`complete`.
        """
        return await self._ask(lambda engine: engine.count_tokens(text))

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()

    async def _ask(self, question: Question[Answer]) -> Answer:
        while True:
            engine = await self._admitted_engine()
            try:
                return await question(engine)
            except EngineError as error:
                if policy_of(error) is not ErrorPolicy.RESTART:
                    raise
                async with self._alone():
                    if self._engine is engine:  # no other request met the same death first
                        await self._restart(error)

    async def _admitted_engine(self) -> PatientEngine:
        async with self._alone():
            while not self._admitted:
                try:
                    await self._admit_engine()
                except EngineError as error:
                    if policy_of(error) is not ErrorPolicy.RESTART:
                        raise
                    await self._restart(error)
            return self._engine

    async def _admit_engine(self) -> None:
        if self._admit is not None:
            await self._admit(self._engine)
        self._admitted = True

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Hold all other questions up. What fails once fails for all: none of them may start another engine."""
        async with self._turn:
            if self._failure is not None:
                raise self._failure
            try:
                yield
            except Exception as failure:
                self._failure = failure
                raise

    async def _restart(self, error: EngineError) -> None:
        """Start another engine. A start that fails is tried again, within the same bound."""
        failed = 0
        while self._restarts_left:
            self._restarts_left -= 1
            self.restarts += 1
            what = "does not start again" if failed else "died"
            self._warn(f"the engine {what}; restart {self.restarts}, {self._restarts_left} left: {error}")
            if failed:
                pause = pause_after(failed, random.random(), FIRST_PAUSE_OF_STARTS)  # noqa: S311 - jitter, not a secret
                await asyncio.sleep(pause)
            await self._engine.close()
            self._admitted = False
            self.before_restart()
            try:
                self._engine = self._start_engine()
            except EngineError as failure:
                failed, error = failed + 1, failure
            else:
                return
        tried = f"does not start again, tried {failed} time(s)"
        raise EngineError(
            f"the engine {tried if failed else f'died again after {self.restarts} restart(s)'}: {error}",
            "what is done is kept; mend the cause and run the same command again",
        ) from error

    def _start_engine(self) -> PatientEngine:
        return PatientEngine(self._start(), self._patience, self._warn)
