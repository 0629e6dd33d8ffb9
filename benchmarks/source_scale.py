"""What thirteen million images cost before the first question: listing, drawing, screening, streaming."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import indexing, screening, selecting, streaming
from benchmarks.harness import Benchmark, Comparison, Scale

PARTS: dict[str, Benchmark] = {
    "indexing": indexing.compare,
    "selecting": selecting.compare,
    "screening": screening.compare,
    "streaming": streaming.compare,
}
"""Each is a benchmark of its own too."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Measure all four, one after the other."""
    for name, measure in PARTS.items():
        folder = directory / name
        folder.mkdir()
        yield from measure(scale, folder)
