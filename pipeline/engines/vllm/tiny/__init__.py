"""Checkpoints of the teachers' architectures, small enough to be built on the spot: random weights, nothing downloaded.

Whatever asks a teacher through vLLM can be tried with them on any machine, without a GPU: picture processing, chat
template, special tokens and stop rules are the teachers' own; only what the model says means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import JsonValue

from pipeline.engines.vllm.tiny.glm import build_glm
from pipeline.engines.vllm.tiny.kimi import build_kimi
from pipeline.teachers.glm import GLM
from pipeline.teachers.kimi import KIMI
from schemas.errors import ConfigError

__all__ = ["BUILDERS", "CPU_ENGINE_ARGS", "build_tiny"]

BUILDERS: Mapping[str, Callable[[Path, int], None]] = MappingProxyType({GLM.name: build_glm, KIMI.name: build_kimi})
"""What builds a small checkpoint, by the name of the teachers' output grammar."""

CPU_ENGINE_ARGS: Mapping[str, JsonValue] = MappingProxyType(
    {"enforce_eager": True, "compilation_config": {"custom_ops": ["-rotary_embedding"]}}
)
"""Engine arguments to run them with on a machine without a GPU. vLLM 0.32's own kernel for rotary positions on CPUs
misreads the strided queries and keys of Kimi-VL's latent attention: a text would depend on its place in the batch."""


def build_tiny(grammar: str, directory: Path, seed: int = 0) -> Path:
    """Build a small checkpoint of a family of teachers, complete with tokenizer, processor and chat template.

    The same seed gives the same bytes as long as transformers and tokenizers stay the same. Kimi's checkpoint brings
    its processor and tokenizer as remote code, as its public repository does, and is loaded with
    ``trust_remote_code``.

    Args:
        grammar: name of the teachers' output grammar, a key of ``BUILDERS``.
        directory: where the checkpoint goes; made if missing. Files of an earlier build are replaced.
        seed: chooses the weights.

    Returns:
        The directory.

    Raises:
        ConfigError: there is no small checkpoint for this grammar, or the packages to build one are not installed.
    """
    if grammar not in BUILDERS:
        raise ConfigError(
            f"there is no small checkpoint for the grammar {grammar!r}", f"known are {', '.join(BUILDERS)}"
        )
    directory.mkdir(parents=True, exist_ok=True)
    try:
        BUILDERS[grammar](directory, seed)
    except ImportError as error:
        root: BaseException = error
        while root.__cause__ is not None:
            root = root.__cause__  # transformers only says that one of its modules cannot be imported
        raise ConfigError(
            f"a small checkpoint cannot be built: {type(root).__name__}: {root}",
            "install vLLM, torch and torchvision of one build (docs/engines.md)",
        ) from error
    return directory
