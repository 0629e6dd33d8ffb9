"""Scores with embedding metrics, from a file of predictions to figures with floor, ceiling and coverage."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from eval.scoring import ScoreOptions, score
from pipeline.progress import Silent
from schemas.scores import ScoreSummary
from tests.eval.world import make_benchmark
from tests.evaluation.models import WINDOW

pytestmark = pytest.mark.evaluation

OWN = WINDOW - 2


@pytest.fixture(scope="module")
def scores(bert: str, sentence_model: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same predictions, scored twice; the last item has none."""
    place = tmp_path_factory.mktemp("scores")
    benchmark = make_benchmark(place / "benchmark", 6)
    lines = [
        {"key": item.key, "thinking": "the dog is red " * 20, "answer": item.references[0].answer}
        for item in benchmark.items()
    ]
    (place / "p.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines[:-1]))
    options = ScoreOptions("a-model", workers=2, bertscore=f"{bert}#2", sbert=sentence_model)
    outs = [place / "once", place / "again"]
    for out in outs:
        score(benchmark, place / "p.jsonl", out, options, Silent())
    return outs


def summarise(out: Path) -> ScoreSummary:
    return ScoreSummary.model_validate_json((out / "summary.json").read_text())


@pytest.mark.parametrize("metric", ["bertscore", "sbert"])
def test_embedding_metrics_have_figures_like_all_others(scores: list[Path], metric: str) -> None:
    figures = {figure.name: figure for figure in summarise(scores[0]).figures}
    for field in ("thinking", "answer"):
        figure, best = figures[f"{field}_{metric}"], figures[f"{field}_{metric}_best"]
        assert 0 < figure.value <= best.value < 1
        assert figure.interval.low <= figure.value <= figure.interval.high
        assert figure.anchors.floor is not None
        assert figure.anchors.ceiling is not None
    assert figures[f"answer_{metric}_best"].without_missing == pytest.approx(1, abs=1e-6)


def test_a_missing_prediction_counts_as_zero(scores: list[Path]) -> None:
    items = pq.read_table(scores[0] / "items.parquet").to_pylist()
    assert [item["answer_bertscore"] > 0 for item in items] == [item["predicted"] for item in items]


@pytest.mark.parametrize("metric", ["bertscore", "sbert"])
def test_the_coverage_of_long_thinking_is_stated(scores: list[Path], metric: str) -> None:
    summary = summarise(scores[0])
    (coverage,) = (each for each in summary.coverage if (each.metric, each.field) == (metric, "thinking"))
    assert (coverage.window, coverage.tokens, coverage.scored) == (OWN, 5 * 80, 5 * 80)
    assert coverage.first_window == 5 * OWN
    assert f"windows of {OWN} tokens" in summary.definitions[metric]


def test_scoring_again_gives_the_same_bytes(scores: list[Path]) -> None:
    for name in ("summary.json", "items.parquet", "report.md", "report.html"):
        assert (scores[0] / name).read_bytes() == (scores[1] / name).read_bytes()
