"""What the supervisor makes of an engine's errors: the retry tables, at work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from PIL import Image

from pipeline.engines.base import Engine, EngineInfo, EngineReply, EngineRequest
from pipeline.generation.retries import FIRST_PAUSE_OF_STARTS, LONGEST_PAUSE, pause_after
from pipeline.generation.supervise import PatientEngine, SupervisedEngine
from schemas.completion import FinishReason
from schemas.errors import ConfigError, EngineDiedError, EngineError, EngineUnavailableError, RequestRefusedError
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

    async def count_tokens(self, text: str) -> int:
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
    engine = PatientEngine(FaultyEngine(fail(EngineUnavailableError("reset"), 1)), patience=1.0)
    engine._last_answer -= 3600  # a request that took an hour
    assert asyncio.run(engine.complete(request())) == REPLY


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


class Starts:
    """Engines in the order of their starts: the first dies of any request, the others answer."""

    def __init__(self) -> None:
        self.engines: list[FaultyEngine] = []

    def __call__(self) -> FaultyEngine:
        self.engines.append(FaultyEngine(fail(EngineDiedError("gone"), 0 if self.engines else 10**9)))
        return self.engines[-1]


def test_no_question_reaches_an_engine_before_it_is_admitted() -> None:
    starts = Starts()
    asked_before: list[int] = []

    async def look_at(engine: Engine) -> None:
        del engine
        for _ in range(5):
            await asyncio.sleep(0)
        asked_before.append(starts.engines[-1].asked)

    async def run() -> list[EngineReply]:
        supervised = SupervisedEngine(starts, 3, admit=look_at)
        return await asyncio.gather(*(supervised.complete(request(str(n))) for n in range(8)))

    assert asyncio.run(run()) == [REPLY] * 8
    assert asked_before == [0, 0]
    assert [engine.asked for engine in starts.engines] == [8, 8]


def test_who_asks_while_another_engine_is_started_waits_for_it() -> None:
    starts = Starts()

    async def run() -> None:
        admitting, go_on = asyncio.Event(), asyncio.Event()

        async def look_at(engine: Engine) -> None:
            if engine.info and len(starts.engines) == 2:
                admitting.set()
                await go_on.wait()

        supervised = SupervisedEngine(starts, 3, admit=look_at)
        first = asyncio.create_task(supervised.complete(request("first")))
        await admitting.wait()
        late = asyncio.create_task(supervised.complete(request("late")))
        await asyncio.sleep(0.01)
        assert [engine.asked for engine in starts.engines] == [1, 0]
        go_on.set()
        assert set(await asyncio.gather(first, late)) == {REPLY}

    asyncio.run(run())


def test_an_engine_that_is_not_admitted_ends_the_work_of_all_and_none_is_started_after_it() -> None:
    starts = Starts()

    async def look_at(engine: Engine) -> None:
        del engine
        if len(starts.engines) == 2:
            raise EngineError("a canary failed")

    async def run() -> list[EngineReply | BaseException]:
        supervised = SupervisedEngine(starts, 3, admit=look_at)
        questions = (supervised.complete(request(str(n))) for n in range(8))
        answers = await asyncio.gather(*questions, return_exceptions=True)
        await supervised.close()
        return answers

    assert {str(answer) for answer in asyncio.run(run())} == {"a canary failed"}
    assert [engine.closed for engine in starts.engines] == [1, 1]


class Refusals(Starts):
    """The same, but the second start and some after it fail."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__()
        self.error = error
        self.times = times
        self.tried = 0

    def __call__(self) -> FaultyEngine:
        self.tried += 1
        if 1 < self.tried <= 1 + self.times:
            raise self.error
        return super().__call__()

    async def ask(self, restarts: int, warn: Callable[[str], None] = lambda _: None) -> set[str]:
        """What eight questions at once come to."""
        supervised = SupervisedEngine(self, restarts, warn=warn)
        questions = (supervised.complete(request(str(n))) for n in range(8))
        answers = await asyncio.gather(*questions, return_exceptions=True)
        await supervised.close()
        return {answer.text if isinstance(answer, EngineReply) else str(answer) for answer in answers}


def test_a_restart_that_fails_is_tried_again_after_a_growing_pause(pauses: list[float]) -> None:
    starts = Refusals(EngineError("no memory is left on the GPU"), times=3)
    assert asyncio.run(starts.ask(restarts=4)) == {"text"}
    assert starts.tried == 5
    first, second, third = (pause for pause in pauses if pause)
    assert FIRST_PAUSE_OF_STARTS / 2 < first < second < third <= LONGEST_PAUSE
    assert [engine.closed for engine in starts.engines] == [1, 1]


