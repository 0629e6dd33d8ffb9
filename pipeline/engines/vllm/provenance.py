"""Who answers: model, precision, packages and devices of a vLLM engine, from its own configuration."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Any

from pipeline.engines.base import EngineInfo
from pipeline.engines.vllm.arguments import flatten_processor

_CACHED = re.compile(r"/models--([^/]+)/snapshots/[0-9a-f]{40}/?$")
"""A repository in the hub's cache: vLLM puts this path in the model's place where the hub is switched off."""


def describe_engine(vllm_config: Any, revision: str) -> EngineInfo:
    """Describe an engine from the configuration that it runs with, in whatever process holds one.

    Args:
        vllm_config: vLLM's own, complete (``vllm.config.VllmConfig``).
        revision: the commit, or the digest of a folder.
    """
    model = vllm_config.model_config
    multimodal = model.multimodal_config
    return EngineInfo(
        engine="vllm",
        model=name_model(model.model),
        revision=revision,
        dtype=str(model.dtype).removeprefix("torch."),
        quantization=model.quantization,
        processor=flatten_processor((multimodal and multimodal.mm_processor_kwargs) or {}),
        versions=_versions(vllm_config),
    )


def name_model(model: str) -> str:
    """The repository's name, or the folder's without the path to it."""
    if cached := _CACHED.search(model):
        return cached[1].replace("--", "/")
    return Path(model).name if Path(model).is_dir() else model


def _versions(vllm_config: Any) -> dict[str, str]:
    import torch  # noqa: PLC0415 - no part of the core installation
    import transformers  # noqa: PLC0415
    import vllm  # noqa: PLC0415

    versions = {
        "vllm": vllm.__version__,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "driver": _read("/sys/module/nvidia/version"),
        "device": _name_devices(vllm_config.parallel_config),
    }
    return {name: str(version) for name, version in versions.items() if version}


def _name_devices(parallel: Any) -> str:
    from vllm.platforms import current_platform  # noqa: PLC0415 - no part of the core installation

    if current_platform.is_cpu():
        found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
        return found[1] if found else platform.machine()
    # by the driver's library: CUDA itself must not be started in a process that only passes requests on
    return f"{parallel.world_size * parallel.data_parallel_size} x {current_platform.get_device_name()}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
