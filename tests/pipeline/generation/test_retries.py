"""What each rung changes, and what an engine cannot change is not claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.generation.retries import LADDER, bend_sampling, ladder_of
from schemas.completion import Rung
from schemas.engines import EngineConfig, OpenAIEngine, PixelsEngine, VllmEngine
from schemas.teacher import Sampling

SAMPLING = Sampling(temperature=0.8, top_p=1.0, top_k=-1, repetition_penalty=1.0, max_tokens=8192)
SERVERS = ("http://127.0.0.1:8000/v1",)


@pytest.mark.parametrize(
    "engine",
    [VllmEngine(kind="vllm"), OpenAIEngine(kind="openai", base_urls=SERVERS), PixelsEngine(kind="pixels")],
    ids=lambda engine: str(engine.kind),
)
def test_engines_climb_from_as_is_to_forced_close(engine: EngineConfig) -> None:
    assert ladder_of(engine) == (Rung.AS_IS, Rung.NEW_SEED, Rung.REPETITION_PENALTY, Rung.FORCED_CLOSE)


def test_a_server_without_extensions_is_asked_with_new_seeds_and_no_row_says_otherwise() -> None:
    ladder = ladder_of(OpenAIEngine(kind="openai", base_urls=SERVERS, extensions=False))
    assert ladder == (Rung.AS_IS, Rung.NEW_SEED, Rung.NEW_SEED, Rung.NEW_SEED)
    assert {bend_sampling(SAMPLING, rung) for rung in ladder} == {(SAMPLING, None)}


def test_the_repetition_penalty_is_raised_mildly_and_nothing_else() -> None:
    bent, budget = bend_sampling(SAMPLING, Rung.REPETITION_PENALTY)
    assert bent == SAMPLING.model_copy(update={"repetition_penalty": 1.05})
    assert budget is None


@given(st.integers(min_value=1, max_value=2**20))
def test_a_forced_close_leaves_room_for_an_answer(max_tokens: int) -> None:
    sampling, budget = bend_sampling(SAMPLING.model_copy(update={"max_tokens": max_tokens}), Rung.FORCED_CLOSE)
    assert sampling.max_tokens == max_tokens
    assert budget is not None
    assert 1 <= budget <= max(1, max_tokens * 3 // 4)


def test_no_rung_is_left_out_of_the_ladder() -> None:
    assert set(LADDER) == set(Rung)
