"""Completions become replies untouched; what is not raw, or no completion, is never taken for one."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.engines.base import Engine, EngineReply
from pipeline.engines.openai.replies import explain_refusal
from schemas.completion import FinishReason
from schemas.errors import EngineError, EngineUnavailableError, RequestRefusedError
from tests.fakes.openai_server import TEXT, tokens_of
from tests.pipeline.engines.openai.conftest import Serve
from tests.pipeline.engines.openai.helpers import request, run


async def complete(engine: Engine) -> EngineReply:
    return await engine.complete(request())


def test_text_and_figures_come_back_untouched(serve: Serve) -> None:
    text = " <think>\n◁ \U0001f600 \x00</think>  <answer>b</answer>\n"
    reply = run(complete, serve({"content": text, "usage": {"prompt_tokens": 31, "completion_tokens": 17}}))
    assert reply == EngineReply(text, FinishReason.STOP, None, completion_tokens=17, prompt_tokens=31, split=(3, 8))


def test_a_lone_surrogate_survives_to_be_judged_by_the_parser(serve: Serve) -> None:
    assert run(complete, serve({"content": "\ud83d"})).text == "\ud83d"


def test_no_content_is_an_empty_text(serve: Serve) -> None:
    assert run(complete, serve({"content": None})).text == ""


@pytest.mark.parametrize("name", ["stop", "length", "repetition", "error"])
def test_vllm_s_finish_reasons_are_kept(name: str, serve: Serve) -> None:
    reply = run(complete, serve({"finish_reason": name, "stop_reason": 151_343}))
    assert (reply.finish_reason, reply.stop_reason) == (FinishReason(name), "151343")


@pytest.mark.parametrize("name", ["content_filter", "tool_calls", None])
def test_any_other_finish_reason_is_an_error_that_names_it(name: str | None, serve: Serve) -> None:
    reply = run(complete, serve({"finish_reason": name}))
    assert (reply.finish_reason, reply.stop_reason) == (FinishReason.ERROR, f"finish_reason {name}")


@pytest.mark.parametrize("thinking", ["I look at it.", ""])
def test_a_server_that_takes_the_thinking_out_of_the_text_stops_the_run(thinking: str, serve: Serve) -> None:
    server = serve({"content": "A picture.", "reasoning": thinking})
    with pytest.raises(EngineError, match="start the server without --reasoning-parser") as caught:
        run(complete, server)
    assert type(caught.value) is EngineError


@pytest.mark.parametrize("what", ["nothing", {"content": ["parts"]}, {"content": 5}, {"usage": "many"}])
def test_json_that_is_no_completion_is_never_taken_for_one(what: Any, serve: Serve) -> None:
    with pytest.raises(EngineUnavailableError, match="no completion"):
        run(complete, serve(what))


def test_tokens_that_the_server_does_not_report_are_counted(serve: Serve) -> None:
    assert run(complete, serve({"usage": None})).completion_tokens == len(tokens_of(TEXT))


THINKING = "<think>one two three</think><answer>four</answer>"


@pytest.mark.parametrize(("budget", "forced"), [(3, True), (4, False), (None, False)])
def test_a_thinking_that_used_up_its_budget_was_closed_by_force(budget: int | None, forced: bool, serve: Serve) -> None:
    server = serve({"content": THINKING})
    assert run(lambda engine: engine.complete(request(thinking_budget=budget)), server).forced_close is forced


@pytest.mark.parametrize(("budget", "forced"), [(3, True), (4, False)])
def test_without_token_ids_the_thinking_s_tokens_are_counted(budget: int, forced: bool, serve: Serve) -> None:
    server = serve({"content": THINKING, "token_ids": None})
    assert run(lambda engine: engine.complete(request(thinking_budget=budget)), server).forced_close is forced


def test_a_thinking_that_was_never_closed_was_not_closed_by_force(serve: Serve) -> None:
    server = serve({"content": "<think>one two three four five", "finish_reason": "length"})
    assert not run(lambda engine: engine.complete(request(thinking_budget=2)), server).forced_close


@pytest.mark.parametrize(
    ("said", "kind", "remedy"),
    [
        (
            "The decoder prompt (length 900) is longer than the maximum model length of 512.",
            RequestRefusedError,
            "max_model_len",
        ),
        ("thinking_token_budget is set but reasoning_config is not", RequestRefusedError, "imagenet-think serve"),
        ("Unrecognized request argument supplied: top_k", EngineError, "engine.extensions: false"),
        ("Failed to load image", RequestRefusedError, ""),
    ],
)
def test_a_refusal_comes_with_its_remedy(said: str, kind: type[EngineError], remedy: str) -> None:
    error = explain_refusal(RequestRefusedError(said), request(thinking_budget=5))
    assert type(error) is kind
    assert said in str(error)
    assert remedy in error.remedy
