"""The benchmark that needs vLLM runs, at a size that measures nothing."""

from __future__ import annotations

import pytest

from benchmarks.suite import run_benchmarks

pytestmark = pytest.mark.vllm


def test_both_ways_of_asking_find_the_same_tokens_in_process_and_over_http() -> None:
    comparisons = list(run_benchmarks(["engine"], "tiny"))
    assert [(comparison.what.partition(", starved")[0], comparison.against) for comparison in comparisons] == [
        ("ask in process, 64 tokens", "bare AsyncLLM loop"),
        ("ask in process, 512 tokens", "bare AsyncLLM loop"),
        ("ask over HTTP, 64 tokens", "bare aiohttp loop"),
        ("ask over HTTP, 512 tokens", "bare aiohttp loop"),
    ]
    assert all(comparison.ours > 0 and comparison.baseline > 0 for comparison in comparisons)
