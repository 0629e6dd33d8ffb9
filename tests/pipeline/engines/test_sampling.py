"""A request reaches a model the same way in process and over HTTP."""

from __future__ import annotations

from PIL import Image

from pipeline.engines import EngineRequest
from pipeline.engines.sampling import standard_fields, vllm_fields
from schemas.teacher import Sampling

SAMPLING = Sampling(temperature=0.7, top_p=0.9, top_k=40, repetition_penalty=1.05, max_tokens=100)


def request(thinking_budget: int | None = None) -> EngineRequest:
    return EngineRequest("n1/1", Image.new("RGB", (1, 1)), "Describe.", SAMPLING, 7, thinking_budget)


def test_every_sampling_parameter_and_the_seed_is_sent() -> None:
    fields = {**standard_fields(request()), **vllm_fields(request())}
    assert fields.items() >= {**SAMPLING.model_dump(), "seed": 7}.items()


def test_markers_and_stop_strings_stay_in_the_text() -> None:
    fields = vllm_fields(request())
    assert fields["skip_special_tokens"] is False
    assert fields["spaces_between_special_tokens"] is False
    assert fields["include_stop_str_in_output"] is True


def test_loops_are_always_watched_for() -> None:
    assert vllm_fields(request())["repetition_detection"]["min_count"] >= 2


def test_a_thinking_budget_is_sent_only_where_there_is_one() -> None:
    assert "thinking_token_budget" not in vllm_fields(request())
    assert vllm_fields(request(75))["thinking_token_budget"] == 75
