"""Are there GPUs, does their driver fit, and do the teachers fit into them?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.doctor.cases import AnyEngine, Case, lacked_by, on
from pipeline.doctor.finding import Finding, fault, gib, ok, warning
from pipeline.doctor.nvidia import Gpu, NvidiaReport, ask_nvidia, visible
from pipeline.doctor.packages import find_torch, find_vllm
from schemas.engines import VllmEngine

MASK = "CUDA_VISIBLE_DEVICES"

BFLOAT16_CAPABILITY = 8.0
"""First compute capability with bfloat16, the teachers' own type (CUDA C++ Programming Guide)."""


def examine_gpus(cases: Sequence[Case[AnyEngine]]) -> Iterator[Finding]:
    """Look at the GPUs that this process can use, and at what each teacher on vLLM needs of them."""
    models = on(VllmEngine, cases)
    report = ask_nvidia()
    if report is not None and report.problem:
        lacks = fault if models else warning
        yield lacks("GPUs", f"nvidia-smi: {report.problem}", "repair the NVIDIA driver (dmesg says more)")
        return
    mask = os.environ.get(MASK)
    gpus = visible(report.gpus, mask) if report else []
    if report is None or not gpus:
        yield _report_no_gpu(report, mask, models)
        return
    yield _describe_gpus(gpus, mask)
    yield _judge_driver(gpus[0].driver, report.cuda, models)
    for case in models:
        yield _judge_fit(case, gpus)
        yield from _judge_precision(case, gpus)
        yield from _judge_use(case, gpus)


def has_gpu() -> bool:
    """Whether this process can use a GPU."""
    report = ask_nvidia()
    return report is not None and bool(visible(report.gpus, os.environ.get(MASK)))


def _report_no_gpu(report: NvidiaReport | None, mask: str | None, models: Sequence[Case[VllmEngine]]) -> Finding:
    if report is None:
        detail, remedy = (
            "no GPU: nvidia-smi is not on PATH",
            "install NVIDIA's driver, or start the container with GPUs",
        )
    elif report.gpus:
        detail, remedy = f"no GPU: {MASK} is {mask!r}", f"unset {MASK}, or name GPUs of nvidia-smi -L in it"
    else:
        detail, remedy = "no GPU: nvidia-smi finds none", "check the machine, or start the container with GPUs"
    if not models:
        return ok("GPUs", f"{detail}; this build needs none")
    vllm = find_vllm()
    if vllm is not None and vllm.for_cpus:
        return warning("GPUs", f"{detail}; vLLM is built for CPUs here, enough for trials alone", remedy)
    return lacked_by(models, "GPUs", detail, f"{remedy}; the engines pixels and openai work without")


def _describe_gpus(gpus: Sequence[Gpu], mask: str | None) -> Finding:
    parts = []
    for (name, total), count in Counter((gpu.name, gpu.total) for gpu in gpus).items():
        free = [gpu.free for gpu in gpus if (gpu.name, gpu.total) == (name, total) and gpu.free is not None]
        memory = f"{gib(total)} each, {gib(min(free))} free" if total and free else "memory unknown"
        parts.append(f"{count} x {name}, {memory}")
    return ok("GPUs", "; ".join(parts) + ("" if mask is None else f" ({MASK}={mask})"))


def _judge_driver(driver: str, cuda: str | None, models: Sequence[Case[VllmEngine]]) -> Finding:
    detail = f"{driver}, CUDA up to {cuda or 'unknown'}"
    torch = find_torch() if models else None
    if torch is None:
        return ok("driver", detail)
    if torch.cuda is None:
        return lacked_by(
            models,
            "driver",
            f"{detail}; torch {torch.version} is built without CUDA",
            "install vllm and torch as they are built for CUDA",
        )
    # within a major version any driver serves any CUDA: "minor version compatibility" of NVIDIA's CUDA documentation
    if cuda is not None and _major(torch.cuda) > _major(cuda):
        return lacked_by(
            models,
            "driver",
            f"{detail}; torch {torch.version} is built for CUDA {torch.cuda}",
            f"install a driver for CUDA {_major(torch.cuda)}, or torch and vLLM for CUDA {_major(cuda)}",
        )
    return ok("driver", f"{detail}; torch {torch.version} is built for CUDA {torch.cuda}")


def _judge_fit(case: Case[VllmEngine], gpus: Sequence[Gpu]) -> Finding:
    """Whether the engine's GPUs exist, and weights and key-value cache find room on each."""
    what, engine = f"{case.spec.name} on GPUs", case.engine
    wanted = engine.tensor_parallel_size * engine.data_parallel_size
    if wanted > len(gpus):
        return case.lacks(
            what,
            f"asks for {wanted} GPUs, {len(gpus)} are here",
            "lower engine.tensor_parallel_size or engine.data_parallel_size",
        )
    used = gpus[:wanted]
    share = engine.gpu_memory_utilization
    weights = case.spec.requires.weights_gib * 2**30 / engine.tensor_parallel_size
    for gpu in used:
        if gpu.total is None or gpu.free is None:
            continue
        if gpu.free < gpu.total * share:
            return case.lacks(
                what,
                f"GPU {gpu.index} has {gib(gpu.free)} free, and the engine takes {gib(gpu.total * share)}",
                "end what uses it (nvidia-smi names it), or lower engine.gpu_memory_utilization",
            )
        if _is_own(case) and weights > gpu.total * share:
            return case.lacks(
                what,
                f"{gib(weights)} of weights do not fit into {gib(gpu.total * share)} of GPU {gpu.index}",
                "raise engine.tensor_parallel_size, or use larger GPUs",
            )
    memory = [gpu.total * share for gpu in used if gpu.total is not None]
    if not memory or not _is_own(case):
        return ok(what, f"takes {wanted} of {len(gpus)}")
    left = gib(min(memory) - weights)
    return ok(what, f"takes {wanted} of {len(gpus)}; {gib(weights)} of weights leave {left} for requests")


def _judge_precision(case: Case[VllmEngine], gpus: Sequence[Gpu]) -> Iterator[Finding]:
    """Whether the GPUs compute in the type that is meant. For ``auto`` vLLM takes float16 where they do not."""
    what, dtype = f"{case.spec.name} on GPUs", case.engine.dtype
    used = gpus[: case.engine.tensor_parallel_size * case.engine.data_parallel_size]
    old = next((gpu for gpu in used if gpu.capability is not None and gpu.capability < BFLOAT16_CAPABILITY), None)
    if old is None or dtype not in {"auto", "bfloat16"}:
        return
    detail, remedy = f"{old.name} does not know bfloat16", "set engine.dtype to float16, or use newer GPUs"
    if dtype == "auto":
        yield warning(what, f"{detail}, and so vLLM computes in float16", remedy)
    else:
        yield case.lacks(what, detail, remedy)


def _judge_use(case: Case[VllmEngine], gpus: Sequence[Gpu]) -> Iterator[Finding]:
    """GPUs that nobody uses are the commonest waste."""
    replicas = len(gpus) // case.engine.tensor_parallel_size
    if case.required and case.engine.data_parallel_size < replicas:
        idle = len(gpus) - case.engine.tensor_parallel_size * case.engine.data_parallel_size
        yield warning(
            f"{case.spec.name} on GPUs",
            f"{idle} of {len(gpus)} stay idle",
            f"set engine.data_parallel_size to {replicas}",
        )


def _is_own(case: Case[VllmEngine]) -> bool:
    """Whether the weights are those whose size the teacher's entry states."""
    return case.engine.model in {None, case.spec.model} and case.engine.quantization is None


def _major(version: str) -> int:
    return int(version.partition(".")[0])
