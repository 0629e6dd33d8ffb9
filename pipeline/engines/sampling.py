"""A request's sampling in vLLM's names, the same in process and over HTTP."""

from __future__ import annotations

from typing import Any

from pipeline.engines.base import EngineRequest

REPETITION_DETECTION = {"max_pattern_size": 64, "min_pattern_size": 4, "min_count": 8}
"""Tokens: the engine stops a text whose end is a pattern of 4 to 64 of them, eight times over.

Shorter patterns are left alone, since rows of dots and digits are no loops; what is left out, and loops that change a
word each time, are the parser's to find (``pipeline.teachers.quality``).
"""


def standard_fields(request: EngineRequest) -> dict[str, Any]:
    """What every OpenAI-compatible server takes."""
    sampling = request.sampling
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": request.seed,
    }


def vllm_fields(request: EngineRequest) -> dict[str, Any]:
    """What vLLM takes besides.

    Special tokens and stop strings stay in the text: both teachers' markers are among them or end with them
    (zai-org/GLM-V issues 29 and 74), and the parser must see what the model wrote. No spaces between them: tokenizers
    written in Python, such as Kimi's, would put blanks around every special token that the model never wrote.
    """
    fields: dict[str, Any] = {
        "top_k": request.sampling.top_k,
        "repetition_penalty": request.sampling.repetition_penalty,
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "include_stop_str_in_output": True,
        "repetition_detection": dict(REPETITION_DETECTION),
    }
    if request.thinking_budget is not None:
        fields["thinking_token_budget"] = request.thinking_budget
    return fields
