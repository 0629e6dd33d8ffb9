"""``imagenet-think rejoin``: what it prints, and how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from flows.cli import main
from tests.pipeline.publishing.conftest import annotated
from tests.pipeline.publishing.rejoining import Published, file_of, write_copy

__all__ = ["annotated"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_it_says_what_became_of_the_pictures_by_split(
    annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = write_copy(tmp_path / "copy")
    assert run(monkeypatch, "rejoin", annotated.annotations, "--source", copy, "--out", tmp_path / "out", "-q") == 0
    heads, *rows, result = capsys.readouterr().out.splitlines()
    assert heads.split("  ")[-1].strip() == "missing"
    by_split = {name: counts for name, *counts in map(str.split, rows)}
    shards = annotated.dataset.manifest.shards
    for split in ("train", "benchmark"):
        assert by_split[split] == [str(sum(shard.images for shard in shards if shard.split == split)), "0", "0", "0"]
    assert result == f"{tmp_path / 'out'}: the dataset that was packed, byte for byte"


def test_missing_pictures_are_exit_one_and_one_line_with_the_remedy(
    annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = write_copy(tmp_path / "copy")
    file_of(copy, annotated.ids[0]).unlink()
    command = ["rejoin", annotated.annotations, "--source", copy, "--out", tmp_path / "out", "-q", "--workers", 1]
    assert run(monkeypatch, *command) == 1
    error = capsys.readouterr().err
    of = len(annotated.ids)
    assert f"{copy}: 1 of {of} pictures are not there (1 missing, 0 show something else); see " in error
    assert "leave them out with --allow-missing" in error
    assert error.count("\n") == 1
    assert run(monkeypatch, *command, "--allow-missing") == 0
    out = capsys.readouterr().out
    assert "a dataset with pictures" in out
    assert run(monkeypatch, "verify", tmp_path / "out", "-q") == 0


def test_pictures_that_other_libraries_made_are_one_warning_and_no_error(
    annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.screening.picture._TRANSCODE_QUALITY", 94)  # as good as another encoder
    copy = write_copy(tmp_path / "copy")
    command = ["rejoin", annotated.annotations, "--source", copy, "--out", tmp_path / "out", "--workers", 1]
    assert run(monkeypatch, *command, "-q") == 0
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "warning: " in said.err
    assert "transcoded pictures were made by other library versions (simplejpeg " in said.err
    assert said.out.splitlines()[-1] == f"{tmp_path / 'out'}: a dataset with pictures"
    assert run(monkeypatch, "verify", tmp_path / "out", "-q") == 0
    capsys.readouterr()
    assert run(monkeypatch, *command, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["remade"] > 0
    assert not report["restored"]


def test_its_report_is_also_json(
    annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = write_copy(tmp_path / "copy")
    command = ["rejoin", annotated.annotations, "--source", copy, "--out", tmp_path / "out", "--json"]
    assert run(monkeypatch, *command, "--dry-run") == 0
    assert json.loads(capsys.readouterr().out)["form"] == "tree"
    assert run(monkeypatch, *command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["finished"]
    assert report["restored"]


def test_a_dry_run_counts_by_split(
    annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = write_copy(tmp_path / "copy")
    arguments = ["rejoin", annotated.annotations, "--source", copy, "--out", tmp_path / "out", "--dry-run", "-q"]
    assert run(monkeypatch, *arguments) == 0
    assert "pictures are listed" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
