"""What the tuned settings are called by each kind of engine."""

from __future__ import annotations

import math
from typing import Any, get_args

from pydantic import ValidationError

from schemas.engines import CustomEngine, EngineConfig, ModelEngine, OpenAIEngine, PixelsEngine, VllmEngine
from schemas.errors import ConfigError

DEFAULT_BATCH_LIMITS = (4096, 8192, 16384)
"""Of ``max_num_batched_tokens``, for engines that have such a limit."""

_KINDS: dict[str, type[PixelsEngine | CustomEngine | VllmEngine | OpenAIEngine]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in (PixelsEngine, CustomEngine, VllmEngine, OpenAIEngine)
}
_SHARED = ("model", "revision", "quantization", "mm_processor_kwargs")


def engine_of_kind(configured: EngineConfig, kind: str | None) -> EngineConfig:
    """The configured engine, or one of another kind with its defaults and the same model.

    Raises:
        ConfigError: there is no such kind, or it has no defaults (servers need addresses, factories a name).
    """
    if kind is None or kind == configured.kind:
        return configured
    if kind not in _KINDS:
        raise ConfigError(f"--engine {kind}: there is no such kind", f"known are {', '.join(_KINDS)}")
    wanted, model = _KINDS[kind], {}
    if isinstance(configured, ModelEngine) and issubclass(wanted, ModelEngine):
        model = {name: getattr(configured, name) for name in _SHARED}
    try:
        return wanted.model_validate({"kind": kind, **model})
    except ValidationError as error:
        missing = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise ConfigError(
            f"--engine {kind}: needs {missing} too",
            "set the teacher's engine in the configuration, and leave it out here",
        ) from error


def has_batch_limit(engine: EngineConfig) -> bool:
    """Whether ``max_num_batched_tokens`` is ours to set. That of servers is set where they are started."""
    return isinstance(engine, VllmEngine)


def widen(engine: EngineConfig, concurrency: int, batch_limit: int | None) -> EngineConfig:
    """The engine with room for so many requests at once."""
    match engine:
        case VllmEngine():
            seats = math.ceil(concurrency / engine.data_parallel_size)
            return engine.model_copy(update={"max_num_seqs": seats, "max_num_batched_tokens": batch_limit})
        case OpenAIEngine():
            return engine.model_copy(update={"requests_per_server": math.ceil(concurrency / len(engine.base_urls))})
        case _:
            return engine


def describe_setting(teacher: str, engine: EngineConfig, concurrency: int, batch_limit: int | None) -> dict[str, Any]:
    """A setting as the keys of the configuration that are to hold it."""
    match widen(engine, concurrency, batch_limit):
        case VllmEngine() as wide:
            keys = {"kind": "vllm", "max_num_seqs": wide.max_num_seqs}
            if batch_limit is not None:
                keys["max_num_batched_tokens"] = batch_limit
            return {"teachers": [{"name": teacher, "engine": keys}]}
        case OpenAIEngine() as wide:
            keys = {"kind": "openai", "requests_per_server": wide.requests_per_server}
            return {"teachers": [{"name": teacher, "engine": keys}]}
        case _:
            return {"generation": {"max_concurrency": concurrency}}


def count_gpus(engine: EngineConfig) -> int:
    """GPUs that the engine holds; for servers as many as there are, since only they know how many each has."""
    match engine:
        case VllmEngine():
            return engine.tensor_parallel_size * engine.data_parallel_size
        case OpenAIEngine():
            return len(engine.base_urls)
        case _:
            return 0
