"""Drawing 250,000 images out of an index of 13 million rows, each way in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Comparison, Scale
from benchmarks.synthetic_index import write_index

ROWS = {"tiny": 5_000, "quick": 1_300_000, "full": 13_150_000}
TARGET = {"tiny": 500, "quick": 25_000, "full": 250_000}

_AGAINST = "groups and heapq.nsmallest"


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Rank, share out and draw; every image taken for usable. Nothing is screened, which takes as long for any draw.

    Raises:
        subprocess.CalledProcessError: a draw failed; its messages stand on the standard error.
        ValueError: the two did not draw the same images.
    """
    index = directory / "index.parquet"
    rows = write_index(index, ROWS[scale])
    ours, balanced, baseline = (_draw(way, index, TARGET[scale]) for way in ("ours", "balanced", "heaps"))
    if ours["drawn"] != baseline["drawn"]:
        raise ValueError("the two ways did not draw the same images")
    what = f"draw {TARGET[scale]:,} of {rows:,} images"
    for name, way in ((what, ours), (f"{what}, by complexity too", balanced)):
        yield _compare(f"{name}: {way['seconds']:.1f} s", "rows/s", rows / way["seconds"], rows / baseline["seconds"])
        yield _compare(f"{name}: peak memory", "MB", way["bytes"] / 1e6, baseline["bytes"] / 1e6)


def _compare(what: str, unit: str, ours: float, baseline: float) -> Comparison:
    return Comparison(what, unit, ours, baseline, _AGAINST, (ours / baseline,))


def _draw(way: str, index: Path, target: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.one_selection", way, str(index), str(target)]
    output = subprocess.run(command, cwd=Path(__file__).parents[1], check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, Any] = json.loads(output)
    return found
