"""The verbs: what they say, what they refuse in one line, and that an evaluation goes on after it was killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eval.running import EvaluationOptions, plan_evaluation, run_evaluation
from eval.running.evaluate import PART_ROWS
from flows.cli import main
from pipeline.progress import Silent
from tests.eval.running.world import NAME, write_model
from tests.eval.world import make_benchmark, make_item, write_benchmark

IN_FLIGHT = 8
"""What the scripted engine asks for."""


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_evaluate_prints_the_scores_and_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 12).root, tmp_path / "out"
    model = write_model(tmp_path, {"default": ["ok"], "n02123045_2": ["refuse"]})
    assert run(monkeypatch, "evaluate", "--benchmark", benchmark, "--model", model, "--out", out, "-q") == 0
    said = capsys.readouterr().out
    assert f"Scores of {NAME}" in said
    assert f"written: {out / 'predictions.jsonl'}" in said
    assert f"written: {out / 'scores' / 'report.html'}" in said
    assert "refused by the engine, and so missing: 1 items" in said


def test_a_dry_run_says_what_would_be_asked_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 12).root, tmp_path / "out"
    server = "http://127.0.0.1:1/v1"
    arguments = ("--model", "visionthink", "--server", server, "--out", out, "--limit", 5, "--dry-run", "-q")
    assert run(monkeypatch, "evaluate", "--benchmark", benchmark, *arguments) == 0
    said = capsys.readouterr().out
    for line in ("Senqiao/VisionThink-General", "5 of 12 items, 5 still to be asked", "1 per item", "tags       think"):
        assert line in said
    assert not out.exists()


def test_baselines_print_the_leaderboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 12), tmp_path / "out"
    assert run(monkeypatch, "baselines", "--benchmark", benchmark.root, "--out", out, "--workers", 1, "-q") == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("label-only", "pixels", *benchmark.manifest.teachers))
    assert f"written: {out / 'leaderboard.md'}" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--model", "gpt"], 2, "--model gpt: there is no such model"),
        (["--model", "no.yaml"], 2, "no.yaml: cannot be read"),
        (["--model", "visionthink", "--engine", "warp"], 2, "--engine warp: unknown"),
        (["--model", "visionthink", "--engine", "openai"], 2, "--engine openai: no server is named"),
        (["--model", "visionthink", "--engine", "pixels", "--limit", "0"], 2, "--limit 0: at least one item"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark, out = make_benchmark(tmp_path / "b", 3).root, tmp_path / "out"
    assert run(monkeypatch, "evaluate", "--benchmark", benchmark, "--out", out, "-q", *arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_benchmark_without_photographs_or_none_at_all_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = write_benchmark(tmp_path / "b", [make_item(number, picture=False) for number in range(3)]).root
    arguments = ("--model", "visionthink", "--engine", "pixels", "--out", tmp_path / "out", "-q")
    assert run(monkeypatch, "evaluate", "--benchmark", bare, *arguments) == 1
    assert "holds no photographs" in capsys.readouterr().err
    assert run(monkeypatch, "evaluate", "--benchmark", tmp_path / "nowhere", *arguments) == 1
    assert "there is no such folder" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = make_benchmark(tmp_path / "b", 3).root
    model = write_model(tmp_path, {"default": ["ok"]})
    assert run(monkeypatch, "evaluate", "--benchmark", benchmark, "--model", model, "--out", model / "x", "-q") == 2
    assert "lies below a file; name another folder" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_asks_nothing_twice_that_it_kept(tmp_path: Path) -> None:
    items, out, log = 600, tmp_path / "out", tmp_path / "log"
    benchmark = make_benchmark(tmp_path / "b", items)
    script = {"default": ["ok"], "n02123045_2": ["no_think", "ok"]}
    model = write_model(tmp_path, script, options={"delay": 0.05, "log": str(log)})
    command = [sys.executable, "-m", "flows.cli", "evaluate", "--benchmark", str(benchmark.root)]
    command += ["--model", str(model), "--out", str(out), "--workers", "1", "-q"]
    moments = random.Random(7)
    for parts in range(1, 4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(list(out.rglob("part-*.parquet"))) < parts:
            time.sleep(0.01)
        time.sleep(moments.random() * 0.3)
        process.kill()
        process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lost = len(log.read_text().splitlines()) - items
    assert 0 < lost <= 3 * (PART_ROWS + IN_FLIGHT)
    whole = plan_evaluation(benchmark, tmp_path / "whole", EvaluationOptions(str(model), workers=1), Silent())
    run_evaluation(whole, Silent())
    for name in ("predictions.jsonl", "scores/summary.json", "scores/report.html"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
