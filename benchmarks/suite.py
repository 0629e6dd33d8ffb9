"""All benchmarks by name, one after the other, each in a folder of its own."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from benchmarks import (
    engine_overhead,
    exporting,
    indexing,
    ledger,
    memory,
    packing,
    parsing,
    reading,
    scoring,
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
    "reading": reading.compare,
    "timm": reading.compare_timm,
    "exporting": exporting.compare,
    "scoring": scoring.compare,
    "memory": memory.compare,
    "engine": engine_overhead.compare,
}

GROUPS = frozenset({"source_scale"})
"""Those that only run others: asked for by name, and left out when all are run."""


class Need(NamedTuple):
    """A package that the core installation lacks."""

    module: str
    name: str
    extra: str


NEEDS: Mapping[str, Need] = MappingProxyType(
    {"engine": Need("vllm", "vLLM", "gpu"), "timm": Need("timm", "timm", "trainers")}
)
"""By benchmark; the others need nothing."""


def find_need(name: str) -> Need | None:
    """What a benchmark needs and is not installed here."""
    need = NEEDS.get(name)
    return need if need is not None and importlib.util.find_spec(need.module) is None else None


def run_benchmarks(names: Iterable[str], scale: Scale) -> Iterator[Comparison]:
    """Yield the comparisons of some benchmarks as they are measured. Nothing stays on disk."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"benchmark-{name}-") as directory:
            yield from BENCHMARKS[name](scale, Path(directory))
