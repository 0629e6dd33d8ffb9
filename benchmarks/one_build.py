"""One build in a process of its own: ``python -m benchmarks.one_build SOURCE IMAGES WORKERS RUN_DIR``.

Prints the peak memory of each stage, in bytes, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.builds import TEACHERS, configure
from benchmarks.peak import PeakMemory
from pipeline import stages


def main(source: str, images: str, workers: str, run_dir: str) -> None:
    """Build from a source to a packed dataset, measuring stage by stage."""
    build = stages.open_build(configure(Path(source), int(images), int(workers)), Path(run_dir))
    peaks = {}
    with PeakMemory() as memory:
        stages.index(build)
    peaks["index"] = memory.bytes
    with PeakMemory() as memory:
        stages.select(build)
    peaks["select"] = memory.bytes
    with PeakMemory() as memory:
        for teacher in TEACHERS:
            stages.generate(build, teacher)
    peaks["generate"] = memory.bytes
    with PeakMemory() as memory:
        stages.pack_dataset(build)
    peaks["pack"] = memory.bytes
    print(json.dumps(peaks))


if __name__ == "__main__":
    main(*sys.argv[1:])
