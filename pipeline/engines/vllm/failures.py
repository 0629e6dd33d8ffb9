"""What went wrong in vLLM, in one line, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pydantic

from schemas.errors import ConfigError, EngineDiedError, EngineError, RequestRefusedError

_LONGEST = 400
"""Characters of a foreign message that are quoted."""

_FITS_REQUIREMENTS = "install what the teacher requires in pipeline/teachers/teachers.yaml"

_SMALLER = "lower engine.max_model_len, or raise engine.gpu_memory_utilization or engine.kv_cache_memory_bytes"

_FREE_MEMORY = "free the GPU (nvidia-smi shows who holds it), or lower engine.gpu_memory_utilization or max_num_seqs"

_DAMAGED = "the checkpoint is incomplete or damaged: download it again"

_REMEDIES: tuple[tuple[str, str], ...] = (
    (r"KV cache|memory for the cache|cache blocks", _SMALLER),
    (r"derived max_model_len", "set engine.max_model_len to no more than the model's own"),
    (r"out of memory|OutOfMemory|Free memory on device|desired GPU memory", _FREE_MEMORY),
    (r"architectures? .*not supported|no vLLM implementation|does not recognize this architecture", _FITS_REQUIREMENTS),
    (r"trust_remote_code|cannot import name|No module named|ImportError", _FITS_REQUIREMENTS),
    (r"safetensors|deserializing|JSONDecodeError|Expecting value|valid JSON|Unrecognized model|Can't load", _DAMAGED),
    (r"size mismatch|shape mismatch|no file named|not initialized from checkpoint", _DAMAGED),
    (r"Timed out waiting for engine core", "set VLLM_ENGINE_READY_TIMEOUT_S to more seconds"),
    (r"NCCL|not enough GPUs|World size|tensor parallel", "check engine.tensor_parallel_size and data_parallel_size"),
)
"""By what a cause says, the first that matches."""

_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt|Abort)\b|Fatal Python error: |terminate called ")
_PREFIX = re.compile(r"^(\([^)]*\)\s+)*((ERROR|CRITICAL)\s+[\d-]+\s+[\d:.,]+\s+(\[[^\]]*\]\s+)?)?")
_SEE_ABOVE = re.compile(r"(root cause|stack trace)", re.IGNORECASE)
_TOO_LONG = re.compile(r"prompt \(length (\d+)\).*maximum model length|contains ((?:at least )?\d+) input tokens")
_UNKNOWN_ARGUMENT = re.compile(r"unexpected keyword argument '(\w+)'")


def explain_start(teacher: str, error: Exception, output: Sequence[str]) -> EngineError | ConfigError:
    """Why an engine did not start.

    Args:
        teacher: whose engine.
        error: what vLLM raised in this process.
        output: what its processes wrote; there stands the reason when the error only points at it.
    """
    if unknown := _UNKNOWN_ARGUMENT.search(str(error)):
        return ConfigError(
            f"{teacher}: vLLM has no engine argument {unknown[1]!r}", "check engine.engine_args: vllm serve --help=all"
        )
    cause = _describe(error)
    if _SEE_ABOVE.search(cause):
        cause = find_cause(output) or cause
    return EngineError(f"{teacher}: vLLM does not start: {cause}", _remedy(cause))


def explain_death(
    teacher: str, output: Sequence[str], signals: Sequence[str], error: Exception | None = None
) -> EngineDiedError:
    """Why an engine that ran is gone.

    Args:
        teacher: whose engine.
        output: what its processes wrote since they started.
        signals: names of the signals that ended them.
        error: what a request met.
    """
    cause = find_cause(output)
    if not cause and "SIGKILL" in signals:
        return EngineDiedError(
            f"{teacher}: vLLM's engine was killed (SIGKILL)", "if nobody did, the machine ran out of memory: see dmesg"
        )
    if not cause and signals:
        cause = f"ended by {', '.join(signals)}"
    if not cause:
        told = _describe(error) if error else ""
        cause = told if told and not _SEE_ABOVE.search(told) else "its processes left no word"
    return EngineDiedError(f"{teacher}: vLLM's engine died: {cause}", _remedy(cause))


def explain_refusal(teacher: str, error: Exception, max_model_len: int) -> RequestRefusedError:
    """Why the engine will never answer one request."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__  # vLLM wraps what its processors raise in errors that only repeat their input
    cause = _describe(root)
    if length := _TOO_LONG.search(cause):
        return RequestRefusedError(
            f"{teacher}: picture and prompt take {length[1] or length[2]} tokens, and max_model_len is {max_model_len}",
            "raise engine.max_model_len, or limit the picture in engine.mm_processor_kwargs",
        )
    return RequestRefusedError(f"{teacher}: vLLM refuses the request: {cause}")


def find_cause(output: Sequence[str]) -> str:
    """The last exception in what processes wrote that says more than to look above; empty where there is none."""
    lines = [_PREFIX.sub("", line).strip() for line in output]
    causes = [line for line in lines if _EXCEPTION.match(line) and not _SEE_ABOVE.search(line)]
    return _shorten(causes[-1]) if causes else ""


def _describe(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, pydantic.ValidationError):
        return _shorten("; ".join(fault["msg"] for fault in error.errors()).replace("Value error, ", ""))
    return _shorten(f"{type(error).__name__}: {error}" if str(error).strip() else type(error).__name__)


def _remedy(cause: str) -> str:
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, cause, re.IGNORECASE)), "")


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
