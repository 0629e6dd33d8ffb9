"""The engine: measure, tell, render, count."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import numpy as np
import PIL

from pipeline.engines.base import EngineInfo, EngineReply, EngineRequest
from pipeline.engines.pixels.measures import measure
from pipeline.engines.pixels.voices import tell, voice_of
from schemas.completion import FinishReason
from schemas.errors import EngineDiedError
from schemas.teacher import TeacherSpec

REVISION = "1"
"""Raised whenever the same picture may get another text: a changed measure, scale or sentence."""

CONCURRENCY = 4
"""Requests in flight: enough to keep a few cores busy where numpy and Pillow release the interpreter."""

_WORD = re.compile(r"\S+")


class PixelsEngine:
    """An engine that knows nothing but the pixels: no model, no GPU, no label.

    It measures the picture and says in words what it measured. A text depends on the picture, the seed and the
    teacher's voice alone; request id, prompt and all sampling parameters but ``max_tokens`` change nothing.
    Its tokens are the words between white space.

    Args:
        teacher: in whose voice to speak.
        render: writes thinking and answer in the teacher's wire format.
    """

    def __init__(self, teacher: TeacherSpec, render: Callable[[str, str], str]) -> None:
        self._voice = voice_of(teacher.name)
        self._render = render
        self._closed = False
        self._info = EngineInfo(
            engine="pixels",
            model="imagenet-think/pixels",
            revision=REVISION,
            dtype="none",
            versions={"numpy": np.__version__, "pillow": PIL.__version__},
        )

    @property
    def info(self) -> EngineInfo:
        """Engine, revision of measures and wording, and the packages that do the arithmetic."""
        return self._info

    @property
    def concurrency(self) -> int:
        """A few: the work is arithmetic, and more would only wait for the cores."""
        return CONCURRENCY

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Measure the picture and describe it, in a thread of its own.

        Raises:
            EngineDiedError: the engine was closed.
        """
        if self._closed:
            raise EngineDiedError("the pixels engine was closed", "start a new one")
        return await asyncio.to_thread(self._describe, request)

    async def count_tokens(self, text: str) -> int:
        """Number of words between white space."""
        return count_words(text)

    async def close(self) -> None:
        """Refuse all further requests."""
        self._closed = True

    def _describe(self, request: EngineRequest) -> EngineReply:
        thinking, answer = tell(measure(request.image), self._voice, request.seed)
        budget = request.thinking_budget
        forced_close = budget is not None and count_words(thinking) > budget
        if budget is not None:
            thinking = cut(thinking, budget)
        text = self._render(thinking, answer)
        kept = cut(text, request.sampling.max_tokens)
        return EngineReply(
            text=kept,
            finish_reason=FinishReason.STOP if kept == text else FinishReason.LENGTH,
            stop_reason=None,
            completion_tokens=count_words(kept),
            forced_close=forced_close,
        )


def count_words(text: str) -> int:
    """Number of words between white space: this engine's tokens."""
    return len(text.split())


def cut(text: str, words: int) -> str:
    """The text up to the end of its ``words``-th word; the whole text when it has no more."""
    ends = [match.end() for match in _WORD.finditer(text)]
    return text if len(ends) <= words else text[: ends[words - 1] if words else 0]
