"""The verb: what it says, what it refuses in one line, and that it goes on after it was killed."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli import main
from pipeline.exporting import CHOICES, FORMATS, SCORES, THINKING, ExportOptions, export, read_report
from pipeline.progress import Silent
from tests.pipeline.exporting.world import files, make_dataset


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_it_says_what_was_written_and_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, out = make_dataset(tmp_path / "world").out, tmp_path / "out"
    assert run(monkeypatch, dataset, "--format", "trl", "--out", out, "--preference", "longer", "-q") == 0
    said = capsys.readouterr().out
    assert f"{out}: 11 rows of 12 images for TRL" in said
    assert "left out: 1 tie" in said


def test_its_help_names_everything_that_there_is_to_choose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    said = re.sub(r"-\n +", "-", capsys.readouterr().out)
    assert [name for name in (*FORMATS, *CHOICES, *THINKING, *SCORES) if name not in said] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "parquet"], "--format 'parquet': unknown; known are trl, llava, llamafactory, swift, verl"),
        (["--format", "trl", "--split", "test"], "--split 'test': unknown; known are train, benchmark"),
        (["--format", "trl", "--teacher", "gpt"], "--teacher 'gpt': unknown"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = make_dataset(tmp_path / "world", 2, 0).out
    assert run(monkeypatch, dataset, "--out", tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("imagenet-think: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_dataset_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "nowhere", "--format", "trl", "--out", tmp_path / "out") == 1
    assert "nowhere: there is no such folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("form", ["trl", "llava"])
def test_a_process_killed_at_any_moment_is_finished_by_the_next(form: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "world", 600, 0, images_per_shard=20).out
    export(dataset, tmp_path / "whole", ExportOptions(format=form), Silent())
    out, moments = tmp_path / "out", random.Random(7)
    command = [sys.executable, "-m", "flows.cli", "export", str(dataset), "--format", form, "--out", str(out), "-q"]
    kills = 0
    while kills < 5:
        process = subprocess.Popen(command)
        while process.poll() is None and not (out / ".export").exists():
            time.sleep(0.005)
        time.sleep(moments.random() * 0.3)
        process.kill()
        if process.wait() == 0:
            break
        kills += 1
        assert read_report(out) is None
    subprocess.run(command, check=True)
    assert kills
    assert files(out) == files(tmp_path / "whole")
