"""``python -m benchmarks [NAME ...] [--quick]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.harness import Comparison, format_table
from benchmarks.suite import BENCHMARKS, run_benchmarks


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print one table. What is being measured goes to the standard error meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against named baselines.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller inputs and fewer rounds")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; known are {', '.join(BENCHMARKS)}")
    comparisons: list[Comparison] = []
    for comparison in run_benchmarks(options.names or BENCHMARKS, "quick" if options.quick else "full"):
        print(f"measured: {comparison.what}", file=sys.stderr, flush=True)
        comparisons.append(comparison)
    print(format_table(comparisons))


if __name__ == "__main__":
    main()
