"""One build in a process of its own: ``python -m benchmarks.one_build SOURCE IMAGES WORKERS RUN_DIR``.

Prints the peak memory of each stage, in bytes, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.builds import TEACHERS, configure
from benchmarks.peak import PeakMemory
from pipeline import stages


def main(source: str, images: str, workers: str, run_dir: str) -> None:
    """Build from a source to a verified dataset, measuring stage by stage."""
    build = stages.open_build(configure(Path(source), int(images), int(workers)), Path(run_dir))

    def generate() -> None:
        for teacher in TEACHERS:
            stages.generate(build, teacher)

    work: dict[str, Callable[[], object]] = {
        "index": lambda: stages.index(build),
        "select": lambda: stages.select(build),
        "generate": generate,
        "pack": lambda: stages.pack_dataset(build),
        "verify": lambda: stages.verify(build),
    }
    peaks = {}
    for stage, run in work.items():
        with PeakMemory() as memory:
            run()
        peaks[stage] = memory.bytes
    print(json.dumps(peaks))


if __name__ == "__main__":
    main(*sys.argv[1:])
