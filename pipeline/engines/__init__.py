"""Ways of running a model, one per module, all behind the protocol in ``base``."""

from __future__ import annotations

from pipeline.engines.base import Engine, EngineInfo, EngineReply, EngineRequest, SourceFile
from pipeline.engines.checkpoint import check_checkpoint
from pipeline.engines.custom import bind_factory
from pipeline.teachers import Grammar
from schemas.engines import CustomEngine, EngineConfig, OpenAIEngine, PixelsEngine, VllmEngine
from schemas.errors import ConfigError
from schemas.teacher import Sampling, TeacherSpec

__all__ = ["Engine", "EngineInfo", "EngineReply", "EngineRequest", "SourceFile", "check_engine", "create_engine"]


def create_engine(config: EngineConfig, teacher: TeacherSpec, grammar: Grammar) -> Engine:
    """Start the engine that a configuration names for a teacher, whose texts have the form of a grammar.

    Raises:
        ConfigError: a custom factory cannot be imported or does not take the options; a model that cannot be named.
        EngineError: the engine does not start.
    """
    match config:
        case PixelsEngine():
            from pipeline.engines.pixels import PixelsEngine as Pixels  # noqa: PLC0415 - engines load when used

            return Pixels(teacher, grammar.render)
        case VllmEngine():
            from pipeline.engines.vllm import start_vllm  # noqa: PLC0415 - engines load when used

            return start_vllm(config, teacher, grammar)
        case OpenAIEngine():
            from pipeline.engines.openai import connect  # noqa: PLC0415 - engines load when used

            return connect(config, teacher, grammar)
        case CustomEngine():
            return bind_factory(config, teacher, grammar.render)()


def check_engine(config: EngineConfig, teacher: TeacherSpec, grammar: Grammar, sampling: Sampling) -> None:
    """Meet a misspelt engine before hours of other work are done. Starts nothing, and asks no server.

    Raises:
        ConfigError: a custom factory cannot be imported or does not take the options; vLLM is not installed; a model
            whose remote code would run is not pinned; texts may be longer than the context.
    """
    match config:
        case CustomEngine():
            bind_factory(config, teacher, grammar.render)
        case VllmEngine():
            check_checkpoint(config, teacher)
            _check_context(config.max_model_len or teacher.engine.max_model_len, teacher, sampling)
        case OpenAIEngine() | PixelsEngine():
            pass


def _check_context(tokens: int, teacher: TeacherSpec, sampling: Sampling) -> None:
    if sampling.max_tokens >= tokens:
        raise ConfigError(
            f"{teacher.name}: sampling.max_tokens {sampling.max_tokens:,} leaves no room for picture and prompt in "
            f"engine.max_model_len {tokens:,}",
            "lower the one or raise the other",
        )
