"""Tokens are counted by a server, or estimated from what servers report, and then the records say so."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.engines.base import Engine
from schemas.errors import ConfigError
from tests.fakes.openai_server import TEXT, tokens_of
from tests.pipeline.engines.openai.conftest import Serve
from tests.pipeline.engines.openai.helpers import request, run, start


@pytest.mark.parametrize("text", ["", "one", "one two, three", "◁think▷", "\ud83d"])
def test_a_server_that_counts_is_asked(text: str, serve: Serve) -> None:
    server = serve()
    assert run(lambda engine: engine.count_tokens(text), server) == len(tokens_of(text))
    assert "token_counts" not in start(server).info.versions


def test_only_the_text_s_own_tokens_are_counted(serve: Serve) -> None:
    server = serve()
    run(lambda engine: engine.count_tokens("one"), server)
    assert server.received[-1].body["add_special_tokens"] is False


def test_counting_waits_for_no_place(serve: Serve) -> None:
    server = serve("hang")

    async def count(engine: Engine) -> int:
        asked = asyncio.create_task(engine.complete(request()))
        await asyncio.to_thread(server.busy.wait, 60)
        counted = await engine.count_tokens("one two")
        asked.cancel()
        return counted

    assert run(count, server, requests_per_server=1) == 2


def test_estimates_follow_the_server_s_own_figures(serve: Serve) -> None:
    server = serve({"usage": {"prompt_tokens": 1, "completion_tokens": 10}}, counts_tokens=False)

    async def count(engine: Engine) -> tuple[int, int, int]:
        before = await engine.count_tokens("x" * 400)
        await engine.complete(request())
        return before, await engine.count_tokens(TEXT), await engine.count_tokens("")

    assert run(count, server) == (100, 10, 0)


def test_estimates_are_marked_in_every_record_and_told_to_the_user(serve: Serve) -> None:
    info = start(serve(counts_tokens=False)).info
    assert info.versions["token_counts"] == "estimated"
    assert any("estimates" in warning for warning in info.warnings)


def test_servers_that_count_and_servers_that_do_not_are_not_mixed(serve: Serve) -> None:
    with pytest.raises(ConfigError, match="count tokens"):
        start(serve(), serve(counts_tokens=False))
