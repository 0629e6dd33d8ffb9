"""What models might write about the small benchmark, and how `score` sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from eval.benchmark.storage import Benchmark
from eval.scoring import ScoreOptions, score
from pipeline.progress import Silent
from schemas.benchmark import BenchmarkItem
from schemas.scores import ScoreSummary


def write_text(number: int, item: BenchmarkItem) -> str:
    """Good texts of two families, one without an end to its thinking, and none at all, in turn."""
    lemma = item.lemmas[0]
    return (
        f"<think>Let me look at the picture. Is it a {lemma}?</think><answer>A {lemma}, I believe.</answer>",
        f"◁think▷The user shows a {item.hypernyms[0].lemmas[0]}.◁/think▷It is seen in a picture.",
        f"<think>It may be a {lemma}, or it may be",
        "",
    )[number % 4]


def score_texts(benchmark: Benchmark, texts: dict[str, str], out: Path) -> tuple[ScoreSummary, list[dict[str, float]]]:
    """The summary and the items' rows that `score` gives for raw texts by key."""
    predictions = out.with_suffix(".jsonl")
    predictions.write_text("".join(json.dumps({"key": key, "raw": raw}) + "\n" for key, raw in texts.items()))
    summary = score(benchmark, predictions, out, ScoreOptions(model="someone", workers=1), Silent())
    return summary, pq.read_table(out / "items.parquet").to_pylist()
