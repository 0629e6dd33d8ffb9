"""The task folder, loaded by lmms-eval's own task manager and scored by its own evaluator."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from eval.adapters import adapt
from eval.benchmark.storage import Benchmark
from tests.eval.adapters.world import score_texts, write_text
from tests.eval.world import make_benchmark

pytestmark = pytest.mark.evaluation


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setenv("LMMS_EVAL_DATASETS_CACHE", str(tmp_path / "cache"))
    return make_benchmark(tmp_path / "benchmark")


@pytest.fixture
def manager(benchmark: Benchmark, tmp_path: Path) -> Any:
    from lmms_eval.tasks import TaskManager  # noqa: PLC0415 - not in the core installation

    adapt(benchmark.root, "lmms-eval", tmp_path / "task")
    return TaskManager(include_path=str(tmp_path / "task"), include_defaults=False)


@pytest.fixture
def task(manager: Any) -> Any:
    from lmms_eval.tasks import get_task_dict  # noqa: PLC0415 - not in the core installation

    return get_task_dict(["imagenet_think"], manager)["imagenet_think"]


def test_its_task_manager_finds_and_loads_the_task(manager: Any, task: Any, benchmark: Benchmark) -> None:
    assert manager.all_subtasks == ["imagenet_think"]
    assert len(task.test_docs()) == benchmark.manifest.items
    assert task.config.reasoning_tags == "none"
    assert task.config.generation_kwargs["until"] == []
    (picture,) = task.doc_to_visual(task.test_docs()[0])
    assert picture.size == (64, 48)


def test_its_results_and_its_clustered_errors_are_ours(task: Any, benchmark: Benchmark, tmp_path: Path) -> None:
    from lmms_eval.evaluator_utils import TaskOutput  # noqa: PLC0415 - not in the core installation

    texts = {item.key: write_text(number, item) for number, item in enumerate(benchmark.items())}
    summary, rows = score_texts(benchmark, texts, tmp_path / "scores")
    output = TaskOutput.from_taskdict("imagenet_think", task)
    for doc, row in zip(task.eval_docs_no_media, rows, strict=True):
        results = task.process_results(doc, [texts[doc["key"]]])
        assert results.pop("key") == row["key"]
        for name, value in results.items():
            output.sample_metrics[name, "none"].append(value)
            assert value["score"] == row[name]
    output.calculate_aggregate_metric()
    output.calculate_clt_aggregate_metric()
    for figure in summary.figures:
        if "@" not in figure.name:
            assert output.agg_metrics[f"{figure.name},none"] == pytest.approx(figure.value, abs=1e-6)
    assert output.agg_metrics["answer_rougeL_stderr_clustered,none"] > 0


def test_a_whole_run_keeps_the_thinking_and_its_log_can_be_scored_again(
    manager: Any, benchmark: Benchmark, tmp_path: Path
) -> None:
    from lmms_eval.api.model import lmms  # noqa: PLC0415 - not in the core installation
    from lmms_eval.evaluator import simple_evaluate  # noqa: PLC0415 - the same

    said = "<think>Is it a tench?\n\nIt may be.</think><answer>A tench.</answer>"

    class Speaker(lmms):  # type: ignore[misc]  # of lmms-eval, which this environment may lack
        def generate_until(self, requests: list[Any]) -> list[str]:
            return [said for _ in requests]

        def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
            raise NotImplementedError

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            raise NotImplementedError

    stripping = Namespace(reasoning_tags='[["<think>", "</think>"]]', process_with_media=False)  # what a user gets
    run = simple_evaluate(Speaker(), tasks=["imagenet_think"], task_manager=manager, batch_size=1, cli_args=stripping)
    figures = run["results"]["imagenet_think"]
    texts = {sample["key"]: sample["filtered_resps"][0] for sample in run["samples"]["imagenet_think"]}
    assert texts == {item.key: said for item in benchmark.items()}
    summary, _ = score_texts(benchmark, texts, tmp_path / "scores")
    for figure in summary.figures:
        if "@" not in figure.name:
            assert figures[f"{figure.name},none"] == pytest.approx(figure.value, abs=1e-6)
    assert figures["format_ok,none"] == 1
    assert figures["thinking_words,none"] == 7
