"""Our vLLM engine around a small checkpoint, on an event loop that lasts as long as the engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from pipeline.engines import Engine, create_engine
from pipeline.engines.base import EngineReply, EngineRequest
from pipeline.teachers import GRAMMARS, load_teacher
from schemas.completion import ThinkingAnswer
from schemas.engines import CanaryConfig, EngineConfig, VllmEngine
from tests.vllm.in_process import picture
from tests.vllm.script import VARIABLE, Part, load_tokenizer, write_script

Result = TypeVar("Result")

GLM, KIMI = "glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"

MAX_MODEL_LEN = 1024
MAX_NUM_SEQS = 8


def vllm_settings(checkpoint: Path, **settings: Any) -> VllmEngine:
    """The configuration of a small engine, with some fields otherwise."""
    fields = {
        "kind": "vllm",
        "model": str(checkpoint),
        "dtype": "float32",
        "max_model_len": MAX_MODEL_LEN,
        "max_num_seqs": MAX_NUM_SEQS,
        "kv_cache_memory_bytes": 64 << 20,
        "canaries": CanaryConfig(images=0),
        "engine_args": {"enforce_eager": True},
    }
    return VllmEngine.model_validate({**fields, **settings})


def start_engine(settings: EngineConfig, teacher: str) -> Engine:
    """Start an engine for a teacher."""
    spec = load_teacher(teacher)
    return create_engine(settings, spec, GRAMMARS[spec.grammar])


class Loop:
    """An engine and the loop it lives on."""

    def __init__(self, settings: VllmEngine, teacher: str) -> None:
        self.settings = settings
        self.teacher = load_teacher(teacher)
        self._runner = asyncio.Runner()
        self.engine: Any = self.run(self._start(settings))

    async def _start(self, settings: VllmEngine) -> Any:
        return start_engine(settings, self.teacher.name)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    def ask(self, seed: int, **fields: Any) -> EngineReply:
        """The reply to one request; see ``request``."""
        reply: EngineReply = self.run(self.engine.complete(self.request(seed, **fields)))
        return reply

    def request(
        self,
        seed: int,
        *,
        max_tokens: int = 400,
        temperature: float = 0.8,
        prompt: str = "Describe the picture.",
        image: Image.Image | None = None,
        thinking_budget: int | None = None,
    ) -> EngineRequest:
        sampling = self.teacher.sampling.model_copy(update={"max_tokens": max_tokens, "temperature": temperature})
        shown = image or picture(240, 200, seed)
        return EngineRequest(f"n00000001_{seed}/1", shown, prompt, sampling, seed, thinking_budget)

    def parse(self, reply: EngineReply) -> ThinkingAnswer:
        return GRAMMARS[self.teacher.grammar].parse(reply.text, reply.finish_reason, "en")

    def close(self) -> None:
        self.run(self.engine.close())
        self._runner.close()


@contextlib.contextmanager
def running(
    settings: VllmEngine, teacher: str, script: Mapping[int | str, Part | list[Part] | None], folder: Path
) -> Iterator[Loop]:
    """An engine that says what ``script`` prescribes for a seed, and else what its model says."""
    with pytest.MonkeyPatch.context() as patch:
        tokenizer = load_tokenizer(Path(str(settings.model)))
        patch.setenv(VARIABLE, str(write_script(folder / "script.json", tokenizer, {"default": None, **script})))
        loop = Loop(settings, teacher)
        try:
            yield loop
        finally:
            loop.close()
