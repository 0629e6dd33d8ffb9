"""vLLM's blocking engine inside the test's own process: three seconds instead of twenty, and nothing left behind."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.engines.vllm.tiny import CPU_ENGINE_ARGS
from pipeline.teachers import GRAMMARS


@contextlib.contextmanager
def load(checkpoint: Path, grammar: str) -> Iterator[Any]:
    """One at a time: a second engine beside it would share its process groups."""
    opening, closing = GRAMMARS[grammar].think
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        from vllm import LLM  # noqa: PLC0415 - takes seconds, and only where it is installed
        from vllm.distributed import cleanup_dist_env_and_memory  # noqa: PLC0415 - the same

        llm = LLM(
            str(checkpoint),
            dtype="float32",
            max_model_len=1024,
            max_num_seqs=16,
            kv_cache_memory_bytes=64 << 20,
            limit_mm_per_prompt={"image": 1} | ({"video": 0} if grammar == "glm-4.1v" else {}),
            trust_remote_code=grammar == "kimi-vl",
            reasoning_config={"reasoning_start_str": opening, "reasoning_end_str": closing},
            **CPU_ENGINE_ARGS,
        )
    try:
        yield llm
    finally:
        llm.llm_engine.engine_core.shutdown()
        del llm
        cleanup_dist_env_and_memory()
        gc.collect()


def ask(llm: Any, pictures: Sequence[Image.Image], sampling: Any) -> list[Any]:
    """Ask of each picture what is in it; ``sampling`` as for ``LLM.chat``."""
    conversations = [
        [{"role": "user", "content": [{"type": "image_pil", "image_pil": it}, {"type": "text", "text": "What is it?"}]}]
        for it in pictures
    ]
    return list(llm.chat(conversations, sampling, use_tqdm=False))


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A few soft colours, different for each seed."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)
