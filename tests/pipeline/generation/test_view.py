"""A view that is kept up sees what a single look at the end sees, and reads each part once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.generation import generate_pairs, read_results
from pipeline.generation.ledger import PartName, worker_name
from pipeline.generation.view import LedgerView
from tests.pipeline.generation.world import TEACHER, make_job


def test_a_view_of_an_empty_ledger_is_empty(selected: Path, tmp_path: Path) -> None:
    assert not list(LedgerView(make_job(selected, tmp_path).setup, tmp_path).refresh())


def test_a_view_that_is_kept_up_sees_what_one_look_sees(selected: Path, tmp_path: Path) -> None:
    job = make_job(selected, tmp_path, generation="{part_rows: 1, max_concurrency: 1}")
    view = LedgerView(job.setup, tmp_path)
    assert generate_pairs(job)
    first = list(view.refresh())
    assert not list(view.refresh())
    results = read_results(job.setup, tmp_path)
    assert results is not None
    assert view.standings == results.standings
    assert {image_id for part in first for image_id in part.images} == set(results.standings)
    assert all(part.began <= part.ended for part in first)


def test_a_part_tells_who_wrote_it(selected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGENET_THINK_WORKER", "node 7/gpu:0")
    generate_pairs(job := make_job(selected, tmp_path))
    (part, *_) = LedgerView(job.setup, tmp_path).refresh()
    assert part.name is not None
    assert (part.name.worker, part.name.chunk) == ("node_7_gpu_0", None)
    assert list(tmp_path.glob(f"teacher={TEACHER}/*/part-*node_7_gpu_0.parquet"))


def test_names_of_parts_come_back_as_they_were() -> None:
    for chunk in (None, "0123456789abcdef"):
        name = PartName("a" * 32, 7, chunk, worker_name())
        assert PartName.parse(str(name)) == name


def test_parts_of_older_ledgers_have_no_worker() -> None:
    assert PartName.parse(f"part-{'a' * 32}-000003.parquet") == PartName("a" * 32, 3, None, "")
    assert PartName.parse("identity.json") is None
    assert PartName.parse(f".part-{'a' * 32}-000003.parquet.7.tmp") is None
