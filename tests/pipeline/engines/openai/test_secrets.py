"""The key goes to the configured servers and nowhere else."""

from __future__ import annotations

import logging

import pytest

from pipeline.engines.base import Engine, EngineReply
from pipeline.engines.openai.address import Access
from schemas.errors import ConfigError, EngineError
from tests.pipeline.engines.openai.conftest import Serve
from tests.pipeline.engines.openai.helpers import request, run, start

KEY = "sk-secret-of-this-test-0123456789"


async def complete(engine: Engine) -> EngineReply:
    return await engine.complete(request())


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)


@pytest.mark.usefixtures("_key")
def test_the_key_of_the_named_variable_opens_the_server(serve: Serve) -> None:
    server = serve(key=KEY)
    run(complete, server, api_key_env="MY_KEY")
    assert all(received.headers["Authorization"] == f"Bearer {KEY}" for received in server.received)


def test_without_a_key_none_is_sent(serve: Serve) -> None:
    server = serve()
    run(complete, server)
    assert not any("Authorization" in received.headers for received in server.received)


def test_a_missing_key_names_its_variable(serve: Serve) -> None:
    with pytest.raises(EngineError, match="it wants a key; set the environment variable MY_KEY"):
        start(serve(key=KEY), api_key_env="MY_KEY")


@pytest.mark.parametrize("status", ["401", "403"])
@pytest.mark.usefixtures("_key")
def test_a_wrong_key_stops_the_run_and_names_its_variable(status: str, serve: Serve) -> None:
    with pytest.raises(EngineError, match="variable MY_KEY") as caught:
        run(complete, serve(status, message=f"Incorrect API key provided: {KEY}"), api_key_env="MY_KEY")
    assert type(caught.value) is EngineError
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("status", ["400", "404", "429", "500", "503", "reset", "html", "302/http:||127.0.0.1:1|"])
@pytest.mark.usefixtures("_key")
def test_no_error_and_no_log_repeats_the_key(status: str, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(status, message=f"a server that repeats {KEY}")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(EngineError) as caught:
        run(complete, server, api_key_env="MY_KEY")
    told = "".join(str(error) + repr(error) for error in (caught.value, caught.value.__cause__))
    assert KEY not in told + caplog.text


@pytest.mark.usefixtures("_key")
def test_the_key_is_in_no_body_and_in_nothing_that_is_printed(serve: Serve) -> None:
    server = serve()
    engine = start(server, api_key_env="MY_KEY")
    run(complete, server, api_key_env="MY_KEY")
    assert KEY not in repr([received.body for received in server.received])
    assert KEY not in repr(engine.info) + repr(Access.from_environment("MY_KEY"))


@pytest.mark.usefixtures("_key")
def test_the_key_does_not_follow_a_redirect(serve: Serve) -> None:
    thief = serve()
    server = serve(f"307/{thief.url.replace('/', '|')}|chat|completions")
    with pytest.raises(EngineError, match="307"):
        run(complete, server, api_key_env="MY_KEY")
    assert not thief.received


@pytest.mark.usefixtures("_key")
def test_no_proxy_of_the_environment_sees_the_key(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    thief, server = serve(), serve()
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, thief.root)
    run(complete, server, api_key_env="MY_KEY")
    assert not thief.received


@pytest.mark.parametrize("value", ["two\nlines", "schlüssel", "a\x00b"])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "\x00" in value:
        monkeypatch.setattr("os.environ", {"MY_KEY": value})
    else:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ConfigError, match="variable MY_KEY holds no key") as caught:
        Access.from_environment("MY_KEY")
    assert value not in str(caught.value)
