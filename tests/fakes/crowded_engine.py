"""A scripted engine with too little memory: it dies of more requests than it has room for, or does not start at all."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.engines.base import EngineReply, EngineRequest
from schemas.errors import EngineDiedError, EngineError
from schemas.teacher import TeacherSpec
from tests.fakes.scripted_engine import ScriptedEngine


class CrowdedEngine(ScriptedEngine):
    def __init__(self, teacher: TeacherSpec, render: Any, *, places: int) -> None:
        if places == 0:
            raise EngineError("no room for the KV cache", "lower engine.max_model_len")
        super().__init__(teacher, render, delay=0.01)
        self._places = places

    async def complete(self, request: EngineRequest) -> EngineReply:
        if len(self.in_flight) >= self._places:
            await asyncio.sleep(0)
            raise EngineDiedError("out of memory")
        return await super().complete(request)


create = CrowdedEngine
"""The factory that a configuration names: ``tests.fakes.crowded_engine:create``."""
