"""vLLM, in this process or served to others. Only what is in this folder imports it, and only when it is used."""

from __future__ import annotations

from pipeline.engines.base import Engine
from pipeline.teachers import Grammar
from schemas.engines import VllmEngine
from schemas.teacher import TeacherSpec

__all__ = ["start_vllm"]


def start_vllm(config: VllmEngine, teacher: TeacherSpec, grammar: Grammar) -> Engine:
    """Load a teacher into vLLM's asynchronous engine in this process; takes seconds to minutes.

    To be called on the main thread: the engine's own processes end with the thread that started them.

    Raises:
        ConfigError: vLLM is not installed, or the checkpoint cannot be named.
        EngineError: the engine does not start; the message holds the root cause.
    """
    from pipeline.engines.vllm.engine import start  # noqa: PLC0415 - imports torch and vLLM

    return start(config, teacher, grammar)
