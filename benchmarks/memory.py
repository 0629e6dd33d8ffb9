"""Peak memory of a whole build, on many images and on few: it should not grow with the data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.builds import write_source
from benchmarks.harness import Comparison, Scale
from benchmarks.photographs import make_picture

IMAGES = {"tiny": (20, 40), "quick": (1000, 4000), "full": (1000, 20_000)}
WORKERS = {"tiny": 1, "quick": 2, "full": 2}


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Build twice, each time in a new process with workers of its own, and compare the peaks stage by stage.

    Raises:
        subprocess.CalledProcessError: a build failed; its messages stand on the standard error.
    """
    few, many = IMAGES[scale]
    small = _measure_build(directory, few, WORKERS[scale])
    large = _measure_build(directory, many, WORKERS[scale])
    for stage in small:
        ratio = large[stage] / small[stage]
        what = f"peak memory, {stage}, {many:,} images"
        yield Comparison(what, "MB", large[stage] / 1e6, small[stage] / 1e6, f"{few:,} images", (ratio,))


def _measure_build(directory: Path, images: int, workers: int) -> dict[str, int]:
    source = directory / f"{images}.tar"
    write_source(source, map(make_picture, range(images)))
    arguments = [str(source), str(images), str(workers), str(directory / f"run-{images}")]
    command = [sys.executable, "-m", "benchmarks.one_build", *arguments]
    root = Path(__file__).parents[1]
    output = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE).stdout
    peaks: dict[str, int] = json.loads(output)
    return peaks
