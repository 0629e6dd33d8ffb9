"""The vLLM engine with small checkpoints of both teachers: real prompts, batches, stops and texts."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.completion import FinishReason, PairStatus
from schemas.errors import RequestRefusedError
from tests.vllm.engines import GLM, KIMI, MAX_MODEL_LEN, MAX_NUM_SEQS, Loop, running, vllm_settings
from tests.vllm.in_process import picture
from tests.vllm.script import Part, Words, load_tokenizer

pytestmark = pytest.mark.vllm

THINKING = "The dog stands on the green grass, because the light is natural and the sky is clear."
ANSWER = "A brown dog on the grass under a clear sky."
CHINESE = "这只狗站在绿色的草地上，因为光线是自然的，天空是晴朗的。"


@dataclass(frozen=True)
class Case:
    text: str
    status: PairStatus
    finish: FinishReason = FinishReason.STOP
    stop: bool = False
    """A stop reason is given: vLLM names the stop token unless it is the first of the end tokens."""
    max_tokens: int = 400


STATUSES = {
    GLM: {
        "ok": Case(f"<think>{THINKING}</think><answer>{ANSWER}</answer>", PairStatus.OK, stop=True),
        "boxed": Case(
            f"<think>{THINKING}</think><answer>{ANSWER} <|begin_of_box|>dog<|end_of_box|></answer>",
            PairStatus.OK,
            stop=True,
        ),
        "no closing answer": Case(f"<think>{THINKING}</think><answer>{ANSWER}<|endoftext|>", PairStatus.OK),
        "no opening think": Case(f"{THINKING}</think><answer>{ANSWER}</answer>", PairStatus.OK, stop=True),
        "unclosed": Case(f"<think>{THINKING}<|endoftext|>", PairStatus.UNCLOSED_THINK),
        "none": Case(f"{ANSWER}<|endoftext|>", PairStatus.NO_THINK),
        "empty think": Case(f"<think></think><answer>{ANSWER}</answer>", PairStatus.EMPTY_THINK, stop=True),
        "empty answer": Case(f"<think>{THINKING}</think><answer></answer>", PairStatus.EMPTY_ANSWER, stop=True),
        "nested": Case(
            f"<think>a <think>{THINKING}</think><answer>{ANSWER}</answer>", PairStatus.NESTED_THINK, stop=True
        ),
        "leak": Case(f"<think>{THINKING}</think><answer>{ANSWER}</think></answer>", PairStatus.MARKER_LEAK, stop=True),
        "truncated": Case(
            f"<think>{THINKING}</think><answer>{ANSWER}</answer>",
            PairStatus.TRUNCATED,
            FinishReason.LENGTH,
            max_tokens=9,
        ),
        "loop": Case("<think>" + " the dog runs fast" * 40, PairStatus.REPETITION, FinishReason.REPETITION, stop=True),
        "chinese": Case(f"<think>{CHINESE}</think><answer>{ANSWER}</answer>", PairStatus.WRONG_LANGUAGE, stop=True),
    },
    KIMI: {
        "ok": Case(f"◁think▷{THINKING}◁/think▷{ANSWER}<|im_end|>", PairStatus.OK, stop=True),
        "unclosed": Case(f"◁think▷{THINKING}<|im_end|>", PairStatus.UNCLOSED_THINK, stop=True),
        "none": Case(f"{ANSWER}<|im_end|>", PairStatus.NO_THINK, stop=True),
        "empty think": Case(f"◁think▷◁/think▷{ANSWER}<|im_end|>", PairStatus.EMPTY_THINK, stop=True),
        "empty answer": Case(f"◁think▷{THINKING}◁/think▷<|im_end|>", PairStatus.EMPTY_ANSWER, stop=True),
        "nested": Case(f"◁think▷a ◁think▷{THINKING}◁/think▷{ANSWER}<|im_end|>", PairStatus.NESTED_THINK, stop=True),
        "leak": Case(f"◁think▷{THINKING}◁/think▷{ANSWER}◁/think▷<|im_end|>", PairStatus.MARKER_LEAK, stop=True),
        "truncated": Case(
            f"◁think▷{THINKING}◁/think▷{ANSWER}<|im_end|>", PairStatus.TRUNCATED, FinishReason.LENGTH, max_tokens=9
        ),
        "loop": Case("◁think▷" + " the dog runs fast" * 40, PairStatus.REPETITION, FinishReason.REPETITION, stop=True),
        "chinese": Case(f"◁think▷{CHINESE}◁/think▷{ANSWER}<|im_end|>", PairStatus.WRONG_LANGUAGE, stop=True),
    },
}

ENDLESS, LONG, SHORT, FREE = 1001, 1002, 1003, 2000


def write_cases(teacher: str) -> dict[int | str, Part | list[Part] | None]:
    opening, closing = ("<think>", "</think>") if teacher == GLM else ("◁think▷", "◁/think▷")
    end = "</answer>" if teacher == GLM else "<|im_end|>"
    cases: dict[int | str, Part | list[Part] | None] = {
        seed: case.text for seed, case in enumerate(STATUSES[teacher].values())
    }
    return cases | {
        ENDLESS: [opening, Words(MAX_MODEL_LEN)],
        LONG: [opening, Words(60), closing, Words(5), end],
        SHORT: [opening, Words(6), closing, Words(5), end],
    }


@pytest.fixture(scope="module", params=[GLM, KIMI])
def loop(request: pytest.FixtureRequest, tiny_glm: Path, tiny_kimi: Path, tmp_path_factory: Any) -> Iterator[Loop]:
    checkpoint = tiny_glm if request.param == GLM else tiny_kimi
    folder = tmp_path_factory.mktemp("engine")
    with running(vllm_settings(checkpoint), request.param, write_cases(request.param), folder) as started:
        yield started


def test_every_form_of_text_crosses_the_engine_word_for_word(loop: Loop) -> None:
    cases = STATUSES[loop.teacher.name]

    async def ask_all() -> list[Any]:
        requests = [loop.request(seed, max_tokens=case.max_tokens) for seed, case in enumerate(cases.values())]
        return await asyncio.gather(*map(loop.engine.complete, requests))

    for (name, case), reply in zip(cases.items(), loop.run(ask_all()), strict=True):
        whole = case.finish is FinishReason.STOP
        assert reply.text == case.text if whole else case.text.startswith(reply.text), name
        seen = (loop.parse(reply).status, reply.finish_reason, reply.stop_reason is not None)
        assert seen == (case.status, case.finish, case.stop), name
    assert loop.ask(list(cases).index("loop")).stop_reason == "repetition_detected"


def test_a_close_is_forced_only_where_the_budget_ran_out(loop: Loop) -> None:
    budget = 20
    forced = loop.ask(LONG, thinking_budget=budget)
    assert forced.forced_close
    thinking = loop.parse(forced).thinking
    assert loop.run(loop.engine.count_tokens(f" {thinking}")) == budget
    assert not loop.ask(SHORT, thinking_budget=budget).forced_close
    assert not loop.ask(LONG).forced_close


def test_the_same_seed_gives_the_same_text_alone_and_in_a_batch(loop: Loop) -> None:
    seeds = range(FREE, FREE + 2 * MAX_NUM_SEQS)

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(loop.engine.complete(loop.request(seed, max_tokens=48)) for seed in seeds))

    together = [reply.text for reply in loop.run(ask_all())]
    assert len(set(together)) == len(together)
    for seed, text in list(zip(seeds, together, strict=True))[:4]:
        alone = loop.ask(seed, max_tokens=48).text
        assert alone == loop.ask(seed, max_tokens=48).text
        if loop.teacher.name == GLM:
            assert alone == text
        else:  # the experts of a mixture round differently in other batches: nearer to its own than to any other
            assert max(together, key=lambda other: difflib.SequenceMatcher(None, alone, other).ratio()) == text


@pytest.mark.parametrize("system", [None, "Think first."])
def test_the_prompt_is_the_servers(system: str | None, loop: Loop) -> None:
    from vllm.entrypoints.openai.chat_completion.protocol import (  # noqa: PLC0415 - no part of the core installation
        ChatCompletionRequest,
    )

    request = dataclasses.replace(loop.request(FREE), system=system)
    data = io.BytesIO()
    request.image.save(data, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": request.prompt}]
    told = [{"role": "system", "content": system}] if system else []
    body = {"messages": [*told, {"role": "user", "content": content}], "max_tokens": 400}
    served = ChatCompletionRequest.model_validate(body)
    llm = loop.engine._llm

    async def render() -> tuple[Any, Any]:
        chat = served.build_chat_params(None, "auto")
        _, (theirs,) = await llm.renderer.render_chat_async(
            [served.messages], chat, served.build_tok_params(llm.model_config)
        )
        return theirs, await loop.engine._render(request)

    theirs, ours = loop.run(render())
    assert ours["prompt_token_ids"] == theirs["prompt_token_ids"]
    assert loop.run(loop.engine.complete(request)).prompt_tokens == len(theirs["prompt_token_ids"])
    text = load_tokenizer(Path(llm.model_config.model)).decode(ours["prompt_token_ids"])
    assert request.prompt in text
    assert ("Think first." in text) == (system is not None)
    assert text.endswith("<|assistant|>\n" if loop.teacher.name == GLM else "<|im_assistant|>assistant<|im_middle|>")


def test_a_request_that_cannot_be_answered_fails_alone_with_its_reason(loop: Loop) -> None:
    async def ask_all() -> list[Any]:
        requests = [loop.request(0), loop.request(FREE, prompt="dog " * 3000), loop.request(0)]
        return await asyncio.gather(*map(loop.engine.complete, requests), return_exceptions=True)

    first, refused, last = loop.run(ask_all())
    assert loop.parse(first).status is loop.parse(last).status is PairStatus.OK
    assert isinstance(refused, RequestRefusedError)
    assert f"max_model_len is {MAX_MODEL_LEN}; raise engine.max_model_len" in str(refused)
    assert "\n" not in str(refused)


@pytest.mark.parametrize("loop", [GLM], indirect=True)
def test_a_picture_that_the_processor_rejects_is_refused_for_good(loop: Loop) -> None:
    with pytest.raises(RequestRefusedError, match="aspect ratio"):
        loop.ask(FREE, image=picture(6000, 20, 1))
    assert loop.parse(loop.ask(0)).status is PairStatus.OK


def test_a_request_that_is_taken_back_leaves_the_batch(loop: Loop) -> None:
    async def cancel_all() -> None:
        tasks = [asyncio.create_task(loop.engine.complete(loop.request(ENDLESS))) for _ in range(MAX_NUM_SEQS)]
        while loop.engine._llm.get_num_unfinished_requests() < MAX_NUM_SEQS:  # noqa: ASYNC110 - vLLM has no event
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)

    loop.run(cancel_all())
    assert loop.engine._llm.get_num_unfinished_requests() == 0
    loop.ask(0)
    # the last step of that request was the batch's last
    assert loop.engine._pulse._busy == {0: False}


def test_a_request_may_be_asked_again_while_it_is_in_flight(loop: Loop) -> None:
    async def twice() -> Sequence[Any]:
        request = loop.request(0)
        return await asyncio.gather(loop.engine.complete(request), loop.engine.complete(request))

    assert [loop.parse(reply).status for reply in loop.run(twice())] == [PairStatus.OK] * 2


def test_tokens_are_counted_as_the_model_counts_them(loop: Loop) -> None:
    reply = loop.ask(0)
    assert loop.run(loop.engine.count_tokens(reply.text)) == reply.completion_tokens
    assert loop.run(loop.engine.count_tokens("")) == 0


def test_the_engine_says_who_it_is(loop: Loop) -> None:
    info = loop.engine.info
    assert (info.engine, info.dtype, info.quantization) == ("vllm", "float32", None)
    assert info.model in {"tiny-glm", "tiny-kimi"}
    assert info.revision.startswith("local-")
    assert {"vllm", "transformers", "torch", "device"} <= info.versions.keys()
    assert info.warnings == ()
    assert loop.engine.concurrency == MAX_NUM_SEQS * 3 // 2
