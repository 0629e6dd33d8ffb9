"""The verb: what it takes from a run, what it says, and what it refuses in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eval.benchmark import open_benchmark
from flows.cli import benchmark_verb, main
from pipeline.files import write_atomic
from schemas.config import BenchmarkConfig, HoldoutConfig, SelectionConfig
from schemas.loading import dump_config
from tests.eval.benchmark.world import DOMESTIC_CAT, make_world


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    assert benchmark_verb is not None, "it is registered by being imported"
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "benchmark", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A finished build: its dataset, and the configuration that it was last used with."""
    world = make_world(tmp_path / "run")
    world.pack()
    settings = world.config().model_copy(
        update={
            "selection": SelectionConfig(holdout=HoldoutConfig(subtrees=(DOMESTIC_CAT,))),
            "benchmark": BenchmarkConfig(size=6),
        }
    )
    write_atomic(world.directory / "config.yaml", dump_config(settings).encode())
    return world.directory


def test_a_run_says_itself_how_large_and_what_was_held_out(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(monkeypatch, run_dir, "--out", out, "-q") == 0
    said = capsys.readouterr().out
    assert f"{out}: 6 of 12 held-out images" in said
    assert "image 2, synset 2, subtree 2" in said
    assert "0 in ids, files, near-duplicates (3 bits), classes and subtrees, against all 6 images of train" in said
    assert f"imagenet-think score --benchmark {out}" in said
    assert open_benchmark(out).manifest.items == 6


def test_a_dataset_alone_is_told_by_options_and_gives_the_same(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, run_dir, "--out", tmp_path / "one", "-q") == 0
    told = ["--holdout-subtree", DOMESTIC_CAT, "--size", 6]
    assert run(monkeypatch, run_dir / "dataset", "--out", tmp_path / "two", *told, "-q") == 0
    assert open_benchmark(tmp_path / "one").manifest == open_benchmark(tmp_path / "two").manifest


def test_a_dry_run_writes_nothing(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, run_dir, "--out", tmp_path / "out", "--dry-run", "-q") == 0
    assert "6 of 12 held-out images would be taken" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_pictures_can_be_left_out(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, run_dir, "--out", tmp_path / "out", "--without-pictures", "-q") == 0
    assert not open_benchmark(tmp_path / "out").manifest.pictures


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{run}/nowhere"], 1, "holds neither a finished build nor a dataset"),
        (["{run}/dataset"], 2, "name the roots that the dataset's configuration held out: --holdout-subtree WNID"),
        (["{run}/dataset", "--holdout-subtree", "cat"], 2, "unknown synset 'cat'"),
        (["{run}", "--out", "{run}"], 2, "is there already and is no benchmark"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    code: int,
    said: str,
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [argument.format(run=run_dir) for argument in arguments]
    assert run(monkeypatch, "--out", tmp_path / "out", *given, "-q") == code
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unfinished_build_is_one_line(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_dir / "dataset" / "manifest.json").unlink()
    assert run(monkeypatch, run_dir, "--out", tmp_path / "out", "-q") == 1
    assert "the build there is not finished; finish it: imagenet-think build" in capsys.readouterr().err
