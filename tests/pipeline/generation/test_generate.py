"""The generation stage with a scripted engine: every image settled, every attempt written down, nothing asked twice."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from pipeline.engines import EngineReply, EngineRequest
from pipeline.generation import generate_pairs, read_results
from pipeline.generation.retries import LADDER
from prompts import read_prompt
from schemas.completion import PairStatus, Rung
from schemas.errors import EngineError, RequestRefusedError, RunDirectoryError, SourceError
from schemas.identity import request_seed
from tests.fakes import scripted_engine
from tests.fakes.noted_progress import NotedProgress
from tests.fakes.scripted_engine import ScriptedEngine
from tests.pipeline.generation.world import TEACHER, attempts, configure, make_job, rows


def test_every_selected_image_is_asked_once_when_all_goes_well(selected: Path, ids: list[str], tmp_path: Path) -> None:
    report = generate_pairs(make_job(selected, tmp_path))
    assert report is not None
    assert report.statuses == {"ok": 12}
    assert Counter(row.image_id for row in rows(tmp_path)) == Counter(ids)


def test_a_second_run_asks_nothing_and_starts_no_engine(selected: Path, tmp_path: Path) -> None:
    generate_pairs(make_job(selected, tmp_path))
    broken = configure(selected / "source")
    engine = broken.teachers[0].engine.model_copy(update={"factory": "tests.fakes.no_such_module:create"})
    broken = broken.model_copy(update={"teachers": (broken.teachers[0].model_copy(update={"engine": engine}),)})
    assert generate_pairs(make_job(selected, tmp_path, broken)) is None


def test_a_row_says_how_to_ask_again(selected: Path, tmp_path: Path) -> None:
    generate_pairs(make_job(selected, tmp_path))
    row = rows(tmp_path)[0]
    assert row.seed == request_seed(5, row.image_id, TEACHER, 1)
    assert (row.engine, row.model, row.revision, row.versions) == ("scripted", "tests/scripted", "1", {"scripted": "1"})
    assert (row.thinking_tokens, row.answer_tokens, row.completion_tokens) == (16, 14, 29)
    assert row.fingerprint in str(next(tmp_path.glob("*/*/*.parquet")))


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("no_think", PairStatus.NO_THINK),
        ("unclosed_think", PairStatus.UNCLOSED_THINK),
        ("empty_answer", PairStatus.EMPTY_ANSWER),
        ("chinese", PairStatus.WRONG_LANGUAGE),
        ("loop", PairStatus.REPETITION),
        ("length", PairStatus.TRUNCATED),
        ("repetition", PairStatus.REPETITION),
        ("abort", PairStatus.TRUNCATED),
    ],
)
def test_a_malformed_text_climbs_the_ladder_until_it_is_good(
    reply: str, status: PairStatus, selected: Path, ids: list[str], tmp_path: Path
) -> None:
    generate_pairs(make_job(selected, tmp_path, script={ids[3]: [reply, reply, "ok"], "default": ["ok"]}))
    assert attempts(tmp_path, ids[3]) == [
        (1, Rung.AS_IS, status),
        (2, Rung.NEW_SEED, status),
        (3, Rung.REPETITION_PENALTY, PairStatus.OK),
    ]


def test_an_image_that_never_gives_a_good_text_is_given_up_after_the_last_rung(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    job = make_job(selected, tmp_path, script={ids[0]: ["no_think"], "default": ["ok"]})
    generate_pairs(job)
    assert [rung for _, rung, _ in attempts(tmp_path, ids[0])] == list(LADDER)
    results = read_results(job.setup, tmp_path)
    assert results is not None
    assert list(results.failures()) == [ids[0]]
    assert generate_pairs(job) is None


def test_no_more_attempts_are_made_than_configured(selected: Path, ids: list[str], tmp_path: Path) -> None:
    config = configure(selected / "source", "{max_attempts: 2}", script={"default": ["no_think"]})
    generate_pairs(make_job(selected, tmp_path, config))
    assert len(rows(tmp_path)) == 2 * len(ids)


def test_a_refused_request_fails_alone_with_its_reason(selected: Path, ids: list[str], tmp_path: Path) -> None:
    generate_pairs(make_job(selected, tmp_path, script={ids[5]: ["refuse"], "default": ["ok"]}))
    (row,) = [row for row in rows(tmp_path) if row.status is not PairStatus.OK]
    assert (row.image_id, row.status) == (ids[5], PairStatus.REFUSED)
    assert row.error == f"{ids[5]}: the prompt is longer than the context"


def test_an_engine_that_refuses_everything_stops_the_run_and_settles_no_image(
    selected: Path, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.generation.generate.FEWEST_REFUSALS", 6)
    answered, refused = {ids[0]: ["ok"], "default": ["refuse"]}, {"default": ["refuse"]}
    for script in (answered, refused):
        with pytest.raises(EngineError, match=r"refused 6 requests and answered none .* longer than the context"):
            generate_pairs(make_job(selected, tmp_path, script=script, concurrency=1))
        assert {row.image_id for row in rows(tmp_path)} == {ids[0]}
    generate_pairs(make_job(selected, tmp_path))
    assert [row.status for row in rows(tmp_path)] == [PairStatus.OK] * len(ids)


def test_refusals_count_once_something_was_answered_or_all_was_asked(
    selected: Path, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.generation.generate.FEWEST_REFUSALS", 6)
    script = {"default": ["refuse"], ids[4]: ["ok"], ids[8]: ["ok"]}
    generate_pairs(make_job(selected, tmp_path, script=script, concurrency=1))
    assert len(rows(tmp_path)) == len(ids)


def test_unavailability_costs_no_attempt(selected: Path, ids: list[str], tmp_path: Path) -> None:
    report = generate_pairs(make_job(selected, tmp_path, script={ids[2]: ["unavailable*1"], "default": ["ok"]}))
    assert report is not None
    assert report.statuses == {"ok": 12}
    assert attempts(tmp_path, ids[2]) == [(1, Rung.AS_IS, PairStatus.OK)]


def test_a_dead_engine_is_started_again_and_what_was_in_flight_is_asked_again(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    progress = NotedProgress()
    script = {ids[4]: ["die"], "default": ["ok"]}
    report = generate_pairs(make_job(selected, tmp_path, progress=progress, script=script))
    assert report is not None
    assert (report.statuses, report.restarts) == ({"ok": 12}, 1)
    (warning,) = progress.warnings
    assert warning.endswith(f"the scripted engine died of {ids[4]}")
    assert {row.attempt for row in rows(tmp_path)} == {1}


def test_an_engine_that_keeps_dying_stops_the_run_and_keeps_what_is_done(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    script = {ids[10]: ["die"], "default": ["ok"]}
    config = configure(selected / "source", "{engine_restarts: 0, max_concurrency: 1}", script=script)
    with pytest.raises(EngineError, match="died again after 0 restart"):
        generate_pairs(make_job(selected, tmp_path, config))
    assert {row.image_id for row in rows(tmp_path)} == set(ids[:10])


def test_texts_do_not_depend_on_concurrency_or_timing(selected: Path, tmp_path: Path) -> None:
    texts = []
    for number, size in enumerate((1, 3, 12)):
        config = configure(selected / "source", f"{{max_concurrency: {size}}}", jitter=0.01)
        generate_pairs(make_job(selected, tmp_path / str(number), config))
        texts.append({row.image_id: row.raw for row in rows(tmp_path / str(number))})
    assert texts[0] == texts[1] == texts[2]


def test_an_engine_that_is_another_one_may_not_go_on_with_the_ledger(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    generate_pairs(make_job(selected, tmp_path, script={ids[0]: ["length"], "default": ["ok"]}))
    for part in tmp_path.glob("*/*/*.parquet"):
        part.unlink()
    with pytest.raises(RunDirectoryError, match="model was 'tests/scripted' and is 'tests/another'"):
        generate_pairs(make_job(selected, tmp_path, model="tests/another"))


def test_a_picture_that_changed_since_it_was_screened_stops_the_run_with_its_name(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    path = selected / "source" / ids[1][:9] / f"{ids[1]}.JPEG"
    original = path.read_bytes()
    path.write_bytes(original + b"\0")
    try:
        with pytest.raises(SourceError, match=ids[1]):
            generate_pairs(make_job(selected, tmp_path))
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize(("prompt", "shown"), [("describe-step-by-step", False), ("describe-with-label", True)])
def test_the_label_reaches_a_teacher_only_through_a_prompt_that_says_so(
    prompt: str,
    shown: bool,
    selected: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wordings: list[str] = []
    complete = scripted_engine.ScriptedEngine.complete

    async def listen(self: scripted_engine.ScriptedEngine, request: object) -> object:
        wordings.append(request.prompt)  # type: ignore[attr-defined]
        return await complete(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(scripted_engine.ScriptedEngine, "complete", listen)
    generate_pairs(make_job(selected, tmp_path, configure(selected / "source", prompt=prompt)))
    assert any("tench" in wording for wording in wordings) is shown


def test_a_ledger_written_under_other_words_is_not_read_as_these(selected: Path, tmp_path: Path) -> None:
    job = make_job(selected, tmp_path)
    generate_pairs(job)
    reworded = dataclasses.replace(job.setup, prompt=read_prompt("other", b"language: en\ntext: Say something else."))
    with pytest.raises(RunDirectoryError, match=r"another way of generating \(prompt_sha256 was"):
        read_results(reworded, tmp_path)


def test_raising_max_tokens_asks_what_was_cut_off_and_nothing_that_was_finished(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    script = {"default": ["ok"], ids[1]: ["blind"], ids[2]: ["repetition"], ids[3]: ["no_think"]}
    short, long = (
        configure(selected / "source", sampling=f"{{max_tokens: {limit}}}", script=script) for limit in (20, 100)
    )
    generate_pairs(make_job(selected, tmp_path, short))
    first = {row.image_id: row.raw for row in rows(tmp_path) if row.status is PairStatus.OK}
    assert list(first) == [ids[1]]
    cut_off = {row.image_id for row in rows(tmp_path) if row.status is PairStatus.TRUNCATED}
    assert cut_off == {ids[0], *ids[4:]}

    report = generate_pairs(make_job(selected, tmp_path, long))
    assert report is not None
    assert report.statuses == {"ok": len(cut_off)}
    again = [row for row in rows(tmp_path) if row.max_tokens == 100]
    assert {row.image_id for row in again} == cut_off
    assert {(row.attempt, row.rung) for row in again} == {(5, Rung.AS_IS)}
    assert generate_pairs(make_job(selected, tmp_path, long)) is None
    assert generate_pairs(make_job(selected, tmp_path, short)) is None


def create_and_count(teacher: object, render: object, ledger: str, **options: object) -> ScriptedEngine:
    """An engine that looks, as it starts, at how many rows are on disk."""
    ON_DISK.append(len(rows(Path(ledger))))
    return ScriptedEngine(teacher, render, **options)  # type: ignore[arg-type]  # what the configuration says


ON_DISK: list[int] = []


def test_what_is_done_is_on_disk_before_another_engine_is_started(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    ON_DISK.clear()
    config = configure(
        selected / "source",
        "{max_concurrency: 1, part_seconds: 3600}",
        factory=f"{__name__}:create_and_count",
        ledger=str(tmp_path),
        script={ids[7]: ["die"], "default": ["ok"]},
    )
    generate_pairs(make_job(selected, tmp_path, config))
    assert ON_DISK == [0, 7]
    assert Counter(row.image_id for row in rows(tmp_path)) == Counter(ids)


class Unspeakable(ScriptedEngine):
    """Refuses and stops with words that UTF-8 cannot hold."""

    async def complete(self, request: EngineRequest) -> EngineReply:
        if request.request_id.startswith("n02"):
            raise RequestRefusedError("half a pair: \ud83d")
        return dataclasses.replace(await super().complete(request), stop_reason="half a pair: \ud83d")


def test_words_that_utf8_cannot_hold_cost_no_part_of_the_ledger(selected: Path, ids: list[str], tmp_path: Path) -> None:
    generate_pairs(make_job(selected, tmp_path, configure(selected / "source", factory=f"{__name__}:Unspeakable")))
    written = rows(tmp_path)
    assert {row.image_id for row in written} == set(ids)
    assert {row.error or row.stop_reason for row in written} == {r"half a pair: \ud83d"}


def test_the_start_of_an_engine_is_told_before_its_work(selected: Path, tmp_path: Path) -> None:
    progress = NotedProgress()
    generate_pairs(make_job(selected, tmp_path, progress=progress))
    assert [(task.name, task.total, task.done) for task in progress.tasks] == [
        (f"start {TEACHER}", 1, 1),
        (f"generate {TEACHER}", 12, 12),
    ]
