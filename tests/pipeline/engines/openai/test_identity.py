"""A build's servers are one model: they are asked before the first request, and never mixed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipeline.engines import create_engine
from pipeline.teachers import GRAMMARS
from schemas.errors import ConfigError, EngineError, EngineUnavailableError
from tests.fakes.openai_server import GLM as GLM_MODEL
from tests.fakes.openai_server import PROVENANCE, unused_url
from tests.pipeline.engines.openai.conftest import Serve
from tests.pipeline.engines.openai.helpers import GLM, opened, persist, request, settings, start

KIMI_MODEL = "moonshotai/Kimi-VL-A3B-Thinking-2506"


def test_a_server_of_ours_tells_everything(serve: Serve) -> None:
    info = start(serve(provenance={**PROVENANCE, "processor": {"size.longest_edge": "9"}})).info
    assert (info.engine, info.model, info.revision, info.dtype) == ("openai", GLM_MODEL, "a" * 40, "bfloat16")
    assert info.processor == {"size.longest_edge": "9"}
    assert info.versions == PROVENANCE["versions"]
    assert info.warnings == ()


def test_what_other_servers_do_not_tell_is_the_configuration_s(serve: Serve) -> None:
    info = start(
        serve(provenance=None),
        model="org/tuned",
        revision="b" * 40,
        dtype="float16",
        quantization="fp8",
        mm_processor_kwargs={"size": {"longest_edge": 9}},
    ).info
    assert (info.model, info.revision, info.dtype, info.quantization) == ("org/tuned", "b" * 40, "float16", "fp8")
    assert info.processor == {"size.longest_edge": "9"}
    assert info.versions == {"vllm": "0.32.0"}


def test_what_nobody_tells_is_unknown_with_a_warning(serve: Serve) -> None:
    info = start(serve(provenance=None)).info
    assert (info.model, info.revision, info.dtype) == (GLM_MODEL, "unknown", "unknown")
    assert all(any(f"set engine.{name}" in warning for warning in info.warnings) for name in ("revision", "dtype"))


@pytest.mark.parametrize("page", [{"title": "not ours"}, {"model": 5}])
def test_a_page_that_only_has_the_name_of_ours_tells_nothing(page: dict[str, Any], serve: Serve) -> None:
    assert start(serve(provenance=page)).info.revision == "unknown"


def test_a_server_s_own_warnings_reach_the_user_with_its_name(serve: Serve) -> None:
    server = serve(provenance={**PROVENANCE, "warnings": ["the revision is not pinned"]})
    assert start(server).info.warnings == (f"{server.url}: the revision is not pinned",)


@pytest.mark.parametrize(
    ("setting", "value", "theirs"),
    [
        ("model", "org/tuned", GLM_MODEL),
        ("revision", "b" * 40, "a" * 40),
        ("dtype", "float16", "bfloat16"),
        ("quantization", "fp8", "None"),
        ("mm_processor_kwargs", {"max_pixels": 9}, "None"),
    ],
)
def test_a_server_that_contradicts_the_configuration_is_refused(
    setting: str, value: Any, theirs: str, serve: Serve
) -> None:
    server = serve()
    with pytest.raises(ConfigError) as caught:
        start(server, **{setting: value})
    assert server.url in str(caught.value)
    assert f"engine.{setting}" in str(caught.value)
    assert theirs in str(caught.value)


@pytest.mark.parametrize(("setting", "value"), [("revision", "main"), ("dtype", "auto"), ("dtype", "bfloat16")])
def test_a_branch_or_an_automatic_dtype_contradicts_nothing(setting: str, value: str, serve: Serve) -> None:
    assert start(serve(), **{setting: value}).info.revision == "a" * 40


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "org/other"),
        ("revision", "b" * 40),
        ("dtype", "float16"),
        ("quantization", "fp8"),
        ("processor", {"max_pixels": "9"}),
    ],
)
def test_servers_that_run_different_things_are_refused_and_named(name: str, value: Any, serve: Serve) -> None:
    servers = serve(), serve(), serve(provenance={**PROVENANCE, name: value})
    with pytest.raises(ConfigError) as caught:
        start(*servers)
    assert servers[0].url in str(caught.value)
    assert servers[2].url in str(caught.value)
    assert name in str(caught.value)


def test_a_server_that_tells_and_one_that_does_not_are_not_mixed(serve: Serve) -> None:
    with pytest.raises(ConfigError, match="revision"):
        start(serve(), serve(provenance=None))


def test_servers_that_call_the_model_differently_are_refused(serve: Serve) -> None:
    with pytest.raises(ConfigError, match="one and two"):
        start(serve(model="one"), serve(model="two"))


def test_servers_may_differ_in_versions_and_the_records_hold_all(serve: Serve) -> None:
    other = {**PROVENANCE, "versions": {"vllm": "0.33.0", "device": "1 x NVIDIA H200"}}
    info = start(serve(), serve(provenance=other)).info
    assert info.versions == {"vllm": "0.32.0, 0.33.0", "device": "1 x NVIDIA H200"}


@pytest.mark.parametrize("provenance", [None, {**PROVENANCE, "model": KIMI_MODEL}])
def test_exchanged_urls_of_two_teachers_are_noticed(provenance: dict[str, Any] | None, serve: Serve) -> None:
    with pytest.raises(ConfigError, match="the model of teacher kimi-vl-a3b-thinking-2506, not of glm"):
        start(serve(model=KIMI_MODEL, provenance=provenance))


def test_of_several_names_one_must_be_chosen(serve: Serve) -> None:
    server = serve()
    server.models = [{"id": "base"}, {"id": "tuned"}]
    with pytest.raises(EngineError, match=r"serves base, tuned; choose one in engine\.served_model"):
        start(server)
    with pytest.raises(EngineError, match=r"base, tuned and no other; correct engine\.served_model"):
        start(server, served_model="other")
    asyncio.run(_ask_once(server, served_model="tuned"))
    assert server.asked[0].body["model"] == "tuned"


async def _ask_once(*urls: Any, **changes: Any) -> None:
    async with opened(*urls, **changes) as engine:
        await engine.complete(request())


def test_a_server_that_is_away_at_the_start_is_left_out_and_used_when_it_comes(serve: Serve) -> None:
    there, late = serve("slow/0.05"), serve()
    late.stop()

    async def work() -> None:
        async with opened(there, late, requests_per_server=1) as engine:
            assert any(late.url in warning and "left out" in warning for warning in engine.info.warnings)
            assert engine.concurrency == 2
            await engine.complete(request())
            late.start()
            while not late.asked:
                await asyncio.gather(*(engine.complete(request()) for _ in range(2)))

    asyncio.run(asyncio.wait_for(work(), 60))


def test_with_no_server_at_all_every_url_is_named_with_the_remedy() -> None:
    urls = [unused_url(), unused_url()]
    with pytest.raises(EngineError, match="start the server") as caught:
        start(*urls)
    assert all(url in str(caught.value) for url in urls)


@pytest.mark.parametrize("what", ["html", "garbage", "list", "nothing", "reset", "503", "500"])
def test_what_is_no_model_server_at_the_start_is_one_line_that_names_it(what: str, serve: Serve) -> None:
    server = serve(everything=what)
    with pytest.raises(EngineError) as caught:
        start(server)
    assert server.url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_url_without_its_end_is_noticed(serve: Serve) -> None:
    with pytest.raises(EngineError, match=r"404 \(Not Found\); check engine\.base_urls .*/v1"):
        start(serve().root)


def test_redirects_are_not_followed(serve: Serve) -> None:
    elsewhere = serve()
    with pytest.raises(EngineError, match="302"):
        start(serve(everything=f"302/{elsewhere.url.replace('/', '|')}/models"))
    assert not elsewhere.received


@pytest.mark.parametrize("changed", [{"model": "org/other"}, {"revision": "b" * 40}, {"dtype": "float16"}])
def test_a_server_that_comes_back_with_another_model_is_never_mixed_in(changed: dict[str, str], serve: Serve) -> None:
    steady, restarted = serve(), serve()

    async def work() -> None:
        async with opened(restarted, steady, requests_per_server=4) as engine:
            restarted.stop()
            for _ in range(4):
                await engine.complete(request())
            restarted.provenance = {**PROVENANCE, **changed}
            restarted.start()
            before = len(restarted.received)
            while len(restarted.received) < before + 2:
                await engine.complete(request())
            for _ in range(4):
                await engine.complete(request())

    asyncio.run(asyncio.wait_for(work(), 60))
    assert not restarted.asked


def test_when_every_server_has_become_another_the_run_stops(serve: Serve) -> None:
    server = serve()

    async def work() -> None:
        async with opened(server) as engine:
            server.stop()
            with pytest.raises(EngineUnavailableError):
                await engine.complete(request())
            server.provenance = {**PROVENANCE, "revision": "b" * 40}
            server.start()
            await persist(lambda: engine.complete(request()))

    with pytest.raises(EngineError, match=r"came back as another server: revision a+ and b+") as caught:
        asyncio.run(work())
    assert type(caught.value) is EngineError


def test_a_context_that_is_shorter_than_the_teacher_s_is_a_warning(serve: Serve) -> None:
    server = serve()
    server.models[0]["max_model_len"] = 2048
    assert any("2048" in warning for warning in start(server).info.warnings)


def test_an_engine_can_be_started_within_a_running_event_loop(serve: Serve) -> None:
    server = serve()

    async def work() -> str:
        engine = create_engine(settings(server), GLM, GRAMMARS[GLM.grammar])
        await engine.close()
        return engine.info.model

    assert asyncio.run(work()) == GLM_MODEL
