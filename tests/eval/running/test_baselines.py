"""One call puts the models that need no GPU into a leaderboard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.running import score_baselines
from pipeline.progress import Silent
from schemas.errors import ConfigError, DatasetError
from schemas.scores import ScoreSummary
from tests.eval.world import make_benchmark


def summary(folder: Path) -> ScoreSummary:
    return ScoreSummary.model_validate_json((folder / "summary.json").read_bytes())


def test_label_only_pixels_and_each_teacher_are_compared(tmp_path: Path) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 12), tmp_path / "out"
    comparison = score_baselines(benchmark, out, 1, Silent())
    glm, kimi = benchmark.manifest.teachers
    assert {entry.model for entry in comparison.entries} == {"label-only", "pixels", glm, kimi}
    assert (summary(out / glm).excluded_references, summary(out / glm).references) == ((glm,), (kimi,))
    assert summary(out / "pixels").references == (glm, kimi)
    assert json.loads((out / "leaderboard.json").read_bytes())["items"] == 12
    assert "label-only" in (out / "leaderboard.md").read_text()


def test_the_pixels_are_the_floor_and_lie_at_its_position(tmp_path: Path) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 12), tmp_path / "out"
    score_baselines(benchmark, out, 1, Silent())
    positions = {figure.position for figure in summary(out / "pixels").figures if "rouge" in figure.name}
    assert positions <= {0.0, None}
    assert 0.0 in positions


def test_a_second_call_gives_the_same_bytes(tmp_path: Path) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 12), tmp_path / "out"
    names = ["leaderboard.json", "leaderboard.md", "pixels/summary.json"]
    score_baselines(benchmark, out, 1, Silent())
    before = [(out / name).read_bytes() for name in names]
    score_baselines(benchmark, out, 2, Silent())
    assert [(out / name).read_bytes() for name in names] == before


def test_references_that_were_measured_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score_baselines(make_benchmark(tmp_path / "b", 6, engine="pixels"), tmp_path / "out", 1, Silent())
    assert "written by no model: this shows the machinery and nothing else" in capsys.readouterr().err


def test_a_benchmark_built_without_pictures_has_no_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark = make_benchmark(tmp_path / "b", 6)
    files = {path: digest for path, digest in benchmark.manifest.files.items() if path != "baselines/pixels.jsonl"}
    bare = benchmark.manifest.model_copy(update={"files": files}).signed()
    (benchmark.root / "benchmark.json").write_text(bare.model_dump_json())
    benchmark.baseline_file("pixels").unlink()
    comparison = score_baselines(type(benchmark)(benchmark.root, bare), tmp_path / "out", 1, Silent())
    assert len(comparison.entries) == 3
    assert "there is no pixels baseline and no floor" in capsys.readouterr().err


def test_a_teacher_s_name_is_never_a_path(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "b", 6)
    writer, other = benchmark.manifest.references
    odd = benchmark.manifest.model_copy(update={"references": (writer.model_copy(update={"teacher": "../x"}), other)})
    with pytest.raises(DatasetError, match="cannot name a folder"):
        score_baselines(type(benchmark)(benchmark.root, odd.signed()), tmp_path / "out", 1, Silent())
    assert not (tmp_path / "x").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ConfigError, match="is no folder"):
        score_baselines(make_benchmark(tmp_path / "b", 6), tmp_path / "out", 1, Silent())
