"""An engine that answers at once and at a teacher's length, so that a build's own costs are all that remains."""

from __future__ import annotations

from benchmarks.prose import write_pair
from pipeline.engines import EngineInfo, EngineReply, EngineRequest
from pipeline.engines.custom import Render
from schemas.completion import FinishReason
from schemas.teacher import TeacherSpec


def create(teacher: TeacherSpec, render: Render) -> InstantEngine:
    """The factory that a configuration names: ``benchmarks.instant_engine:create``."""
    return InstantEngine(teacher, render)


class InstantEngine:
    """Writes prose that has nothing to do with the picture, another one for every seed."""

    def __init__(self, teacher: TeacherSpec, render: Render) -> None:
        self._render = render
        self.info = EngineInfo("instant", teacher.model, "1", "none")
        self.concurrency = 64

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Answer without waiting for anything."""
        text = self._render(*write_pair(request.seed))
        return EngineReply(text, FinishReason.STOP, None, await self.count_tokens(text))

    async def count_tokens(self, text: str) -> int:
        """Characters over four, about what a token of English is."""
        return len(text) // 4

    async def close(self) -> None:
        """Nothing to free."""
