"""``python -m benchmarks [NAME ...] [--quick]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Comparison, Scale, format_table
from benchmarks.suite import BENCHMARKS, GROUPS, find_need, run_benchmarks


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print one table. What is being measured goes to the standard error meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against named baselines.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller inputs and fewer rounds")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; known are {', '.join(BENCHMARKS)}")
    wanted = options.names or [name for name in BENCHMARKS if name not in GROUPS]
    needs = {name: need for name in wanted if (need := find_need(name)) is not None}
    for name, need in needs.items():
        message = f"{name} needs {need.name}: pip install 'imagenet-think[{need.extra}]'"
        if options.names:
            parser.error(message)
        print(f"left out: {message}", file=sys.stderr)
    names = [name for name in wanted if name not in needs]
    scale: Scale = "quick" if options.quick else "full"
    comparisons: list[Comparison] = []
    for comparison in run_benchmarks(names, scale):
        print(f"measured: {comparison.what}", file=sys.stderr, flush=True)
        comparisons.append(comparison)
    print(f"{_describe_machine()}, {scale} scale")
    print("Rates: above 1 we are faster. Memory: at 1 it does not grow with the data. In brackets: all rounds.\n")
    print(format_table(comparisons))


def _describe_machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
