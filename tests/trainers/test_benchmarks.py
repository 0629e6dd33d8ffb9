"""The benchmark that needs timm runs, at a size that measures nothing."""

from __future__ import annotations

import pytest

from benchmarks.suite import run_benchmarks

pytestmark = pytest.mark.trainers


def test_timm_sees_the_pictures_that_the_same_rows_in_parquet_hold() -> None:
    (comparison,) = run_benchmarks(["timm"], "tiny")
    assert comparison.what == "read by timm, decoded"
    assert comparison.ours > 0
    assert comparison.baseline > 0
