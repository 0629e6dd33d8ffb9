"""The task, run by inspect-ai with its mock model: figures are those of `score`, and no thinking is lost."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.adapters import adapt
from eval.benchmark.storage import Benchmark
from schemas.benchmark import BenchmarkItem
from tests.eval.adapters.world import score_texts, write_text
from tests.eval.world import make_benchmark

pytestmark = pytest.mark.evaluation


class Words:
    """Counts for the mock model, whose own encoding would be fetched from the network."""

    def encode(self, text: str, **_: object) -> list[int]:
        return list(range(len(text.split())))


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setattr("tiktoken.get_encoding", lambda _: Words())
    monkeypatch.setenv("INSPECT_DISPLAY", "none")
    return make_benchmark(tmp_path / "benchmark")


def say(texts: dict[str, Any], items: list[BenchmarkItem]) -> Callable[..., Any]:
    """A model that knows by the picture what to say."""
    from inspect_ai.model import ModelOutput  # noqa: PLC0415 - not in the core installation

    by_picture = {
        f"data:image/jpeg;base64,{base64.b64encode(item.image.bytes).decode()}": item for item in items if item.image
    }

    def answer(messages: list[Any], *_: object) -> ModelOutput:
        picture, words = messages[-1].content
        item = by_picture[picture.image]
        assert words.text == item.prompt
        return ModelOutput.from_content("mockllm", texts[item.key])

    return answer


def evaluate(task: Path, outputs: Callable[..., Any], logs: Path, **arguments: object) -> Any:
    from inspect_ai import eval as run  # noqa: PLC0415 - not in the core installation
    from inspect_ai.model import get_model  # noqa: PLC0415 - the same

    (log,) = run(
        f"{task}@imagenet_think",
        model=get_model("mockllm/model", custom_outputs=outputs),
        log_dir=str(logs),
        task_args=arguments,
    )
    assert log.status == "success", log.error
    return log


def test_figures_are_those_of_score_with_standard_errors_by_class(benchmark: Benchmark, tmp_path: Path) -> None:
    adapt(benchmark.root, "inspect-ai", tmp_path / "task")
    items = list(benchmark.items(pictures=True))
    texts = {item.key: write_text(number, item) for number, item in enumerate(items)}
    summary, rows = score_texts(benchmark, texts, tmp_path / "scores")
    log = evaluate(tmp_path / "task/imagenet_think.py", say(texts, items), tmp_path / "logs")
    figures = {figure.name: figure.value for figure in summary.figures if "@" not in figure.name}
    scores = {score.name: score.metrics for score in log.results.scores}
    assert set(scores) == set(figures)
    for name, value in figures.items():
        assert scores[name]["mean"].value == pytest.approx(value, abs=1e-6)
    assert scores["answer_rougeL"]["stderr"].value > 0
    for row in rows:
        (sample,) = [sample for sample in log.samples if sample.id == row["key"]]
        assert sample.scores["imagenet_think"].value == {name: row[name] for name in figures}
    assert log.eval.metadata["benchmark_sha256"] == benchmark.manifest.sha256


def test_thinking_that_comes_apart_is_scored_as_if_it_stood_in_the_text(benchmark: Benchmark, tmp_path: Path) -> None:
    from inspect_ai.model import ContentReasoning, ContentText  # noqa: PLC0415 - not in the core installation

    adapt(benchmark.root, "inspect-ai", tmp_path / "task")
    items = list(benchmark.items(pictures=True))
    whole, apart = {}, {}
    for item in items:
        thinking, answer = f"Could it be a {item.lemmas[0]}?", f"<answer>A {item.lemmas[0]}.</answer>"
        whole[item.key] = f"<think>{thinking}</think>{answer}"
        apart[item.key] = [ContentReasoning(reasoning=thinking), ContentText(text=answer)]
    task = tmp_path / "task/imagenet_think.py"
    first, second = (evaluate(task, say(texts, items), tmp_path / "logs") for texts in (whole, apart))
    for one, other in zip(first.samples, second.samples, strict=True):
        assert one.scores["imagenet_think"].value == other.scores["imagenet_think"].value
        assert other.scores["imagenet_think"].value["format_ok"] == 1
        assert other.scores["imagenet_think"].value["thinking_class_exact"] == 1
        assert "<answer>" not in other.scores["imagenet_think"].answer


def test_the_family_of_tags_is_an_argument(benchmark: Benchmark, tmp_path: Path) -> None:
    adapt(benchmark.root, "inspect-ai", tmp_path / "task", tags="kimi-vl")
    items = list(benchmark.items(pictures=True))
    texts = {item.key: "<reasoning>Hm.</reasoning>It is." for item in items}
    task = tmp_path / "task/imagenet_think.py"
    for arguments, expected in (({}, 0), ({"tags": "reasoning"}, 1)):
        log = evaluate(task, say(texts, items), tmp_path / "logs", **arguments)
        scores = {score.name: score.metrics["mean"].value for score in log.results.scores}
        assert scores["format_ok"] == expected
