"""The machine itself: system, shared memory, limits."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.doctor.cases import AnyEngine, Case, on
from pipeline.doctor.finding import Finding, gib, ok, warning
from schemas.engines import OpenAIEngine, VllmEngine

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to

MIN_SHARED_MEMORY = 2**30
"""vLLM's processes exchange 240 MiB of messages through it, and NCCL more; a container gets 64 MiB unless told."""

FILES_BESIDES = 1024
"""Files that a build has open besides its connections, generously."""


def examine_machine(cases: Sequence[Case[AnyEngine]], shared_memory: Path = SHARED_MEMORY) -> Iterator[Finding]:
    """Look at what any program on this machine depends on."""
    yield _describe_system()
    yield from _judge_shared_memory(on(VllmEngine, cases), shared_memory)
    yield _judge_open_files(on(OpenAIEngine, cases))


def _describe_system() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = "unknown distribution"
    system = f"{name}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    detail = f"{system}, {cores} core(s), {gib(memory)} of memory"
    if platform.system() != "Linux":
        return warning("system", detail, "build on Linux: nothing else was tried")
    return ok("system", detail)


def _judge_shared_memory(models: Sequence[Case[VllmEngine]], path: Path) -> Iterator[Finding]:
    if not models:
        return
    remedy = "start the container with --ipc=host or --shm-size=8g"
    try:
        state = os.statvfs(path)
    except OSError as error:
        yield models[0].lacks("shared memory", f"{path}: {error.strerror}", remedy)
        return
    size, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    detail = f"{path}: {gib(size)}, {gib(free)} free"
    if free >= MIN_SHARED_MEMORY:
        yield ok("shared memory", detail)
        return
    split = next((case for case in models if case.engine.tensor_parallel_size > 1), None)
    if split is not None:
        yield split.lacks("shared memory", f"{detail}; too small for engine.tensor_parallel_size above 1", remedy)
    else:
        yield warning("shared memory", f"{detail}; a container's default", remedy)


def _judge_open_files(servers: Sequence[Case[OpenAIEngine]]) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = max((len(case.engine.base_urls) * case.engine.requests_per_server for case in servers), default=0)
    needed = FILES_BESIDES + connections
    if soft == resource.RLIM_INFINITY:
        return ok("open files", "no limit")
    if soft < needed:
        most = "unlimited" if hard == resource.RLIM_INFINITY else f"{hard:,}"
        return warning("open files", f"limit {soft:,} of {most}; a build may open {needed:,}", f"ulimit -n {needed}")
    return ok("open files", f"limit {soft:,}; a build opens up to {needed:,}")
