"""One image up the ladder: ask, parse, write down, and ask again where that may help."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from pipeline.engines.base import EngineReply
from pipeline.generation.ledger import LedgerWriter
from pipeline.generation.prepare import Prepared
from pipeline.generation.questions import Questions
from pipeline.generation.results import Standing
from pipeline.generation.supervise import SupervisedEngine
from pipeline.teachers import PARSER_VERSION
from schemas.completion import Completion, FinishReason, Rung, ThinkingAnswer
from schemas.errors import EngineError, RequestRefusedError

_REFUSED = EngineReply("", FinishReason.ERROR, None, completion_tokens=0)


@dataclass(slots=True)
class Yield:
    """What the attempts of one run came to."""

    statuses: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    completion_tokens: int = 0


@dataclass(slots=True)
class Asker:
    """Everything that is the same for all requests of one teacher in one run."""

    questions: Questions
    fingerprint: str
    max_attempts: int
    engine: SupervisedEngine
    ledger: LedgerWriter
    most_refusals: int
    """Refused requests without a single answer among them that stop the run."""
    gains: Yield = field(default_factory=Yield)
    _refused: list[Completion] = field(default_factory=list)
    """Since the last answer; not yet in the ledger, where a refusal is final."""

    async def climb(self, image: Prepared, standing: Standing) -> None:
        """Ask about one image until a valid pair is in the ledger or its attempts are used up.

        Args:
            image: the picture.
            standing: where the ledger left the image; kept up to date.
        """
        ladder = self.questions.setup.ladder
        while standing.is_pending(self.max_attempts):
            completion = await self._ask(image, standing.last_attempt + 1, ladder[standing.attempts_spent])
            self._write(completion)
            standing.note(completion.attempt, completion.status, counts=True)
            self.gains.statuses[completion.status] += 1
            self.gains.rungs[completion.rung] += 1
            self.gains.completion_tokens += completion.completion_tokens

    def settle(self) -> None:
        """Write down the refusals that nothing was answered after; for a run that came to its end."""
        for completion in self._refused:
            self.ledger.add(completion)
        self._refused.clear()

    def _write(self, completion: Completion) -> None:
        if completion.error is None:
            self.settle()
            self.ledger.add(completion)
            return
        self._refused.append(completion)
        if len(self._refused) >= self.most_refusals:
            raise EngineError(
                f"{completion.teacher}: the engine refused {len(self._refused)} requests and answered none meanwhile, "
                f"the last because: {completion.error}",
                "none of them counts; mend the cause and run the same command again",
            )

    async def _ask(self, image: Prepared, attempt: int, rung: Rung) -> Completion:
        setup, request = self.questions.setup, self.questions.pose(image, attempt, rung)
        started, clock = time.time(), time.monotonic()
        error: str | None = None
        try:
            reply = await self.engine.complete(request)
        except RequestRefusedError as refusal:
            reply, error = _REFUSED, str(refusal)
        seconds = time.monotonic() - clock
        parsed = setup.parse(reply.text, reply.finish_reason)
        thinking_tokens, answer_tokens = reply.split or await self._count_tokens(parsed)
        info = self.engine.info
        return Completion(
            image_id=image.ref.image_id,
            teacher=setup.name,
            fingerprint=self.fingerprint,
            attempt=attempt,
            rung=rung,
            seed=request.seed,
            max_tokens=request.sampling.max_tokens,
            thinking_budget=request.thinking_budget,
            raw=reply.text.encode("utf-8", "surrogatepass"),
            finish_reason=reply.finish_reason,
            stop_reason=_storable(reply.stop_reason),
            error=_storable(error),
            forced_close=reply.forced_close,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            thinking_tokens=thinking_tokens,
            answer_tokens=answer_tokens,
            parser=PARSER_VERSION,
            status=parsed.status,
            engine=info.engine,
            model=info.model,
            revision=info.revision,
            dtype=info.dtype,
            quantization=info.quantization,
            processor=info.processor,
            versions=info.versions,
            started_at=started,
            seconds=seconds,
        )

    async def _count_tokens(self, parsed: ThinkingAnswer) -> tuple[int, int]:
        count = self.engine.count_tokens
        return (
            await count(parsed.thinking) if parsed.thinking else 0,
            await count(parsed.answer) if parsed.answer else 0,
        )


def _storable(text: str | None) -> str | None:
    """Text as UTF-8 can hold it; one lone surrogate, from whatever server, would cost a whole part of the ledger."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
