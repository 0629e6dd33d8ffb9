"""Canaries: what an engine must show each time it starts, before it gets any work.

The first pictures of the draw are asked, three times each:

1. greedily, each alone;
2. greedily, all together. A picture's two texts must agree, since engines have been seen to mix up pictures under one
   prompt when many are in flight (https://github.com/vllm-project/vllm/issues/20261);
3. as the build asks. Enough of these texts must be valid pairs.

An engine that shows all pictures the same face, e.g. because its cache knows prompts by their words alone, answers them
alike even one by one; so the texts of the first round must not all be the same.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.engines.base import Engine, EngineReply, EngineRequest
from pipeline.generation.likeness import find_nearest
from pipeline.generation.prepare import Prepared
from pipeline.generation.questions import Questions
from pipeline.generation.setup import TeacherSetup
from pipeline.generation.window import first_cause
from pipeline.progress import Progress, Task
from schemas.completion import FinishReason, PairStatus, Rung
from schemas.engines import CanaryConfig
from schemas.errors import EngineError, RequestRefusedError
from schemas.report import CanaryReport

GREEDY_SEED = 0
"""One for all pictures, so that nothing but the picture can make their greedy texts differ."""

EXCERPT = 80
"""Characters of a text that an error shows."""

_HINTS: dict[PairStatus, str] = {
    PairStatus.NO_THINK: "check the chat template, and that no server parses the reasoning itself",
    PairStatus.TRUNCATED: "check sampling.max_tokens",
    PairStatus.WRONG_LANGUAGE: "check the prompt and the model's revision",
    PairStatus.REFUSED: "check the engine's max_model_len",
}
_HINT = "check the model's revision, its precision and the versions that run it"


async def run_canaries(
    engine: Engine, config: CanaryConfig, questions: Questions, pictures: Sequence[Prepared], progress: Progress
) -> CanaryReport:
    """Ask an engine about the pinned pictures. A single one cannot be mixed up with others, and is only asked as built.

    Raises:
        EngineError: a canary failed: which one, what was seen, and what to check. Or the engine itself failed.
    """
    requests = [questions.pose(picture, 1, Rung.AS_IS) for picture in pictures]
    rounds = 3 if len(pictures) > 1 else 1
    compared = exact = 0
    with progress.task(f"canaries {questions.setup.name}", rounds * len(pictures), "texts") as task:
        canaries = _Canaries(engine, config, questions.setup, task)
        if rounds > 1:
            compared, exact = await canaries.compare(requests)
        ok = await canaries.judge(requests)
        task.describe(f"{exact} of {compared} exact, {ok} of {len(pictures)} ok")
    return CanaryReport(asked=len(pictures), compared=compared, exact=exact, ok=ok)


@dataclass(frozen=True, slots=True)
class _Canaries:
    engine: Engine
    config: CanaryConfig
    setup: TeacherSetup
    task: Task

    async def compare(self, requests: Sequence[EngineRequest]) -> tuple[int, int]:
        """Alone against together: how many pictures were compared, and how many texts are the same."""
        greedy = [self._greedy(request) for request in requests]
        alone = [await self._ask(request, "alone") for request in greedy]
        together = await self._ask_together(greedy, "together")
        texts = {
            _image_of(request): (first.text, second.text)
            for request, first, second in zip(requests, alone, together, strict=True)
            # what is refused either way is for judge() to tell
            if {first.finish_reason, second.finish_reason} != {FinishReason.ERROR}
        }
        self._check_sight([first for first, _ in texts.values()])
        self._check_agreement(texts)
        return len(texts), sum(first == second for first, second in texts.values())

    async def judge(self, requests: Sequence[EngineRequest]) -> int:
        """As the build asks: how many texts are valid pairs."""
        replies = await self._ask_together(requests, "asked")
        statuses = [self.setup.parse(reply.text, reply.finish_reason).status for reply in replies]
        ok = statuses.count(PairStatus.OK)
        if ok / len(requests) >= self.config.min_ok:
            return ok
        faults = Counter(status for status in statuses if status is not PairStatus.OK).most_common()
        worst = statuses.index(faults[0][0])
        reply = replies[worst]
        shown = _excerpt(reply.text) if reply.text else _excerpt(reply.stop_reason or "", length=5 * EXCERPT)
        raise EngineError(
            f"canaries of {self.setup.name}: {ok} of {len(statuses)} texts are valid pairs "
            f"({', '.join(f'{status} {count}' for status, count in faults)}), and engine.canaries.min_ok is "
            f"{self.config.min_ok:g}; {_image_of(requests[worst])}: {shown}",
            _HINTS.get(statuses[worst], _HINT),
        )

    def _check_sight(self, alone: Sequence[str]) -> None:
        if len(alone) > 1 and len(set(alone)) == 1:
            raise EngineError(
                f"canaries of {self.setup.name}: {len(alone)} pictures get the same greedy text: {_excerpt(alone[0])}",
                "the engine may not see the pictures: check chat template and image settings, and try with prefix "
                "caching off; if these are just the words all texts begin with, raise engine.canaries.tokens",
            )

    def _check_agreement(self, texts: Mapping[str, tuple[str, str]]) -> None:
        alone = {image_id: first for image_id, (first, _) in texts.items()}
        for image_id, (first, second) in texts.items():
            if first == second:
                continue
            found = f"canaries of {self.setup.name}: {image_id} gets {_difference(first, second)}"
            if self.config.agree == "exact":
                raise EngineError(
                    found,
                    "float32 or batch-invariant kernels give texts that do not depend on the batch; "
                    "engine.canaries.agree: nearest allows for rounding",
                )
            nearest = find_nearest(second, alone)
            if nearest is None or alone[nearest] != first:
                like = f"that of {nearest}" if nearest else "no single picture's"
                raise EngineError(
                    f"{found}, which is most like {like}",
                    "the engine may mix up pictures (vLLM issue 20261): try with prefix caching off, or another "
                    "version; if the texts are too short to tell pictures apart, raise engine.canaries.tokens",
                )

    def _greedy(self, request: EngineRequest) -> EngineRequest:
        tokens = min(self.config.tokens, request.sampling.max_tokens)
        sampling = request.sampling.model_copy(update={"temperature": 0.0, "max_tokens": tokens})
        return dataclasses.replace(request, sampling=sampling, seed=GREEDY_SEED)

    async def _ask_together(self, requests: Sequence[EngineRequest], how: str) -> list[EngineReply]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ask(request, how)) for request in requests]
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures
        return [task.result() for task in tasks]

    async def _ask(self, request: EngineRequest, how: str) -> EngineReply:
        request = dataclasses.replace(request, request_id=f"{_image_of(request)}/{how}")
        try:
            reply = await self.engine.complete(request)
        except RequestRefusedError as refusal:
            reply = EngineReply("", FinishReason.ERROR, str(refusal), completion_tokens=0)
        self.task.advance()
        return reply


def _image_of(request: EngineRequest) -> str:
    return request.request_id.partition("/")[0]


def _excerpt(text: str, start: int = 0, length: int = EXCERPT) -> str:
    """A piece of a text, on one line and safe for a terminal."""
    end = start + length
    return f"{'...' if start else ''}{text[start:end]!r}{'...' if end < len(text) else ''}"


def _difference(alone: str, together: str) -> str:
    """Two texts, from a little before they part."""
    pairs = enumerate(zip(alone, together, strict=False))
    parting = next((n for n, (one, other) in pairs if one != other), min(len(alone), len(together)))
    start = max(0, parting - EXCERPT // 4)
    return f"{_excerpt(alone, start)} alone and {_excerpt(together, start)} among others"
