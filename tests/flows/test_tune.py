"""Tuning says beforehand what it will do, and at the end what to write into the configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.tune import TuneOptions, tune
from pipeline import stages
from pipeline.progress import Silent
from schemas.errors import ConfigError, EngineError, RunDirectoryError
from schemas.loading import load_config
from tests.collections import make_collection
from tests.fakes.openai_server import FakeServer

TEACHERS = ["glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"]
PIXELS: dict[str, object] = {"kind": "pixels"}
FAKE = "tests.fakes.{}_engine:create"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("source"), "tree", ["n01440764", "n02123045"], 6)


def write_config(source: Path, folder: Path, *engines: dict[str, object], **generation: object) -> Path:
    path = folder / "build.yaml"
    config = {
        "source": {"path": str(source)},
        "screening": {"workers": 1},
        "generation": {"prepare_workers": 1, **generation},
        "teachers": [{"name": name, "engine": engine} for name, engine in zip(TEACHERS, engines, strict=False)],
    }
    path.write_text(json.dumps(config))
    return path


def fake(name: str, **options: object) -> dict[str, object]:
    return {"kind": "custom", "factory": FAKE.format(name), "options": options}


def select(path: Path) -> None:
    """Make the run directory, as far as tuning needs it."""
    build = stages.open_build(load_config(path), path.parent / "run")
    stages.index(build)
    stages.select(build)


@pytest.fixture(scope="module")
def selected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a run directory in which both teachers' engine is the embedded one."""
    path = write_config(source, tmp_path_factory.mktemp("selected"), PIXELS, PIXELS)
    select(path)
    return path


def run(path: Path, **options: object) -> None:
    defaults: dict[str, object] = {"concurrency": "2,4"}
    tune(load_config(path), path.parent / "run", TuneOptions(**(defaults | options)), Silent())  # type: ignore[arg-type]  # a test's


def test_the_plan_the_points_the_setting_and_the_projection_are_printed(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(source, tmp_path, fake("scripted", delay=0.02))
    select(path)
    run(path)
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{TEACHERS[0]} on custom: 2 points, 1 engine start(s), 12 images each: 24 requests")
    said = "\n".join(rest)
    assert "note: the selection holds 12 images, not 64: all of them are used" in said
    assert "engine started in 0.0 s" in said
    assert [line.split()[0] for line in rest if line.endswith("100.0%")] == ["2", "4"]
    assert "generation:\n  max_concurrency: 4\n" in said
    assert "All 12 images: " in said
    assert "Left out: starting the engine" in said
    assert "GPU hours" not in said


def test_every_teacher_is_tuned_unless_one_is_named(selected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(selected, as_json=True)
    assert [report["teacher"] for report in json.loads(capsys.readouterr().out)] == TEACHERS
    run(selected, as_json=True, teacher=TEACHERS[1])
    assert [report["teacher"] for report in json.loads(capsys.readouterr().out)] == [TEACHERS[1]]


def test_the_json_document_holds_all_that_was_measured(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(source, tmp_path, fake("scripted", delay=0.02))
    select(path)
    run(path, as_json=True)
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["engine"], report["images"], len(report["starts"]), report["failures"]) == ("custom", 12, 1, [])
    assert [point["concurrency"] for point in report["points"]] == [2, 4]
    assert report["best"] in report["points"]
    assert report["settings"] == {"generation": {"max_concurrency": report["best"]["concurrency"]}}
    hours = report["projection"]["hours"]
    assert hours["low"] <= hours["estimate"] <= hours["high"]
    assert report["projection"]["images"] == 12


def test_another_kind_of_engine_can_be_tuned_and_the_configured_one_is_never_started(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(source, tmp_path, fake("crowded", places=0))
    select(path)
    run(path, engine="pixels")
    assert f"{TEACHERS[0]} on pixels" in capsys.readouterr().out


def test_servers_are_tuned_by_the_requests_that_each_of_them_gets(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer("slow/0.02") as first, FakeServer("slow/0.02") as second:
        path = write_config(source, tmp_path, {"kind": "openai", "base_urls": [first.url, second.url]})
        select(path)
        run(path, concurrency="4")
        assert max(first.most_in_flight, second.most_in_flight) <= 2
    said = capsys.readouterr().out
    assert "    kind: openai\n    requests_per_server: 2\n" in said
    assert "GPU hours times each server's GPUs" in said


def test_when_no_pair_is_accepted_the_choice_says_what_it_goes_by(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(source, tmp_path, fake("scripted", delay=0.01, script={"default": ["no_think"]}))
    select(path)
    run(path)
    assert "note: not one pair was accepted, so the choice below goes by tokens/s alone" in capsys.readouterr().out


def test_a_setting_that_cannot_be_measured_is_said_and_the_others_stand(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(source, tmp_path, fake("crowded", places=3))
    select(path)
    run(path)
    said = capsys.readouterr().out
    assert "concurrency 4 and above: " in said
    assert "  max_concurrency: 2\n" in said


def test_when_nothing_can_be_measured_the_reason_is_the_error(source: Path, tmp_path: Path) -> None:
    path = write_config(source, tmp_path, fake("crowded", places=0))
    select(path)
    with pytest.raises(EngineError, match="no setting could be measured: no room for the KV cache"):
        run(path)


def test_without_a_selection_the_stage_to_run_is_named_and_nothing_is_made(source: Path, tmp_path: Path) -> None:
    path = write_config(source, tmp_path, PIXELS)
    with pytest.raises(RunDirectoryError, match="run imagenet-think select first"):
        run(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"concurrency": ""}, "--concurrency: empty"),
        ({"concurrency": "0"}, "--concurrency: 0 was given"),
        ({"concurrency": "32,many"}, "--concurrency: '32,many' was given"),
        ({"max_num_batched_tokens": "4096"}, "not a setting of engine pixels"),
        ({"images": 0}, "--images 0"),
        ({"teacher": "gpt"}, "--teacher gpt: not in the configuration; name one of glm-4.1v-9b-thinking"),
        ({"engine": "sglang"}, "--engine sglang: there is no such kind"),
        ({"engine": "openai"}, "--engine openai: needs base_urls"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(
    options: dict[str, object], said: str, selected: Path
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        run(selected, **options)
    assert "\n" not in str(caught.value)
