"""A model is asked about every item once, goes on where it was, and is scored on what it answered."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from eval.benchmark.storage import Benchmark, open_benchmark
from eval.running import Evaluated, EvaluationOptions, plan_evaluation, run_evaluation
from pipeline.engines.base import EngineInfo
from pipeline.files import held
from pipeline.progress import Silent
from schemas.errors import ConfigError, DatasetError, EngineError, RunDirectoryError
from schemas.scores import ScoreSummary
from tests.eval.running.world import NAME, read_predictions, write_model
from tests.eval.world import make_benchmark, make_item, write_benchmark
from tests.fakes.openai_server import PROVENANCE, FakeServer

ITEMS = 12


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return make_benchmark(tmp_path_factory.mktemp("benchmark"), ITEMS)


def evaluate(benchmark: Benchmark, out: Path, model: Path | str, **options: object) -> Evaluated:
    asked = EvaluationOptions(str(model), workers=1, **options)  # type: ignore[arg-type]  # each test's own
    return run_evaluation(plan_evaluation(benchmark, out, asked, Silent()), Silent())


def asked(log: Path) -> list[str]:
    return [line.split()[1] for line in log.read_text().splitlines()]


def test_every_item_is_asked_once_and_scored(benchmark: Benchmark, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    script = {"default": ["ok"], "n02123045_2": ["no_think", "ok"], "n01440764_0": ["length", "ok"]}
    done = evaluate(benchmark, out, write_model(tmp_path, script, options={"log": str(log)}))
    assert sorted(asked(log)) == [item.key for item in benchmark.items()]
    assert done.summary.statuses == {"no_think": 1, "ok": ITEMS - 2, "truncated": 1}
    assert (done.summary.model, done.summary.tags, done.summary.keys.missing) == (NAME, "think", 0)
    lines = read_predictions(out / "predictions.jsonl")
    assert list(lines) == [item.key for item in benchmark.items()]
    assert (lines["n01440764_0"]["finish_reason"], lines["n02123045_2"]["finish_reason"]) == ("length", "stop")
    assert ScoreSummary.model_validate_json((out / "scores/summary.json").read_bytes()) == done.summary


def test_what_the_engine_refuses_is_missing_and_counted(benchmark: Benchmark, tmp_path: Path) -> None:
    done = evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"], "n02123045_2": ["refuse"]}))
    assert (done.written.answered, done.written.refused) == (ITEMS - 1, 1)
    assert (done.summary.keys.missing, done.summary.keys.missing_examples) == (1, ("n02123045_2",))


def test_a_model_that_is_refused_everything_has_no_scores(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "b", 3)
    with pytest.raises(EngineError, match="the engine refused all of 3 items"):
        evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["refuse"]}))


def test_a_second_run_asks_nothing_and_gives_the_same_bytes(benchmark: Benchmark, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    model = write_model(tmp_path, {"default": ["ok"]}, options={"log": str(log)})
    evaluate(benchmark, out, model)
    before = (out / "scores/summary.json").read_bytes(), (out / "predictions.jsonl").read_bytes()
    evaluate(benchmark, out, model)
    assert ((out / "scores/summary.json").read_bytes(), (out / "predictions.jsonl").read_bytes()) == before
    assert len(asked(log)) == ITEMS


def test_a_limit_takes_a_sample_that_a_later_run_goes_on_from(benchmark: Benchmark, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    model = write_model(tmp_path, {"default": ["ok"]}, options={"log": str(log)})
    first = evaluate(benchmark, out, model, limit=5)
    assert (first.written.answered, first.summary.keys.missing) == (5, ITEMS - 5)
    assert evaluate(benchmark, out, model).summary.keys.missing == 0
    assert sorted(asked(log)) == [item.key for item in benchmark.items()]


def test_pixels_is_called_pixels_whatever_model_it_stands_in_for(benchmark: Benchmark, tmp_path: Path) -> None:
    done = evaluate(benchmark, tmp_path / "out", "vl-rethinker-7b", engine="pixels")
    assert (done.summary.model, done.summary.tags) == ("pixels", "boxed")
    assert done.summary.statuses == {"ok": ITEMS}


def test_a_teacher_is_not_scored_against_itself(benchmark: Benchmark, tmp_path: Path) -> None:
    teacher = benchmark.manifest.teachers[0]
    done = evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"]}, name=teacher))
    assert done.summary.excluded_references == (teacher,)


def test_a_teacher_under_another_name_is_known_by_its_repository(benchmark: Benchmark, tmp_path: Path) -> None:
    writer = benchmark.manifest.references[1]
    done = evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"]}, model=writer.model))
    assert done.summary.excluded_references == (writer.teacher,)
    runs_on = {"kind": "openai", "base_urls": ["http://127.0.0.1:1/v1"], "model": writer.model}
    options = EvaluationOptions(str(write_model(tmp_path, runs_on=runs_on)))
    assert plan_evaluation(benchmark, tmp_path / "other", options, Silent()).excluded == (writer.teacher,)


def test_a_model_that_wrote_all_references_is_told_before_it_is_asked(benchmark: Benchmark, tmp_path: Path) -> None:
    writer, other = benchmark.manifest.references
    twins = benchmark.manifest.model_copy(update={"references": (writer, other.model_copy(update={"model": "lab/a"}))})
    log = tmp_path / "log"
    model = write_model(tmp_path, {"default": ["ok"]}, name=writer.teacher, model="lab/a", options={"log": str(log)})
    with pytest.raises(ConfigError, match="wrote all references"):
        evaluate(Benchmark(benchmark.root, twins.signed()), tmp_path / "out", model)
    assert not log.exists()


@pytest.mark.parametrize("path", ["tfidf.parquet", "baselines/pixels.jsonl", "data/test-00000-of-00001.parquet"])
def test_what_scoring_would_refuse_is_met_before_anything_is_asked(path: str, tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "b", 3)
    (benchmark.root / path).unlink()
    with pytest.raises(DatasetError, match=f"{path}: missing or damaged"):
        plan_evaluation(benchmark, tmp_path / "out", EvaluationOptions(str(write_model(tmp_path, {}))), Silent())


def test_a_model_behind_a_server_gets_its_system_message_and_the_picture(benchmark: Benchmark, tmp_path: Path) -> None:
    with FakeServer("ok", model="lab/my-model", provenance={**PROVENANCE, "model": "lab/my-model"}) as server:
        runs_on = {"kind": "openai", "base_urls": [server.url], "canaries": {"images": 0}}
        model = write_model(tmp_path, system="Think first.", runs_on=runs_on)
        done = evaluate(benchmark, tmp_path / "out", model, servers=(server.url,))
    assert done.summary.statuses == {"ok": ITEMS}
    told, question = server.asked[0].body["messages"]
    assert told == {"role": "system", "content": "Think first."}
    assert [part["type"] for part in question["content"]] == ["image_url", "text"]
    assert question["content"][1]["text"] == "Describe this image."
    assert {request.body["temperature"] for request in server.asked} == {0.5}


def test_a_family_without_an_opening_marker_is_no_trouble_to_servers(benchmark: Benchmark, tmp_path: Path) -> None:
    boxed = {"content": "It has stripes, so \\boxed{a tiger}"}
    with FakeServer(boxed, model="lab/my-model", provenance={**PROVENANCE, "model": "lab/my-model"}) as server:
        runs_on = {"kind": "openai", "base_urls": [server.url], "canaries": {"images": 0}}
        done = evaluate(benchmark, tmp_path / "out", write_model(tmp_path, grammar="boxed", runs_on=runs_on))
    assert done.summary.statuses == {"ok": ITEMS}


def test_a_system_message_is_part_of_the_way_of_generating_and_none_is_what_builds_have(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    def fingerprint(system: str | None) -> str:
        model = write_model(tmp_path, {"default": ["ok"]}, system=system)
        setup = plan_evaluation(benchmark, tmp_path / "out", EvaluationOptions(str(model)), Silent()).setup
        identity = setup.identify(EngineInfo("e", "m", "1", "none"))
        if system is None:
            assert identity.prompt_sha256 == benchmark.manifest.prompt.sha256
        return identity.fingerprint

    assert len({fingerprint(None), fingerprint("Think."), fingerprint("Think first.")}) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"system": "Think."}, "system was None and is 'Think.'"),
        ({"grammar": "reasoning"}, "grammar was 'think' and is 'reasoning'"),
        ({"revision": "main"}, "revision was None and is 'main'"),
    ],
)
def test_a_folder_is_one_model_s(benchmark: Benchmark, change: dict[str, str], said: str, tmp_path: Path) -> None:
    evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"]}))
    with pytest.raises(RunDirectoryError, match=said):
        evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"]}, **change))


def test_a_folder_is_one_benchmark_s(benchmark: Benchmark, tmp_path: Path) -> None:
    model = write_model(tmp_path, {"default": ["ok"]})
    evaluate(benchmark, tmp_path / "out", model)
    with pytest.raises(RunDirectoryError, match="benchmark_sha256 was"):
        evaluate(make_benchmark(tmp_path / "other", 3), tmp_path / "out", model)


def test_the_kind_of_engine_that_runs_a_model_may_change_but_pixels_is_no_model(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    evaluate(benchmark, tmp_path / "out", "visionthink", engine="pixels")
    url = "http://127.0.0.1:1/v1"
    with pytest.raises(RunDirectoryError, match="engine was 'pixels' and is 'model'"):
        evaluate(benchmark, tmp_path / "out", "visionthink", servers=(url,))


def test_two_processes_do_not_work_in_one_folder(benchmark: Benchmark, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with held(out / ".lock", ConfigError), pytest.raises(ConfigError, match="is at work in it"):
        evaluate(benchmark, out, write_model(tmp_path, {"default": ["ok"]}))


def test_a_folder_with_other_files_is_left_alone(benchmark: Benchmark, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match="holds other files"):
        evaluate(benchmark, out, write_model(tmp_path, {"default": ["ok"]}))


def test_other_files_among_the_scores_are_met_before_anything_is_asked(benchmark: Benchmark, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    model = write_model(tmp_path, {"default": ["ok"]}, options={"log": str(log)})
    evaluate(benchmark, out, model, limit=2)
    (out / "scores/notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds something else, notes\.txt"):
        evaluate(benchmark, out, model)
    assert len(asked(log)) == 2


def test_a_benchmark_without_photographs_asks_nobody(tmp_path: Path) -> None:
    benchmark = write_benchmark(tmp_path / "b", [make_item(number, picture=False) for number in range(3)])
    with pytest.raises(DatasetError, match="holds no photographs"):
        evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"]}))
    assert not (tmp_path / "out").exists()


def test_a_limit_of_nothing_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--limit 0"):
        evaluate(benchmark, tmp_path / "out", write_model(tmp_path, {"default": ["ok"]}), limit=0)


def test_planning_writes_nothing(benchmark: Benchmark, tmp_path: Path) -> None:
    options = EvaluationOptions(str(write_model(tmp_path, {"default": ["ok"]})))
    plan = plan_evaluation(open_benchmark(benchmark.root), tmp_path / "out", options, Silent())
    assert plan.job(Silent()).count_pending() == ITEMS
    assert not (tmp_path / "out").exists()
    assert dataclasses.replace(plan, images=plan.images[:2]).job(Silent()).count_pending() == 2
