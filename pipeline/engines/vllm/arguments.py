"""A teacher's settings as vLLM's engine arguments and command-line flags. Pure; imports no vLLM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from pipeline.engines.checkpoint import Checkpoint
from pipeline.teachers import Grammar
from schemas.engines import VllmEngine
from schemas.teacher import TeacherSpec


def engine_arguments(
    config: VllmEngine, teacher: TeacherSpec, grammar: Grammar, checkpoint: Checkpoint
) -> dict[str, JsonValue]:
    """Arguments of ``vllm.AsyncEngineArgs``, without those that would only repeat vLLM's defaults.

    Pictures are unique and come before the words, so both caches would only cost memory; and with prefix caching one
    user saw pictures answered for each other (vLLM issue 20261).
    """
    arguments: dict[str, JsonValue] = {
        "model": checkpoint.model,
        "revision": None if checkpoint.is_local else checkpoint.revision,
        "trust_remote_code": checkpoint.remote_code or None,
        "dtype": config.dtype,
        "quantization": config.quantization,
        "max_model_len": config.max_model_len or teacher.engine.max_model_len,
        "limit_mm_per_prompt": {**teacher.engine.limit_mm_per_prompt},
        "mm_processor_kwargs": {**teacher.engine.mm_processor_kwargs, **config.mm_processor_kwargs} or None,
        "mm_processor_cache_gb": 0,
        "enable_prefix_caching": False,
        "reasoning_config": _reasoning(grammar),
        "tensor_parallel_size": config.tensor_parallel_size,
        "data_parallel_size": config.data_parallel_size,
        "mm_encoder_tp_mode": "data" if config.tensor_parallel_size > 1 else None,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "kv_cache_memory_bytes": config.kv_cache_memory_bytes,
        "max_num_seqs": config.max_num_seqs,
        "max_num_batched_tokens": config.max_num_batched_tokens,
        **config.engine_args,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _reasoning(grammar: Grammar) -> JsonValue:
    """What thinking_token_budget counts between, and closes with; nothing where nothing opens the thinking."""
    opening, closing = grammar.think
    return {"reasoning_start_str": opening, "reasoning_end_str": closing} if opening else None


def command_line(arguments: Mapping[str, JsonValue]) -> list[str]:
    """The same arguments as flags of ``vllm serve``, the model first.

    >>> command_line({"model": "m", "max_num_seqs": 8, "enforce_eager": True, "enable_prefix_caching": False})
    ['m', '--max-num-seqs', '8', '--enforce-eager', '--no-enable-prefix-caching']
    """
    flags = [str(arguments["model"])]
    for name, value in arguments.items():
        flag = name.replace("_", "-")
        match value:
            case _ if name == "model":
                continue
            case True:
                flags.append(f"--{flag}")
            case False:
                flags.append(f"--no-{flag}")
            case dict():
                flags += [f"--{flag}", json.dumps(value, ensure_ascii=False)]
            case list():
                flags += [f"--{flag}", *map(str, value)]
            case _:
                flags += [f"--{flag}", str(value)]
    return flags


def flatten_processor(settings: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings with their names joined by dots and their values as JSON.

    >>> flatten_processor({"size": {"longest_edge": 9}, "do_resize": True})
    {'size.longest_edge': '9', 'do_resize': 'true'}
    """
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in flatten_processor(value).items()}
        else:
            flat[name] = json.dumps(value)
    return flat
