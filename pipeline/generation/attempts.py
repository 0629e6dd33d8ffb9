"""One image up the ladder: ask, parse, write down, and ask again where that may help."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from pipeline.engines.base import EngineReply, EngineRequest
from pipeline.generation.ledger import LedgerWriter
from pipeline.generation.prepare import Prepared
from pipeline.generation.results import Standing
from pipeline.generation.retries import bend_sampling, choose_rung
from pipeline.generation.setup import TeacherSetup
from pipeline.generation.supervise import SupervisedEngine
from pipeline.teachers import PARSER_VERSION
from schemas.completion import Completion, FinishReason, Rung, ThinkingAnswer
from schemas.errors import RequestRefusedError
from schemas.identity import request_seed

_REFUSED = EngineReply("", FinishReason.ERROR, None, completion_tokens=0)


@dataclass(slots=True)
class Yield:
    """What the attempts of one run came to."""

    statuses: Counter[str] = field(default_factory=Counter)
    asked_by_rung: Counter[str] = field(default_factory=Counter)
    accepted_by_rung: Counter[str] = field(default_factory=Counter)
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Asker:
    """Everything that is the same for all requests of one teacher in one run."""

    setup: TeacherSetup
    fingerprint: str
    run_seed: int
    max_attempts: int
    engine: SupervisedEngine
    ledger: LedgerWriter
    gains: Yield = field(default_factory=Yield)

    async def climb(self, image: Prepared, wording: str, standing: Standing) -> None:
        """Ask about one image until a valid pair is in the ledger or its attempts are used up.

        Args:
            image: the picture.
            wording: the prompt as this image gets it.
            standing: where the ledger left the image; kept up to date.
        """
        while standing.is_pending(self.max_attempts):
            attempt, rung = standing.last_attempt + 1, choose_rung(standing.attempts_spent)
            completion = await self._ask(image, wording, attempt, rung)
            self.ledger.add(completion)
            standing.note(attempt, completion.status, counts=True)
            self._count(completion)

    async def _ask(self, image: Prepared, wording: str, attempt: int, rung: Rung) -> Completion:
        image_id = image.selected.ref.image_id
        sampling, budget = bend_sampling(self.setup.sampling, rung)
        seed = request_seed(self.run_seed, image_id, self.setup.name, attempt)
        request = EngineRequest(f"{image_id}/{attempt}", image.picture, wording, sampling, seed, budget)
        started, clock = time.time(), time.monotonic()
        error: str | None = None
        try:
            reply = await self.engine.complete(request)
        except RequestRefusedError as refusal:
            reply, error = _REFUSED, str(refusal)
        seconds = time.monotonic() - clock
        parsed = self.setup.parse(reply.text, reply.finish_reason)
        thinking_tokens, answer_tokens = self._count_tokens(parsed)
        info = self.engine.info
        return Completion(
            image_id=image_id,
            teacher=self.setup.name,
            fingerprint=self.fingerprint,
            attempt=attempt,
            rung=rung,
            seed=seed,
            max_tokens=sampling.max_tokens,
            raw=reply.text.encode("utf-8", "surrogatepass"),
            finish_reason=reply.finish_reason,
            stop_reason=reply.stop_reason,
            error=error,
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
            versions=info.versions,
            started_at=started,
            seconds=seconds,
        )

    def _count_tokens(self, parsed: ThinkingAnswer) -> tuple[int, int]:
        count = self.engine.count_tokens
        return (count(parsed.thinking) if parsed.thinking else 0), (count(parsed.answer) if parsed.answer else 0)

    def _count(self, completion: Completion) -> None:
        self.gains.statuses[completion.status] += 1
        self.gains.asked_by_rung[completion.rung] += 1
        self.gains.accepted_by_rung[completion.rung] += completion.status == "ok"
        self.gains.completion_tokens += completion.completion_tokens
