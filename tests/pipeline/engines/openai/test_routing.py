"""Requests find a server that is up; what fails rests, and nobody is blamed for another's fault."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.base import Engine, EngineReply
from pipeline.engines.openai.answers import read_retry_after
from pipeline.engines.openai.asking import MOST_FAILURES, MOST_REFUSALS
from pipeline.engines.openai.routing import LONGEST_REST, LONGEST_TOLD, rest_for
from schemas.errors import EngineDiedError, EngineError, EngineUnavailableError, RequestRefusedError
from tests.fakes.openai_server import MESSAGE, TEXT, FakeServer
from tests.pipeline.engines.openai.conftest import Serve
from tests.pipeline.engines.openai.helpers import opened, persist, request, run

AWAY = ["429", "408", "502", "503", "504", "529", "html", "garbage", "list", "nothing", "reset", "cut", "endless"]


async def complete(engine: Engine) -> EngineReply:
    return await engine.complete(request())


@pytest.mark.parametrize("failure", AWAY)
def test_a_request_that_meets_a_server_in_trouble_goes_to_another_at_once(failure: str, serve: Serve) -> None:
    broken, well = serve(failure), serve("slow/0.05")

    async def work() -> list[EngineReply]:
        async with opened(broken, well, requests_per_server=4) as engine:
            return await asyncio.gather(*(engine.complete(request()) for _ in range(4)))

    assert [reply.text for reply in asyncio.run(work())] == [TEXT] * 4
    assert broken.asked


@pytest.mark.parametrize("failure", AWAY)
@pytest.mark.usefixtures("long_rests")
def test_with_no_other_server_the_request_is_to_be_asked_again_later(failure: str, serve: Serve) -> None:
    server = serve(failure, "ok")
    with pytest.raises(EngineUnavailableError) as caught:
        run(complete, server)
    assert server.url in str(caught.value)


@pytest.mark.parametrize("failure", AWAY)
def test_a_server_that_was_in_trouble_is_used_again_after_a_rest(failure: str, serve: Serve) -> None:
    server = serve(failure, "ok")
    assert run(lambda engine: persist(lambda: engine.complete(request())), server).text == TEXT
    assert len(server.asked) == 2


def test_a_server_that_was_stopped_and_started_again_is_used_again(serve: Serve) -> None:
    server = serve()

    async def work() -> None:
        async with opened(server) as engine:
            await engine.complete(request())
            server.stop()
            with pytest.raises(EngineUnavailableError, match="does not answer"):
                await engine.complete(request())
            server.start()
            await persist(lambda: engine.complete(request()))

    asyncio.run(work())
    assert len(server.asked) == 2


def test_a_resting_server_is_left_alone_for_as_long_as_it_asked(serve: Serve) -> None:
    server = serve("429/3600", "ok")

    async def work() -> None:
        async with opened(server) as engine:
            for _ in range(3):
                with pytest.raises(EngineUnavailableError, match="429"):
                    await engine.complete(request())

    asyncio.run(work())
    assert len(server.asked) == 1


def test_a_server_that_rested_says_who_it_is_before_it_gets_work(serve: Serve) -> None:
    server = serve("503", "ok")

    async def work() -> None:
        async with opened(server) as engine:
            await persist(lambda: engine.complete(request()))

    asyncio.run(work())
    paths = [received.path for received in server.received]
    assert "/provenance" in paths[paths.index("/v1/chat/completions") :]


def test_one_outage_met_by_many_requests_is_one_failure(serve: Serve) -> None:
    server = serve(*["503"] * 32, "ok")

    async def work() -> None:
        async with opened(server, requests_per_server=32) as engine:
            await asyncio.gather(*(persist(lambda: engine.complete(request())) for _ in range(32)))

    # thirty-two failures in a row, each doubling the rest, would be waited for until the sun burns out
    asyncio.run(asyncio.wait_for(work(), 60))


def test_work_is_spread_over_the_servers(serve: Serve) -> None:
    servers = [serve("slow/0.05") for _ in range(3)]

    async def work() -> None:
        async with opened(*servers, requests_per_server=8) as engine:
            await asyncio.gather(*(engine.complete(request()) for _ in range(12)))

    asyncio.run(work())
    assert [len(server.asked) for server in servers] == [4, 4, 4]


def test_no_server_gets_more_requests_than_it_is_allowed(serve: Serve) -> None:
    servers = [serve("slow/0.02") for _ in range(2)]

    async def work() -> None:
        async with opened(*servers, requests_per_server=2) as engine:
            assert engine.concurrency == 4
            await asyncio.gather(*(engine.complete(request()) for _ in range(20)))

    asyncio.run(work())
    assert [server.most_in_flight for server in servers] == [2, 2]


def test_requests_that_wait_for_a_place_are_told_when_the_last_server_goes(serve: Serve) -> None:
    server = serve("slow/0.05", "reset")

    async def work() -> list[EngineReply | BaseException]:
        async with opened(server, requests_per_server=1) as engine:
            questions = [asyncio.create_task(engine.complete(request())) for _ in range(4)]
            return await asyncio.gather(*questions, return_exceptions=True)

    ends = [type(each) for each in asyncio.run(asyncio.wait_for(work(), 60))]
    assert (ends.count(EngineReply), ends.count(EngineUnavailableError)) == (1, 3)


def test_a_place_that_a_cancelled_request_waited_for_goes_to_the_next(serve: Serve) -> None:
    server = serve("slow/0.05")

    async def work() -> None:
        async with opened(server, requests_per_server=1) as engine:
            first, second, third = (asyncio.create_task(engine.complete(request())) for _ in range(3))
            await asyncio.sleep(0.02)
            second.cancel()
            await asyncio.gather(first, third)
            first, second, third = (asyncio.create_task(engine.complete(request())) for _ in range(3))
            await asyncio.wait({first})
            second.cancel()  # woken in this very moment
            await third

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_cancelled_request_is_taken_back_from_the_server(serve: Serve) -> None:
    server = serve("hang", "ok")

    async def work() -> None:
        async with opened(server, requests_per_server=1) as engine:
            question = asyncio.create_task(engine.complete(request()))
            await asyncio.to_thread(server.busy.wait, 60)
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question
            await engine.complete(request())

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize("failure", ["500", "hang", {"finish_reason": "abort"}])
def test_a_request_that_breaks_one_server_is_asked_at_another(failure: str, serve: Serve) -> None:
    broken, well = serve(failure), serve()

    async def work() -> None:
        async with opened(broken, well, request_seconds=0.2) as engine:
            while not broken.asked:
                assert (await engine.complete(request())).text == TEXT

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize("failure", ["500", "hang", {"finish_reason": "abort"}])
@pytest.mark.parametrize("count", [1, 2])
def test_a_request_that_breaks_every_server_is_refused_after_a_few_times(
    failure: str, count: int, serve: Serve
) -> None:
    servers = [serve(failure) for _ in range(count)]
    with pytest.raises(RequestRefusedError, match="though its servers are well"):
        run(complete, *servers, request_seconds=0.1)
    assert sum(len(server.asked) for server in servers) == MOST_FAILURES


@pytest.mark.parametrize("failure", ["500", "hang", {"finish_reason": "abort"}])
@pytest.mark.parametrize("health", ["503", "reset"])
@pytest.mark.usefixtures("long_rests")
def test_a_request_is_not_blamed_for_a_server_that_is_not_well(failure: str, health: str, serve: Serve) -> None:
    server = serve(failure, health=health)
    with pytest.raises(EngineUnavailableError, match=r"well|answer"):
        run(complete, server, request_seconds=0.1)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "message",
    ["EngineCore encountered an issue. See stack trace above.", "cannot schedule new futures after shutdown"],
)
@pytest.mark.usefixtures("long_rests")
def test_a_request_is_not_blamed_for_an_engine_that_is_about_to_go(message: str, serve: Serve) -> None:
    server = serve("500", message=message)
    with pytest.raises(EngineUnavailableError, match="500"):
        run(complete, server)
    assert len(server.asked) == 1


def test_when_one_request_after_the_other_breaks_the_servers_the_run_stops(serve: Serve) -> None:
    server = serve(*["500"] * MOST_FAILURES * (MOST_REFUSALS - 1), "ok", "500")

    async def work() -> None:
        async with opened(server) as engine:
            for _ in range(MOST_REFUSALS - 1):
                with pytest.raises(RequestRefusedError):
                    await engine.complete(request())
            await engine.complete(request())
            for _ in range(MOST_REFUSALS - 1):
                with pytest.raises(RequestRefusedError):
                    await engine.complete(request())
            with pytest.raises(EngineError, match="see the server's log") as caught:
                await engine.complete(request())
            assert type(caught.value) is EngineError

    asyncio.run(work())


def test_a_server_without_a_page_for_its_health_is_well(serve: Serve) -> None:
    server = serve("500", "ok", health="404")
    assert run(complete, server).text == TEXT


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_request_that_the_server_refuses_fails_alone_with_its_words(status: str, serve: Serve) -> None:
    server = serve(status, "ok")

    async def work() -> None:
        async with opened(server) as engine:
            with pytest.raises(RequestRefusedError, match=MESSAGE):
                await engine.complete(request())
            await engine.complete(request())

    asyncio.run(work())
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", ["404", "405", "302/http:||127.0.0.1:1|", "501"])
def test_a_mistake_in_the_configuration_stops_the_run(status: str, serve: Serve) -> None:
    with pytest.raises(EngineError, match=r"check engine\.base_urls") as caught:
        run(complete, serve(status))
    assert type(caught.value) is EngineError


def test_after_its_end_an_engine_is_dead(serve: Serve) -> None:
    server = serve("hang")

    async def work() -> None:
        async with opened(server) as engine:
            asked = asyncio.create_task(engine.complete(request()))
            await asyncio.to_thread(server.busy.wait, 60)
            await engine.close()
            for question in (asked, engine.complete(request()), engine.count_tokens("a")):
                with pytest.raises(EngineDiedError):
                    await question

    asyncio.run(asyncio.wait_for(work(), 60))


def test_hundreds_of_requests_survive_servers_that_come_and_go(serve: Serve) -> None:
    servers: list[FakeServer] = [
        serve(*(["ok"] * 20 + [trouble]) * 10, "ok") for trouble in ("503", "cut", "500", "reset")
    ]

    async def work() -> list[EngineReply]:
        async with opened(*servers, requests_per_server=8) as engine:
            gate = asyncio.Semaphore(engine.concurrency)

            async def ask(number: int) -> EngineReply:
                async with gate:
                    return await persist(lambda: engine.complete(request(f"{number}/1")))

            return await asyncio.gather(*(ask(number) for number in range(600)))

    assert [reply.text for reply in asyncio.run(asyncio.wait_for(work(), 60))] == [TEXT] * 600


@given(st.integers(1, 10**6), st.none() | st.floats(0, allow_nan=False), st.floats(0, 1, exclude_max=True))
def test_rests_are_bounded_and_never_nothing(failures: int, told: float | None, jitter: float) -> None:
    assert 0 < rest_for(failures, told, jitter) <= max(LONGEST_REST, LONGEST_TOLD)


def test_rests_grow_and_a_server_s_own_wish_comes_first() -> None:
    assert rest_for(4, None, 0.0) > rest_for(2, None, 0.0)
    assert rest_for(1, 17.0, 0.9) == 17.0


@given(st.text(max_size=40))
def test_any_wish_of_a_server_can_be_read(header: str) -> None:
    seconds = read_retry_after(header)
    assert seconds is None or seconds >= 0


def test_a_wish_may_be_a_date() -> None:
    seconds = read_retry_after(formatdate(time.time() + 60, usegmt=True))
    assert seconds is not None
    assert 50 < seconds <= 61
