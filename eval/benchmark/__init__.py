"""The benchmark set: drawn, proven free of leaks, written, and read back."""

from eval.benchmark.storage import Benchmark, open_benchmark

__all__ = ["Benchmark", "open_benchmark"]
