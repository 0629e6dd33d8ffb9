"""The small Kimi-VL in vLLM: its remote code runs, and texts that a test can prescribe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vllm.in_process import ask, load, picture
from tests.vllm.script import VARIABLE, load_tokenizer, write_script

pytestmark = pytest.mark.vllm

PICTURES = [picture(224, 224, 1), picture(640, 480, 2), picture(375, 500, 3), picture(300, 1000, 4), picture(90, 70, 5)]


@pytest.fixture(scope="module")
def llm(tiny_kimi: Path) -> Iterator[Any]:
    with load(tiny_kimi, "kimi-vl") as llm:
        yield llm


def test_the_text_depends_on_the_picture_and_pictures_cost_few_tokens(llm: Any) -> None:
    from vllm import SamplingParams  # noqa: PLC0415 - not in the core installation

    replies = ask(llm, PICTURES, SamplingParams(max_tokens=32, temperature=0))
    assert len({tuple(reply.outputs[0].token_ids) for reply in replies}) == len(PICTURES)
    assert max(len(reply.prompt_token_ids) for reply in replies) <= 140


def test_a_text_does_not_depend_on_its_place_in_the_batch(llm: Any) -> None:
    from vllm import SamplingParams  # noqa: PLC0415 - not in the core installation

    greedy = SamplingParams(max_tokens=32, temperature=0)
    alone = [list(ask(llm, [each], greedy)[0].outputs[0].token_ids) for each in PICTURES]
    assert [list(reply.outputs[0].token_ids) for reply in ask(llm, PICTURES, greedy)] == alone


def test_a_script_is_said_word_for_word_unless_a_thinking_budget_cuts_in(
    llm: Any, tiny_kimi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vllm import SamplingParams  # noqa: PLC0415 - not in the core installation

    text = "◁think▷a red dog◁/think▷red<|im_end|>"
    monkeypatch.setenv(
        VARIABLE, str(write_script(tmp_path / "script.json", load_tokenizer(tiny_kimi), {"default": text}))
    )
    samplings = [
        SamplingParams(
            max_tokens=64,
            seed=1,
            skip_special_tokens=False,
            # this tokenizer is a slow one: vLLM would put blanks around its special tokens
            spaces_between_special_tokens=False,
            include_stop_str_in_output=True,
            thinking_token_budget=budget,
        )
        for budget in (None, 2)
    ]
    whole, cut = (reply.outputs[0].text for reply in ask(llm, PICTURES[:2], samplings))
    assert whole == text
    assert cut.startswith("◁think▷a red◁/think▷")
