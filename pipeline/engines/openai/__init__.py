"""Teachers behind servers that speak the OpenAI protocol: ``vllm serve``, one or many, or any other."""

from __future__ import annotations

from pipeline.engines.base import Engine
from pipeline.teachers import Grammar
from schemas.engines import OpenAIEngine
from schemas.teacher import TeacherSpec

__all__ = ["connect"]


def connect(config: OpenAIEngine, teacher: TeacherSpec, grammar: Grammar) -> Engine:
    """Learn from the servers who they are; asks nothing of a model yet, and takes seconds.

    Raises:
        ConfigError: the servers run something else than the configuration names, or not all the same.
        EngineError: no server answers, or one wants another key, model name or URL.
    """
    from pipeline.engines.openai.engine import OpenAIClient  # noqa: PLC0415 - aiohttp loads when used
    from pipeline.engines.openai.identity import meet  # noqa: PLC0415

    return OpenAIClient(meet(config, teacher, grammar))
