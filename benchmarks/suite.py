"""All benchmarks by name, one after the other, each in a folder of its own."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import (
    engine_overhead,
    indexing,
    ledger,
    memory,
    packing,
    parsing,
    screening,
    selecting,
    source_scale,
    streaming,
)
from benchmarks.harness import Benchmark, Comparison, Scale

BENCHMARKS: dict[str, Benchmark] = {
    "indexing": indexing.compare,
    "selecting": selecting.compare,
    "screening": screening.compare,
    "streaming": streaming.compare,
    "source_scale": source_scale.compare,
    "parsing": parsing.compare,
    "ledger": ledger.compare,
    "packing": packing.compare,
    "memory": memory.compare,
    "engine": engine_overhead.compare,
}

GROUPS = frozenset({"source_scale"})
"""Those that only run others: asked for by name, and left out when all are run."""

NEED_VLLM = frozenset({"engine"})


def is_possible(name: str) -> bool:
    """Whether what a benchmark needs is installed here."""
    return name not in NEED_VLLM or importlib.util.find_spec("vllm") is not None


def run_benchmarks(names: Iterable[str], scale: Scale) -> Iterator[Comparison]:
    """Yield the comparisons of some benchmarks as they are measured. Nothing stays on disk."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"benchmark-{name}-") as directory:
            yield from BENCHMARKS[name](scale, Path(directory))
