"""What is said of a build's servers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.doctor.cases import Case
from pipeline.doctor.finding import Finding, Level
from pipeline.doctor.servers import examine_servers
from pipeline.teachers import load_teacher
from schemas.engines import OpenAIEngine
from tests.fakes.openai_server import PROVENANCE, FakeServer, unused_url
from tests.pipeline.doctor.world import GLM, on_vllm

WHAT = f"{GLM} servers"


def examine(*urls: str) -> Sequence[Finding]:
    engine = OpenAIEngine(kind="openai", base_urls=urls)
    findings = list(examine_servers([Case(load_teacher(GLM), engine, required=True)]))
    assert {finding.what for finding in findings} == {WHAT}
    return findings


def test_servers_that_agree_are_told_with_what_they_serve() -> None:
    with FakeServer() as first, FakeServer() as second:
        (finding,) = examine(first.url, second.url)
        assert finding.level is Level.OK
        assert f"2 of 2 answer ({first.url}, {second.url})" in finding.detail
    for word in ("zai-org/GLM-4.1V-9B-Thinking", "a" * 40, "bfloat16", "16,384", "vllm 0.32.0", "NVIDIA H200"):
        assert word in finding.detail


def test_nobody_is_asked_about_a_picture() -> None:
    with FakeServer() as server:
        examine(server.url)
        assert not server.asked


def test_one_server_of_several_that_is_down_is_a_warning() -> None:
    down = unused_url()
    with FakeServer() as server:
        first, *others = examine(server.url, down)
    assert "1 of 2 answer" in first.detail
    assert [finding.level for finding in others] == [Level.WARNING]
    assert down in others[0].detail


def test_no_server_at_all_is_a_fault() -> None:
    down = unused_url()
    (finding,) = examine(down)
    assert finding.level is Level.FAULT
    assert down in finding.detail
    assert finding.remedy


def test_servers_of_different_models_are_a_fault() -> None:
    with FakeServer() as first, FakeServer(provenance=PROVENANCE | {"revision": "b" * 40}) as second:
        (finding,) = examine(first.url, second.url)
    assert finding.level is Level.FAULT
    assert "revision" in finding.detail


def test_a_server_that_does_not_say_what_it_runs_is_a_warning() -> None:
    with FakeServer(provenance=None) as server:
        levels = [finding.level for finding in examine(server.url)]
    assert levels[0] is Level.OK
    assert set(levels[1:]) == {Level.WARNING}


def test_a_wrong_key_is_a_fault_that_names_the_variable_and_not_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-this-one")
    with FakeServer(key="sk-another") as server:
        (finding,) = examine(server.url)
    assert finding.level is Level.FAULT
    assert "OPENAI_API_KEY" in finding.detail
    assert "sk-" not in finding.model_dump_json()


def test_engines_in_process_have_no_servers() -> None:
    assert not list(examine_servers([on_vllm()]))