def test_restarts_that_fail_are_bounded_for_all_requests_together(pauses: list[float]) -> None:
    starts = Refusals(EngineError("no memory is left on the GPU"), times=10**9)
    (said,) = asyncio.run(starts.ask(restarts=3))
    assert said.startswith(
        "the engine does not start again, tried 3 time(s): no memory is left on the GPU; what is done"
    )
    assert starts.tried == 4
    assert len([pause for pause in pauses if pause]) == 2
    assert starts.engines[0].closed == 1


def test_a_restart_that_fails_for_a_mistake_in_the_configuration_is_not_tried_again(pauses: list[float]) -> None:
    starts = Refusals(ConfigError("no such argument"), times=1)
    assert asyncio.run(starts.ask(restarts=3)) == {"no such argument"}
    assert starts.tried == 2
    assert not any(pauses)


def test_an_engine_that_does_not_start_at_all_is_not_tried_again() -> None:
    starts = Refusals(EngineError("no memory is left on the GPU"), times=10**9)
    starts.tried = 1
    with pytest.raises(EngineError, match="no memory is left"):
        asyncio.run(starts.ask(restarts=3))
    assert starts.tried == 2


def test_the_user_hears_why_an_engine_is_started_again(pauses: list[float]) -> None:
    del pauses
    said: list[str] = []
    asyncio.run(Refusals(EngineError("no memory is left on the GPU"), times=1).ask(2, said.append))
    assert said == [
        "the engine died; restart 1, 1 left: gone",
        "the engine does not start again; restart 2, 0 left: no memory is left on the GPU",
    ]


def test_the_user_hears_once_of_an_engine_that_has_been_away_for_a_while(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    del pauses
    said: list[str] = []
    engine = PatientEngine(FaultyEngine(fail(EngineUnavailableError("connection refused"), 5)), 1800, said.append)
    asyncio.run(engine.complete(request()))
    assert said == []
    monkeypatch.setattr("pipeline.generation.supervise.TELL_AFTER", 0.0)
    engine = PatientEngine(FaultyEngine(fail(EngineUnavailableError("connection refused"), 5)), 1800, said.append)
    asyncio.run(engine.complete(request()))
    assert said == ["the engine is away and waited for, 1800 s at most: connection refused"]


def test_an_engine_s_own_kinds_of_errors_are_treated_as_what_they_derive_from(pauses: list[float]) -> None:
    del pauses

    class DriverLostError(EngineDiedError):
        pass

    class RateLimitError(EngineUnavailableError):
        pass

    deaths = iter([fail(DriverLostError("gone"), 10**9), fail(RateLimitError("slow down"), 2)])
    supervised = SupervisedEngine(lambda: FaultyEngine(next(deaths)), 1)
    assert asyncio.run(supervised.complete(request())) == REPLY


def test_an_engine_that_dies_as_it_is_looked_at_is_started_again_but_not_for_ever() -> None:
    engines: list[FaultyEngine] = []

    def start() -> FaultyEngine:
        engines.append(FaultyEngine(fail(EngineDiedError("out of memory"), 10**9)))
        return engines[-1]

    async def look_at(engine: Engine) -> None:
        await engine.complete(request())

    async def run() -> None:
        supervised = SupervisedEngine(start, 2, admit=look_at)
        try:
            await supervised.ready()
        finally:
            await supervised.close()

    with pytest.raises(EngineError, match=r"died again after 2 restart\(s\): out of memory"):
        asyncio.run(run())
    assert [engine.closed for engine in engines] == [1, 1, 1]


def test_an_engine_that_is_away_as_it_is_looked_at_is_waited_for(pauses: list[float]) -> None:
    engine = FaultyEngine(fail(EngineUnavailableError("503"), 2))

    async def look_at(engine: Engine) -> None:
        assert await engine.complete(request()) == REPLY

    asyncio.run(SupervisedEngine(lambda: engine, 0, admit=look_at).ready())
    assert engine.asked == 3
    assert any(pauses)


def test_work_can_be_brought_to_safety_before_a_restart() -> None:
    happened: list[str] = []

    def start() -> FaultyEngine:
        happened.append("start")
        return FaultyEngine(fail(EngineDiedError("gone"), 10**9 if len(happened) == 1 else 0))

    async def run() -> None:
        supervised = SupervisedEngine(start, 1)
        supervised.before_restart = lambda: happened.append("flush")
        await supervised.complete(request())

    asyncio.run(run())
    assert happened == ["start", "flush", "start"]


@pytest.mark.parametrize("failures", [1, 2, 10, 1000])
@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_pauses_are_bounded_and_never_zero(failures: int, jitter: float) -> None:
    assert 0 < pause_after(failures, jitter) <= LONGEST_PAUSE
