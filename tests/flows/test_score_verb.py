"""The verb: what it prints and writes, and that it refuses mistakes in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eval.benchmark.storage import Benchmark
from flows.cli import main
from tests.eval.world import GLM, make_benchmark

FILES = ("report.html", "report.md", "summary.json", "items.parquet")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """A small benchmark. Read only."""
    return make_benchmark(tmp_path_factory.mktemp("benchmark"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "score", *map(str, arguments), "--workers", "1", "-q"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def write_predictions(path: Path, benchmark: Benchmark) -> Path:
    """Of all items but the first: one that names its class in the thinking, and in the answer half of the time."""
    lines = [
        {
            "key": item.key,
            "raw": f"<think>I see a {item.lemmas[0]}.</think>{'It' if number % 2 else item.lemmas[0]} swims.",
        }
        for number, item in enumerate(benchmark.items())
    ]
    lines += [{**lines[1], "raw": "something else"}, {"key": "n09999999_1", "raw": "<think>a</think>b"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[1:]))
    return path


def test_thinking_and_answer_are_printed_apart_and_all_files_written(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, out = write_predictions(tmp_path / "half-a-fish.jsonl", benchmark), tmp_path / "scores"
    assert run(monkeypatch, "--benchmark", benchmark.root, "--predictions", predictions, "--out", out) == 0
    said = capsys.readouterr().out
    assert said.startswith("Scores of half-a-fish\n11 of 12 items of 5 classes were predicted.")
    assert "Items without a prediction: 1 of 12. They count as zero." in said
    assert "Lines that contradict the first of their key: 1. The first counts." in said
    assert "n09999999_1" in said
    assert said.index("Thinking: scores") < said.index("Answer: scores") < said.index("format obeyed")
    assert [name for name in FILES if f"written: {out / name}" not in said or not (out / name).is_file()] == []


def test_scored_again_the_files_hold_the_same_bytes(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions, out = write_predictions(tmp_path / "p.jsonl", benchmark), tmp_path / "scores"
    arguments = ("--benchmark", benchmark.root, "--predictions", predictions, "--out", out)
    assert run(monkeypatch, *arguments) == 0
    first = {name: (out / name).read_bytes() for name in FILES}
    assert run(monkeypatch, *arguments) == 0
    assert {name: (out / name).read_bytes() for name in FILES} == first


def test_for_programs_it_prints_the_summary_alone(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, out = write_predictions(tmp_path / "p.jsonl", benchmark), tmp_path / "scores"
    named = ("--model", "a name", "--exclude-reference", GLM, "--json")
    assert run(monkeypatch, "--benchmark", benchmark.root, "--predictions", predictions, "--out", out, *named) == 0
    said = capsys.readouterr().out
    assert said.strip() == (out / "summary.json").read_text().strip()
    assert json.loads(said)["model"] == "a name"
    assert json.loads(said)["excluded_references"] == [GLM]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", (), "p.jsonl"),
        ("no JSON\n", (), "p.jsonl"),
        ('{"key": "n01440764_0", "raw": NaN}\n', (), "p.jsonl"),
        ('{"key": "n01440764_0", "text": "a"}\n', (), "text"),
        ('{"key": "n09999999_1", "raw": "a"}\n', (), "none of its keys is the benchmark's"),
        ('{"key": "n01440764_0", "raw": "a"}\n', ("--tags", "thnk"), "think"),
        ('{"key": "n01440764_0", "raw": "a"}\n', ("--exclude-reference", "gpt"), "gpt"),
        ('{"key": "n01440764_0", "raw": "a"}\n', ("--benchmark", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_no_score_is_written(
    text: str,
    options: tuple[str, ...],
    said: str,
    benchmark: Benchmark,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    predictions, out = tmp_path / "p.jsonl", tmp_path / "scores"
    predictions.write_text(text)
    arguments = ("--benchmark", benchmark.root, "--predictions", predictions, "--out", out, *options)
    assert run(monkeypatch, *arguments) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (out / "summary.json").exists()
