"""The generation stage with a scripted engine: every image settled, every attempt written down, nothing asked twice."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.generation import GenerationJob, generate_pairs, read_results, set_up_teachers
from pipeline.generation.ledger import LedgerReader
from pipeline.generation.retries import LADDER
from pipeline.progress import Silent
from pipeline.selection import SELECTION_FILE, select_images
from pipeline.sources import build_index, open_source, read_index
from pipeline.tables import read_rows
from pipeline.taxonomy import load_taxonomy
from prompts import read_prompt
from schemas.completion import Completion, PairStatus, Rung
from schemas.config import BuildConfig
from schemas.errors import EngineError, RunDirectoryError, SourceError
from schemas.identity import request_seed
from schemas.image import SelectedImage
from schemas.loading import parse_config
from tests.fakes import scripted_engine
from tests.pipeline.sources.synthetic import make_collection

TEACHER = "glm-4.1v-9b-thinking"


def configure(
    source: Path, generation: str = "{}", prompt: str = "describe-step-by-step", **options: object
) -> BuildConfig:
    return parse_config(
        f"""
        source: {{path: {source}}}
        seed: 5
        screening: {{workers: 1}}
        prompt: {prompt}
        generation: {generation}
        teachers:
          - name: {TEACHER}
            engine: {{kind: custom, factory: "tests.fakes.scripted_engine:create", options: {json.dumps(options)}}}
        """,
        "c.yaml",
    )


@pytest.fixture(autouse=True)
def _forget_deaths() -> None:
    scripted_engine.DEATHS.clear()


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a collection in ``source`` and the selection of all its 12 images."""
    root = tmp_path_factory.mktemp("selected")
    config = configure(make_collection(root / "source", "tree", ["n01440764", "n02123045"], 6))
    source = open_source(config.source)
    build_index(source, root, Silent())
    select_images(read_index(root), source, config, load_taxonomy(), root, Silent())
    return root


@pytest.fixture(scope="module")
def ids(selected: Path) -> list[str]:
    return [row.ref.image_id for row in read_rows(selected / SELECTION_FILE, SelectedImage)]


def make_job(selected: Path, ledger: Path, config: BuildConfig | None = None, **options: object) -> GenerationJob:
    config = config or configure(selected / "source", **options)  # type: ignore[arg-type]  # the engine's
    (setup,) = set_up_teachers(config)
    source = open_source(config.source)
    return GenerationJob(setup, config, selected / SELECTION_FILE, ledger, source, load_taxonomy(), Silent())


def rows(ledger: Path) -> list[Completion]:
    return [row for path in ledger.glob("*/*/") for row in LedgerReader(path).rows()]


def attempts(ledger: Path, image_id: str) -> list[tuple[int, Rung, PairStatus]]:
    return sorted((row.attempt, row.rung, row.status) for row in rows(ledger) if row.image_id == image_id)


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


def test_unavailability_costs_no_attempt(selected: Path, ids: list[str], tmp_path: Path) -> None:
    report = generate_pairs(make_job(selected, tmp_path, script={ids[2]: ["unavailable*1"], "default": ["ok"]}))
    assert report is not None
    assert report.statuses == {"ok": 12}
    assert attempts(tmp_path, ids[2]) == [(1, Rung.AS_IS, PairStatus.OK)]


def test_a_dead_engine_is_started_again_and_what_was_in_flight_is_asked_again(
    selected: Path, ids: list[str], tmp_path: Path
) -> None:
    report = generate_pairs(make_job(selected, tmp_path, script={ids[4]: ["die"], "default": ["ok"]}))
    assert report is not None
    assert (report.statuses, report.restarts) == ({"ok": 12}, 1)
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
