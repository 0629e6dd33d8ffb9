"""What the supervisor makes of an engine's errors: the retry tables, at work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from PIL import Image

from pipeline.engines.base import EngineInfo, EngineReply, EngineRequest
from pipeline.generation.retries import LONGEST_PAUSE, pause_after
from pipeline.generation.supervise import SupervisedEngine
from schemas.completion import FinishReason
from schemas.errors import EngineDiedError, EngineError, EngineUnavailableError, RequestRefusedError
from schemas.teacher import Sampling

SAMPLING = Sampling(temperature=1.0, top_p=1.0, top_k=-1, repetition_penalty=1.0, max_tokens=10)
REPLY = EngineReply("text", FinishReason.STOP, None, 1)


def request(name: str = "a") -> EngineRequest:
    return EngineRequest(name, Image.new("RGB", (1, 1)), "prompt", SAMPLING, 0)


class FaultyEngine:
    """Answers by calling a function; counts its requests and closings."""

    info = EngineInfo("faulty", "m", "1", "none")
    concurrency = 4

    def __init__(self, answer: Callable[[int], EngineReply]) -> None:
        self.answer = answer
        self.asked = 0
        self.closed = 0

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def complete(self, request: EngineRequest) -> EngineReply:  # noqa: ARG002 - the protocol's
        self.asked += 1
        await asyncio.sleep(0)
        return self.answer(self.asked)

    async def close(self) -> None:
        self.closed += 1


def fail(error: EngineError, times: int) -> Callable[[int], EngineReply]:
    def answer(asked: int) -> EngineReply:
        if asked <= times:
            raise error
        return REPLY

    return answer


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses asked for, which take no time here."""
    taken: list[float] = []
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def note(seconds: float) -> None:
        taken.append(seconds)
        await sleep(0)

    monkeypatch.setattr("pipeline.generation.supervise.asyncio.sleep", note)
    return taken


def test_an_unavailable_engine_is_asked_again_after_growing_pauses(pauses: list[float]) -> None:
    engine = FaultyEngine(fail(EngineUnavailableError("429"), 4))
    assert asyncio.run(SupervisedEngine(lambda: engine, 0).complete(request())) == REPLY
    waited = [pause for pause in pauses if pause]
    assert len(waited) == 4
    assert waited[3] > waited[0]


def test_an_engine_that_stays_away_is_given_up_with_a_reason(pauses: list[float]) -> None:
    del pauses
    engine = FaultyEngine(fail(EngineUnavailableError("connection refused"), 10**9))
    with pytest.raises(EngineError, match=r"has not answered for .* connection refused; what is done is kept"):
        asyncio.run(SupervisedEngine(lambda: engine, 0, patience=0.0).complete(request()))


def test_time_at_work_does_not_count_as_absence(pauses: list[float]) -> None:
    del pauses
    supervised = SupervisedEngine(lambda: FaultyEngine(fail(EngineUnavailableError("reset"), 1)), 0, patience=1.0)
    supervised._last_answer -= 3600  # a request that took an hour
    assert asyncio.run(supervised.complete(request())) == REPLY


def test_a_refused_request_is_the_caller_s_to_handle() -> None:
    engine = FaultyEngine(fail(RequestRefusedError("too long"), 1))
    with pytest.raises(RequestRefusedError):
        asyncio.run(SupervisedEngine(lambda: engine, 5).complete(request()))
    assert engine.asked == 1


def test_a_dead_engine_is_closed_and_started_once_for_all_requests_in_flight() -> None:
    engines: list[FaultyEngine] = []

    def start() -> FaultyEngine:
        engines.append(FaultyEngine(fail(EngineDiedError("gone"), 0 if engines else 10**9)))
        return engines[-1]

    async def run() -> list[EngineReply]:
        supervised = SupervisedEngine(start, 3)
        replies = await asyncio.gather(*(supervised.complete(request(str(n))) for n in range(8)))
        assert supervised.restarts == 1
        return replies

    assert asyncio.run(run()) == [REPLY] * 8
    assert [engine.closed for engine in engines] == [1, 0]
    assert engines[1].asked == 8


def test_an_engine_that_dies_too_often_stops_the_run_with_a_reason() -> None:
    with pytest.raises(EngineError, match=r"died again after 2 restart\(s\): out of memory"):
        asyncio.run(
            SupervisedEngine(lambda: FaultyEngine(fail(EngineDiedError("out of memory"), 10**9)), 2).complete(request())
        )


@pytest.mark.parametrize("failures", [1, 2, 10, 1000])
@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_pauses_are_bounded_and_never_zero(failures: int, jitter: float) -> None:
    assert 0 < pause_after(failures, jitter) <= LONGEST_PAUSE
