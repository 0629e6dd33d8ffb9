"""What is written for each tool: always the same, never over anything else, and one line where it cannot be."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

import flows.cli.adapt_verb  # noqa: F401 - the verb registers itself
from eval.adapters import HARNESSES, adapt
from flows.cli import main
from tests.eval.world import make_benchmark, make_item, write_benchmark

NAMES = tuple(HARNESSES)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("[!._]*")}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "adapt", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("harness", NAMES)
def test_the_folder_holds_what_is_named_and_is_the_same_each_time(harness: str, tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "benchmark", 4)
    out = tmp_path / "out"
    adapted = adapt(benchmark.root, harness, out)
    first = files(out)
    (out / ".imagenet_think.tsv.1234.tmp").write_bytes(b"of a process that was killed")
    (out / "__pycache__").mkdir()
    assert set(first) == set(HARNESSES[harness].files)
    assert adapted.items == 4
    assert adapt(benchmark.root, harness, out) == adapted
    assert files(out) == first


@pytest.mark.parametrize("harness", NAMES)
def test_paths_in_it_hold_from_any_folder(harness: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_benchmark(tmp_path / "a 'small' benchmark", 1)
    monkeypatch.chdir(tmp_path)
    adapted = adapt(Path("a 'small' benchmark"), harness, Path("some where"))
    written = b"".join(data for name, data in files(tmp_path / "some where").items() if not name.endswith(".tsv"))
    assert str(tmp_path / "a 'small' benchmark").encode() in written
    assert any(word.startswith("some where") for word in shlex.split(adapted.next_command))


def test_the_verb_says_what_to_run_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark, out = make_benchmark(tmp_path / "benchmark", 3), tmp_path / "out"
    assert run(monkeypatch, benchmark.root, "--to", "inspect-ai", "--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{out}: 3 questions for inspect-ai",
        f"next: inspect eval {out}/imagenet_think.py@imagenet_think --model MODEL",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--to", "helm"], 2, "--to 'helm': unknown; known are lmms-eval, inspect-ai, vlmevalkit"),
        (["--to", "lmms-eval", "--tags", "thought"], 2, "tags: there is no family 'thought'"),
        (["--to", "lmms-eval", "--out", "benchmark/lmms"], 2, "benchmark/lmms: lies in the benchmark"),
        (["--to", "lmms-eval", "--out", "full"], 2, "full: holds something else, letter"),
        (["--to", "lmms-eval", "--out", "full/letter"], 2, "full/letter: is a file"),
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
    make_benchmark(tmp_path / "benchmark", 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter").write_text("mine")
    monkeypatch.chdir(tmp_path)
    where = [] if "--out" in arguments else ["--out", "out"]
    assert run(monkeypatch, "benchmark", *arguments, *where) == code
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter"]


def test_a_benchmark_without_pictures_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_benchmark(tmp_path / "benchmark", [make_item(1, picture=False)])
    assert run(monkeypatch, tmp_path / "benchmark", "--to", "vlmevalkit", "--out", tmp_path / "out") == 1
    assert "has no pictures to ask about" in capsys.readouterr().err
