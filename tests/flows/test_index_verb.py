"""``imagenet-think index`` names what it found, with a configuration or without one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows.cli import main
from flows.indexing import describe_index
from pipeline.rundir import open_run
from pipeline.sources import IndexSummary, load_summary
from schemas.config import SourceConfig
from schemas.loading import load_config
from schemas.rejection import RejectReason
from tests.collections import make_collection
from tests.flows.conftest import Run

CLASSES = ["n01440764", "n02123045"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_collection(tmp_path / "images", "tree", CLASSES, 2)
    path = tmp_path / "build.yaml"
    path.write_text("source: {path: images}\nteachers: [{name: glm-4.1v-9b-thinking, engine: {kind: pixels}}]\n")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["imagenet-think", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_source_is_indexed_before_there_is_a_configuration_and_a_build_may_use_it(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    (config.parent / "images" / "holiday.jpg").touch()
    out = config.parent / "run"
    assert run(monkeypatch, "index", "--source", config.parent / "images", "--run-dir", out, "-q") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"form tree {config.parent / 'images'}" in said
    assert "images 4" in said
    assert "rejected 1 not_an_image_id, e.g. holiday.jpg" in said
    assert "known sizes 4 100.0% of the images" in said
    before = (out / "index" / "index.parquet").read_bytes()
    open_run(out, load_config(config))
    assert (out / "index" / "index.parquet").read_bytes() == before


def test_a_source_may_be_named_relative_to_where_one_stands(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(config.parent)
    assert run(monkeypatch, "index", "--source", "images", "--run-dir", "run", "-q") == 0
    summary = load_summary(config.parent / "run" / "index")
    assert summary is not None
    assert summary.place == str(config.parent / "images")
    assert capsys.readouterr().out


def test_neither_configuration_nor_source_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "index", "--run-dir", tmp_path / "run") == 2
    assert "name the CONFIG of a build, or a --source" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("with_config", [True, False])
def test_a_form_that_there_is_not_is_named_with_those_that_there_are(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, with_config: bool
) -> None:
    named = [config] if with_config else ["--source", config.parent / "images"]
    assert run(monkeypatch, "index", *named, "--source-form", "zip", "--run-dir", config.parent / "run") == 2
    error = capsys.readouterr().err
    assert "choose one of auto, tree, tars, tar, tar.gz, webdataset, parquet" in error
    assert error.count("\n") == 1


def test_a_form_that_does_not_fit_is_one_line(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "index", config, "--source-form", "tar", "--run-dir", config.parent / "run") == 1
    assert "is a folder, and source.form tar asks for a file" in capsys.readouterr().err


def test_a_directory_of_something_else_is_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = config.parent / "images"
    assert run(monkeypatch, "index", "--source", place, "--run-dir", config.parent) == 1
    assert "holds other files" in capsys.readouterr().err


def test_an_index_of_another_form_is_not_built_upon(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = config.parent / "run"
    assert run(monkeypatch, "index", "--source", config.parent / "images", "--run-dir", out, "-q") == 0
    archive = make_collection(config.parent / "other", "tar", CLASSES, 2)
    assert run(monkeypatch, "build", config, "--source", archive, "--run-dir", out, "--dry-run") == 1
    assert "was indexed as tree" in capsys.readouterr().err


@pytest.mark.slow
def test_a_configuration_s_source_may_be_replaced(config: Path, served: Run) -> None:
    archive = make_collection(config.parent / "other", "tar_of_tars", CLASSES, 3)
    out = config.parent / "run"
    done = served("index", config, "--source", archive, "--run-dir", out)
    assert done.returncode == 0, done.stderr
    assert str(archive) in done.stdout
    summary = load_summary(out / "index")
    assert summary is not None
    assert (summary.form, summary.images) == ("tar", 6)
    assert load_config(out / "config.yaml").source.path == str(archive)


def test_what_is_said_of_an_index_adds_up(tmp_path: Path) -> None:
    summary = IndexSummary(
        form="webdataset",
        place="/shards",
        containers=3,
        entries=10,
        images=4,
        companions=5,
        rejected={RejectReason.SIDECAR_ALONE: 1},
        examples={RejectReason.SIDECAR_ALONE: "a.tar: n00005787_1.json"},
        bytes=1000,
        known_dimensions=1,
        of_224=1,
        resized=True,
    )
    lines = describe_index(summary, tmp_path, SourceConfig(path="/shards", index_cache=Path("/cache")))
    assert [(line.what.strip(), line.count, line.note) for line in lines[:6]] == [
        ("form", "webdataset", "/shards"),
        ("containers", "3", ""),
        ("entries", "10", ""),
        ("images", "4", "1,000 bytes"),
        ("sidecars", "5", "of images"),
        ("rejected", "1", "sidecar_alone, e.g. a.tar: n00005787_1.json"),
    ]
    assert ("known sizes", "1") in [(line.what, line.count) for line in lines]
    assert any("imagenet21k_resized" in line.note for line in lines)
    assert lines[-1].note == "/cache"
