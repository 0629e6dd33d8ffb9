"""The verb: what it prints and writes, and that it refuses mistakes in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from flows.cli import main
from tests.eval.comparing.world import write_scores


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "compare", *map(str, arguments), "-q"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def scores(tmp_path: Path) -> list[Path]:
    """Three models, one of them much better."""
    return [write_scores(tmp_path / name, quality) for name, quality in {"a": 0.3, "b": 0.3, "better": 0.6}.items()]


def test_it_prints_a_leaderboard_and_which_differences_are_real(
    scores: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *scores) == 0
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert next(line[1] for line in lines if line[:1] == ["1"]) == "better"
    assert [line[-3] for line in lines if line[:2] == ["1,", "2"] or line[:2] == ["1,", "3"]] == ["real", "real"]
    assert "answer ROUGE-L" in said


def test_it_writes_markdown_and_json(
    scores: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "board"
    assert run(monkeypatch, *scores, "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "leaderboard.json").read_text())
    assert (out / "leaderboard.md").read_text().startswith("# Leaderboard\n")
    assert sorted(path.name for path in out.iterdir()) == ["leaderboard.json", "leaderboard.md"]


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["a", "a"], "is named twice", 2),
        (["a", "--by", "answer_rouge"], "did you mean", 2),
        (["a", "nowhere"], "nowhere: is no folder", 1),
        (["a", "b", "--out", "b"], "b: holds the scores of a model", 2),
        (["a", "b", "--out", "better"], "better: holds the scores of a model", 2),
        (["a", "--out", "a/summary.json"], "is no folder", 2),
        (["a", "--out", "a/summary.json/deeper"], "cannot be written", 2),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    said: str,
    code: int,
    scores: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(scores[0].parent)
    assert run(monkeypatch, *arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
