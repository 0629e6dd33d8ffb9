"""An engine that does what a script says: the double of a model and a GPU, with the real protocol.

A script maps an image id (or ``default``) to the list of its replies, by attempt; the last one repeats. Replies:

- ``ok``: a well-formed pair; ``no_think``, ``unclosed_think``, ``empty_answer``, ``chinese``, ``loop``, ``controls``:
  malformed ones, the last of control characters;
- ``length``, ``repetition``, ``abort``: stopped by the engine;
- ``refuse``: the request is refused for good;
- ``unavailable*N``: the first N times it is asked the server cannot be reached, then ``ok``;
- ``die``: the engine dies; whatever is in flight dies with it. After a restart the reply is ``ok``;
- ``kill``: the same, every time: a picture that no engine survives;
- ``mixes_up``: a good pair, but of another picture when one is in flight; ``rounds``: in other words then;
- ``blind``: the same good pair for every picture; ``garbage``: the same row of symbols; ``sours``: that, but only once
  an engine of this process has died.

A text of more words than ``max_tokens`` is cut off there. Every request that reaches the engine is written to ``log``
(one line: teacher, image, attempt) before it is answered.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.engines.base import EngineInfo, EngineReply, EngineRequest
from schemas.completion import FinishReason
from schemas.errors import EngineDiedError, EngineUnavailableError, RequestRefusedError
from schemas.teacher import TeacherSpec

Script = dict[str, list[str]]

DEATHS: Counter[str] = Counter()
"""Deaths so far in this process, by image: a restarted engine does not die of the same image again."""


class ScriptedEngine:
    def __init__(
        self,
        teacher: TeacherSpec,
        render: Any,
        script: Script | None = None,
        *,
        delay: float = 0.0,
        jitter: float = 0.0,
        concurrency: int = 8,
        log: str | None = None,
        model: str = "tests/scripted",
        warnings: Sequence[str] = (),
    ) -> None:
        self._teacher = teacher
        self._render = render
        self._script = script or {"default": ["ok"]}
        self._delay, self._jitter = delay, jitter
        self._concurrency = concurrency
        self._log = Path(log) if log else None
        self._info = EngineInfo("scripted", model, "1", "none", versions={"scripted": "1"}, warnings=tuple(warnings))
        self._failures: Counter[str] = Counter()
        self._dead = False
        self.closed = False
        self.in_flight: dict[str, EngineRequest] = {}
        self.most_in_flight = 0

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def concurrency(self) -> int:
        return self._concurrency

    async def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def close(self) -> None:
        self.closed = True

    async def complete(self, request: EngineRequest) -> EngineReply:
        assert not self.closed, "a closed engine was asked"
        image_id, _, attempt = request.request_id.partition("/")
        self.in_flight[request.request_id] = request
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            self._write_log(image_id, attempt)
            # a string seed: the order of requests must not change how long each takes
            await asyncio.sleep(self._delay + self._jitter * random.Random(request.request_id).random())
            if self._dead:
                raise EngineDiedError("the scripted engine is dead")
            replies = self._script.get(image_id, self._script.get("default", ["ok"]))
            number = int(attempt) if attempt.isdigit() else 1  # canaries have none
            return self._reply(replies[min(number, len(replies)) - 1], image_id, request)
        finally:
            del self.in_flight[request.request_id]

    def _reply(self, what: str, image_id: str, request: EngineRequest) -> EngineReply:
        if what == "refuse":
            raise RequestRefusedError(f"{image_id}: the prompt is longer than the context")
        if what == "kill" or (what == "die" and not DEATHS[image_id]):
            DEATHS[image_id] += 1
            self._dead = True
            raise EngineDiedError(f"the scripted engine died of {image_id}")
        if what.startswith("unavailable*"):
            self._failures[image_id] += 1
            if self._failures[image_id] <= int(what.partition("*")[2]):
                raise EngineUnavailableError("connection refused")
        text, reason = self._text(what, request)
        words = text.split(" ")
        if len(words) > request.sampling.max_tokens:
            text, reason = " ".join(words[: request.sampling.max_tokens]), FinishReason.LENGTH
        return EngineReply(text, reason, None, len(text.split()), prompt_tokens=32)

    def _text(self, what: str, request: EngineRequest) -> tuple[str, FinishReason]:
        others = [other for other in self.in_flight.values() if other is not request]
        width, height = request.image.size
        shown = others[0] if what == "mixes_up" and others else request
        red, green, blue = shown.image.resize((1, 1)).tobytes()
        thinking = f"I look at {width} by {height} pixels with seed {request.seed}; the mean is {red}, {green}, {blue}."
        answer = f"A picture of {width} by {height} pixels whose mean colour is {red}, {green}, {blue}."
        good = self._render(thinking, answer)
        if what in ("length", "repetition", "abort"):
            return good[: len(good) // 2], FinishReason(what)
        malformed = {
            "no_think": "Just a picture.",
            "unclosed_think": good.partition(answer)[0][: -len(answer) // 2],
            "empty_answer": self._render(thinking, ""),
            "chinese": self._render("这是一张照片。我看到很多颜色和形状。" * 4, answer),
            "loop": self._render("the dog is red and " * 400, answer),
            "rounds": good.replace("the mean", "its average colour") if others else good,
            "blind": self._render("I look at a picture.", "A picture."),
            "garbage": "!" * 500,
            "controls": f"\x1b[2J\r\n\u202e {red} {green} {blue}",
            "sours": "!" * 500 if DEATHS else good,
        }
        return malformed.get(what, good), FinishReason.STOP

    def _write_log(self, image_id: str, attempt: str) -> None:
        if self._log is not None:
            line = f"{self._teacher.name} {image_id} {attempt}\n".encode()
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.write(descriptor, line)
            os.close(descriptor)


create = ScriptedEngine
"""The factory that a configuration names: ``tests.fakes.scripted_engine:create``."""
