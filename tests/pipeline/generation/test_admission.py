"""Canaries within a run: at every start of an engine, before any work, and none of them in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.generation import generate_pairs, set_up_teachers
from schemas.engines import CanaryConfig
from schemas.errors import EngineError, RunDirectoryError
from schemas.loading import parse_config
from schemas.report import CanaryReport
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.generation.world import TEACHER, configure, make_job, rows

CANARIES = CanaryConfig(images=3)
ROUNDS = ("alone", "together", "asked")


def asked(log: Path) -> list[tuple[str, str]]:
    """Image, and attempt or round, in the order in which the engine was asked."""
    _, images, attempts = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    return list(zip(images, attempts, strict=True))


def canaries_of(ids: list[str]) -> list[tuple[str, str]]:
    return [(image_id, number) for number in ROUNDS for image_id in ids[:3]]


def test_canaries_come_before_any_work_and_leave_nothing_in_the_ledger(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "asked.log"
    report = generate_pairs(make_job(selected, tmp_path / "ledger", canaries=CANARIES, log=str(log)))
    assert report is not None
    assert report.canaries == CanaryReport(asked=3, compared=3, exact=3, ok=3)
    assert report.attempts == len(rows(tmp_path / "ledger")) == 12
    assert asked(log)[:9] == canaries_of(ids)
    assert {attempt for _, attempt in asked(log)[9:]} == {"1"}


def test_the_canaries_of_a_later_start_are_the_same(selected: Path, ids: list[str], tmp_path: Path) -> None:
    log, ledger = tmp_path / "asked.log", tmp_path / "ledger"
    script = {"default": ["ok"], ids[9]: ["die"]}
    config = configure(selected / "source", "{engine_restarts: 0, max_concurrency: 1}", log=str(log), script=script)
    with pytest.raises(EngineError, match="died again"):
        generate_pairs(make_job(selected, ledger, config, canaries=CANARIES))
    log.unlink()
    generate_pairs(make_job(selected, ledger, config, canaries=CANARIES))
    assert asked(log) == [*canaries_of(ids), *((image_id, "1") for image_id in ids[9:])]


def test_without_canaries_the_report_has_none(selected: Path, tmp_path: Path) -> None:
    report = generate_pairs(make_job(selected, tmp_path))
    assert report is not None
    assert report.canaries is None


def test_a_selection_of_fewer_images_gives_fewer_canaries(selected: Path, tmp_path: Path) -> None:
    report = generate_pairs(make_job(selected, tmp_path, canaries=CanaryConfig(images=100)))
    assert report is not None
    assert report.canaries is not None
    assert report.canaries.asked == 12


def test_a_failing_canary_stops_the_run_before_any_work_and_claims_no_ledger(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    log, ledger = tmp_path / "asked.log", tmp_path / "ledger"
    job = make_job(selected, ledger, canaries=CANARIES, log=str(log), script={"default": ["mixes_up"]})
    with pytest.raises(EngineError, match=f"canaries of {TEACHER}: "):
        generate_pairs(job)
    assert asked(log) == canaries_of(ids)[:6]
    assert not ledger.exists()


def test_canaries_run_again_after_a_restart_before_what_was_in_flight_is_asked_again(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "asked.log"
    script = {"default": ["ok"], ids[6]: ["die"]}
    config = configure(selected / "source", "{max_concurrency: 4}", log=str(log), script=script)
    report = generate_pairs(make_job(selected, tmp_path / "ledger", config, canaries=CANARIES))
    assert report is not None
    assert (report.statuses, report.restarts) == ({"ok": 12}, 1)
    heard = asked(log)
    again = heard.index(canaries_of(ids)[0], 1)
    assert heard[again : again + 9] == canaries_of(ids)
    assert heard.count((ids[6], "1")) == 2
    assert (ids[6], "1") in heard[again + 9 :]


def test_a_canary_that_fails_after_a_restart_ends_the_run_and_keeps_what_is_done(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    progress = NotedProgress()
    script = {"default": ["sours"], ids[7]: ["die"]}
    config = configure(selected / "source", "{max_concurrency: 2}", script=script)
    with pytest.raises(EngineError, match="3 pictures get the same greedy text"):
        generate_pairs(make_job(selected, tmp_path, config, canaries=CANARIES, progress=progress))
    assert [task.name.split()[0] for task in progress.tasks] == [
        "start",
        "canaries",
        "generate",
        "start",
        "canaries",
    ]
    assert {row.image_id for row in rows(tmp_path)} >= set(ids[:6])
    assert {row.status for row in rows(tmp_path)} == {"ok"}


def test_an_engine_that_dies_of_its_canaries_is_started_again(selected: Path, ids: list[str], tmp_path: Path) -> None:
    script = {"default": ["ok"], ids[1]: ["die"]}
    report = generate_pairs(make_job(selected, tmp_path, canaries=CANARIES, script=script))
    assert report is not None
    assert (report.statuses, report.restarts) == ({"ok": 12}, 1)
    assert report.canaries == CanaryReport(asked=3, compared=3, exact=3, ok=3)


def test_an_engine_that_is_another_one_is_met_before_its_canaries(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    log, ledger = tmp_path / "asked.log", tmp_path / "ledger"
    script = {"default": ["ok"], ids[0]: ["die"]}
    config = configure(selected / "source", "{engine_restarts: 0, max_concurrency: 1}", script=script)
    with pytest.raises(EngineError):
        generate_pairs(make_job(selected, ledger, config))
    with pytest.raises(RunDirectoryError, match="model was 'tests/scripted' and is 'tests/another'"):
        generate_pairs(make_job(selected, ledger, canaries=CANARIES, model="tests/another", log=str(log)))
    assert not log.exists()


def test_an_engine_s_warnings_are_said_once_however_often_it_starts(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    progress = NotedProgress()
    script = {"default": ["ok"], ids[5]: ["die"]}
    generate_pairs(make_job(selected, tmp_path, progress=progress, script=script, warnings=["revision not pinned"]))
    assert progress.warnings.count("revision not pinned") == 1


@pytest.mark.parametrize(
    ("engine", "images"),
    [
        ("{kind: pixels}", 0),
        ("{kind: custom, factory: 'tests.fakes.scripted_engine:create'}", 0),
        ("{kind: vllm}", 8),
        ("{kind: vllm, canaries: {images: 2}}", 2),
        ("{kind: openai, base_urls: ['http://127.0.0.1:8000/v1'], canaries: {images: 0}}", 0),
    ],
)
def test_engines_with_a_model_behind_them_have_canaries(engine: str, images: int, tmp_path: Path) -> None:
    config = parse_config(f"source: {{path: {tmp_path}}}\nteachers: [{{name: {TEACHER}, engine: {engine}}}]", "c.yaml")
    (setup,) = set_up_teachers(config)
    assert setup.canaries.images == images
