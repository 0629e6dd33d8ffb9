"""What is said of a build's pictures and of engines of the user's own."""

from __future__ import annotations

from pathlib import Path

from pipeline.doctor.build import examine_build
from pipeline.doctor.cases import list_cases
from pipeline.doctor.finding import Level
from schemas.engines import CustomEngine, PixelsEngine
from tests.collections import make_collection
from tests.pipeline.doctor.world import GLM, KIMI, find, make_config


def test_the_form_of_the_source_is_told(tmp_path: Path) -> None:
    config = make_config(make_collection(tmp_path / "images", "tars", ["n01440764"], 1), PixelsEngine(kind="pixels"))
    finding = find(examine_build(config, list_cases(config)), "source")
    assert finding.level is Level.OK
    assert finding.detail == f"{tmp_path / 'images'}: tars"


def test_a_source_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    config = make_config(tmp_path / "nowhere", PixelsEngine(kind="pixels"))
    finding = find(examine_build(config, list_cases(config)), "source")
    assert finding.level is Level.FAULT
    assert "nowhere" in finding.detail


def test_a_factory_is_imported_and_one_that_cannot_be_is_a_fault(tmp_path: Path) -> None:
    good = CustomEngine(kind="custom", factory="tests.fakes.scripted_engine:ScriptedEngine", options={})
    bad = CustomEngine(kind="custom", factory="no.such:factory", options={})
    config = make_config(tmp_path, good, bad)
    findings = list(examine_build(config, list_cases(config)))
    assert find(findings, GLM).level is Level.OK
    assert find(findings, KIMI).level is Level.FAULT
    assert "no.such:factory" in find(findings, KIMI).detail
