"""The small GLM-4.1V in vLLM: the architecture that transformers has, and texts that a test can prescribe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vllm.in_process import ask, load, picture
from tests.vllm.script import VARIABLE, Words, load_tokenizer, write_script

pytestmark = pytest.mark.vllm

PICTURES = [picture(224, 224, 1), picture(640, 480, 2), picture(375, 500, 3), picture(300, 1000, 4), picture(90, 70, 5)]
TOKENS = 32


@pytest.fixture(scope="module")
def llm(tiny_glm: Path) -> Iterator[Any]:
    with load(tiny_glm, "glm-4.1v") as llm:
        yield llm


def test_greedy_texts_are_those_of_transformers(llm: Any, tiny_glm: Path) -> None:
    import torch  # noqa: PLC0415 - not in the core installation
    from transformers import AutoProcessor, Glm4vForConditionalGeneration  # noqa: PLC0415 - the same
    from vllm import SamplingParams  # noqa: PLC0415 - the same

    processor = AutoProcessor.from_pretrained(tiny_glm)
    model = Glm4vForConditionalGeneration.from_pretrained(tiny_glm, dtype=torch.float32).eval()
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    expected = []
    for image in PICTURES:
        inputs = processor(text=[prompt], images=[image], return_tensors="pt")
        output = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)[0].tolist()
        start = inputs["input_ids"].shape[1]
        expected.append((output[:start], output[start:]))
    replies = ask(llm, PICTURES, SamplingParams(max_tokens=TOKENS, temperature=0))
    assert [(reply.prompt_token_ids, list(reply.outputs[0].token_ids)) for reply in replies] == expected


def test_the_text_depends_on_the_picture_and_pictures_cost_few_tokens(llm: Any) -> None:
    from vllm import SamplingParams  # noqa: PLC0415 - not in the core installation

    replies = ask(llm, PICTURES, SamplingParams(max_tokens=TOKENS, temperature=0))
    assert len({tuple(reply.outputs[0].token_ids) for reply in replies}) == len(PICTURES)
    assert max(len(reply.prompt_token_ids) for reply in replies) <= 90


def test_a_script_is_said_word_for_word_unless_a_thinking_budget_cuts_in(
    llm: Any, tiny_glm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vllm import SamplingParams  # noqa: PLC0415 - not in the core installation

    entries: dict[int | str, Any] = {
        1: "<think>a red dog</think><answer>red</answer>",
        "default": ["<think>", Words(9), "</think>"],
        3: None,
    }
    script = write_script(tmp_path / "script.json", load_tokenizer(tiny_glm), entries)
    monkeypatch.setenv(VARIABLE, str(script))

    def sampling(seed: int, budget: int | None = None) -> Any:
        return SamplingParams(
            max_tokens=24,
            seed=seed,
            skip_special_tokens=False,
            include_stop_str_in_output=True,
            thinking_token_budget=budget,
        )

    samplings = [sampling(1), sampling(1, 2), sampling(2), sampling(2), sampling(4), sampling(3)]
    said = [reply.outputs[0].text for reply in ask(llm, [PICTURES[0]] * len(samplings), samplings)]
    assert said[0] == "<think>a red dog</think><answer>red</answer>"
    assert said[1].startswith("<think>a red</think>")
    assert said[2] == said[3] != said[4]
    assert all(len(text.partition("</think>")[0].split()) == 10 for text in said[2:5])
    assert "<think>" not in said[5]
