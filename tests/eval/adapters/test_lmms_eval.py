"""The task folder, read as lmms-eval reads it, without lmms-eval: `tests/evaluation` has the real one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import load_dataset

from eval.adapters import adapt
from eval.adapters.lmms_eval import mean
from tests.eval.adapters.world import score_texts, write_text
from tests.eval.world import make_benchmark


def read_task(folder: Path) -> dict[str, Any]:
    """The YAML, functions of the file beside it in their places."""

    class Loader(yaml.SafeLoader):
        pass

    def find(loader: yaml.SafeLoader, node: yaml.Node) -> Callable[..., Any]:
        assert isinstance(node, yaml.ScalarNode)
        module, name = loader.construct_scalar(node).split(".")
        spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        function: Callable[..., Any] = getattr(loaded, name)
        return function

    Loader.add_constructor("!function", find)
    task = yaml.load((folder / "imagenet_think.yaml").read_text(), Loader)
    assert isinstance(task, dict)
    return task


@pytest.fixture
def task(tmp_path: Path) -> dict[str, Any]:
    benchmark = make_benchmark(tmp_path / "benchmark")
    adapt(benchmark.root, "lmms-eval", tmp_path / "task")
    return read_task(tmp_path / "task")


def test_nothing_of_a_text_is_lost_before_it_is_scored(task: dict[str, Any]) -> None:
    assert task["reasoning_tags"] == "none"  # else thinking is taken out
    assert task["generation_kwargs"]["until"] == []  # else texts end at an empty line
    assert task["generation_kwargs"]["max_new_tokens"] >= 8192


def test_figures_and_standard_errors_are_those_of_score(task: dict[str, Any], tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "benchmark")
    texts = {item.key: write_text(number, item) for number, item in enumerate(benchmark.items())}
    summary, rows = score_texts(benchmark, texts, tmp_path / "scores")
    docs = load_dataset(
        task["dataset_path"],
        data_files=task["dataset_kwargs"]["data_files"],
        split=task["test_split"],
        cache_dir=str(tmp_path / "cache"),
    )
    results = [task["process_results"](doc, [texts[doc["key"]]]) for doc in docs.remove_columns("image")]
    names = [metric["metric"] for metric in task["metric_list"]]
    assert {"thinking_rougeL", "answer_rougeL_best", "format_ok", "answer_class_exact"} <= set(names)
    for row, result in zip(rows, results, strict=True):
        assert result.pop("key") == row["key"]
        assert list(result) == names
        assert {value[task["cluster_key"]] for value in result.values()} == {row["wnid"]}
        assert {name: value["score"] for name, value in result.items()} == pytest.approx(
            {name: row[name] for name in names}, abs=1e-6
        )
    figures = {figure.name: figure.value for figure in summary.figures}
    for metric in task["metric_list"]:
        gathered = metric["aggregation"]([result[metric["metric"]] for result in results])
        assert gathered == pytest.approx(figures[metric["metric"]], abs=2e-6)


def test_questions_are_the_pictures_and_the_prompt(task: dict[str, Any], tmp_path: Path) -> None:
    docs = load_dataset(
        task["dataset_path"],
        data_files=task["dataset_kwargs"]["data_files"],
        split=task["test_split"],
        cache_dir=str(tmp_path / "cache"),
    )
    (picture,) = task["doc_to_visual"](docs[0])
    assert (picture.mode, picture.size) == ("RGB", (64, 48))
    assert task["doc_to_text"](docs[0]) == "Describe this image."
    assert task["doc_to_target"](docs[0]) == docs[0]["references"][0]["answer"]


def test_more_is_not_better_of_what_should_not_be(task: dict[str, Any]) -> None:
    better = {metric["metric"]: metric["higher_is_better"] for metric in task["metric_list"]}
    assert better["thinking_rouge1"]
    assert not better["found_then_lost"]
    assert not better["wrong_language"]
    assert not better["thinking_repeated_8grams"]


def test_the_mean_is_over_items() -> None:
    assert mean([{"score": 1.0, "wnid": "n01440764"}, {"score": 0.5, "wnid": "n02104280"}]) == 0.75
