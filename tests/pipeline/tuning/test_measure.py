"""Each point asks what the build would ask, and leaves the build alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline import stages
from pipeline.stages import Build, open_build
from pipeline.tuning import Failure, Point, Ranges, Start, plan_tuning, tune_teacher
from schemas.loading import load_config
from tests.collections import make_collection
from tests.fakes import scripted_engine

CLASSES = ["n01440764", "n02123045"]
IMAGES = 12


@pytest.fixture(autouse=True)
def _forget_deaths() -> None:
    scripted_engine.DEATHS.clear()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("source"), "tree", CLASSES, IMAGES // 2)


def select(source: Path, folder: Path, fake: str = "scripted_engine", **options: object) -> Build:
    """A run directory in which images were selected; its engine does what ``options`` say."""
    engine = {"kind": "custom", "factory": f"tests.fakes.{fake}:create", "options": options}
    config = {
        "source": {"path": str(source)},
        "screening": {"workers": 1},
        "generation": {"prepare_workers": 1},
        "teachers": [{"name": "glm-4.1v-9b-thinking", "engine": engine}],
    }
    path = folder / "build.yaml"
    path.write_text(json.dumps(config))
    build = open_build(load_config(path), folder / "run")
    stages.index(build)
    stages.select(build)
    return build


def measure(build: Build, concurrencies: list[int], kind: str | None = None) -> list[Start | Point | Failure]:
    (setup,) = build.teachers
    plan = plan_tuning(setup, Ranges(concurrencies), IMAGES, kind)
    return list(tune_teacher(plan, build.job(setup)))


def points(findings: list[Start | Point | Failure]) -> list[Point]:
    return [finding for finding in findings if isinstance(finding, Point)]


def asked(log: Path) -> Counter[str]:
    """How often each image and attempt was asked, the warm-up included."""
    return Counter(line.partition(" ")[2] for line in log.read_text().splitlines())


def test_every_setting_is_measured_on_one_start_of_the_engine(source: Path, tmp_path: Path) -> None:
    start, *rest = measure(select(source, tmp_path, delay=0.01), [1, 3, 6])
    assert isinstance(start, Start)
    assert [(point.concurrency, point.images, point.accepted) for point in points(rest)] == [
        (1, IMAGES, IMAGES),
        (3, IMAGES, IMAGES),
        (6, IMAGES, IMAGES),
    ]


def test_more_at_once_is_measured_as_faster_where_it_is(source: Path, tmp_path: Path) -> None:
    one, four = points(measure(select(source, tmp_path, delay=0.05), [1, 4]))
    assert four.tokens_per_second > 2 * one.tokens_per_second
    assert four.pairs_per_second > 2 * one.pairs_per_second


def test_each_point_asks_the_same_images_with_the_same_seeds(source: Path, tmp_path: Path) -> None:
    log = tmp_path / "asked.log"
    first, second = points(measure(select(source, tmp_path, log=str(log)), [1, 2]))
    # the scripted texts name the seed: the same lengths mean the same seeds
    assert (first.mean_tokens, first.tokens_deviation) == (second.mean_tokens, second.tokens_deviation)
    times = asked(log)
    assert len(times) == IMAGES
    assert sorted(times.values()) == [2] * (IMAGES - 1) + [3]  # one picture warms the engine up


def test_images_climb_the_ladder_as_in_the_build(source: Path, tmp_path: Path) -> None:
    script = {"n01440764_1": ["no_think", "loop", "ok"], "n01440764_2": ["no_think"], "n01440764_3": ["refuse"]}
    (point,) = points(measure(select(source, tmp_path, script={**script, "default": ["ok"]}, delay=0.01), [2]))
    assert (point.images, point.attempts, point.accepted) == (IMAGES, (IMAGES - 3) + 3 + 4 + 1, IMAGES - 2)
    assert point.tokens_deviation > 0
    assert point.pairs_per_second == pytest.approx(point.images_per_second * (IMAGES - 2) / IMAGES)


def test_the_run_directory_is_only_read(source: Path, tmp_path: Path) -> None:
    build = select(source, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in build.run.path.rglob("*")}
    measure(build, [2])
    assert {path: path.stat().st_mtime_ns for path in build.run.path.rglob("*")} == before


def test_a_window_that_kills_the_engine_is_reported_and_the_smaller_ones_stand(source: Path, tmp_path: Path) -> None:
    start, two, failure = measure(select(source, tmp_path, "crowded_engine", places=4), [2, 5, 6])
    assert (type(start), type(two)) == (Start, Point)
    assert isinstance(failure, Failure)
    assert failure.concurrency == 5
    assert "out of memory" in failure.reason


def test_an_engine_that_does_not_start_is_reported_as_such(source: Path, tmp_path: Path) -> None:
    (failure,) = measure(select(source, tmp_path, "crowded_engine", places=0), [2])
    assert failure == Failure(
        max_num_batched_tokens=None, concurrency=None, reason="no room for the KV cache; lower engine.max_model_len"
    )


def test_the_embedded_engine_can_be_tuned_in_place_of_the_configured_one(source: Path, tmp_path: Path) -> None:
    log = tmp_path / "asked.log"
    start, point = measure(select(source, tmp_path, log=str(log)), [4], kind="pixels")
    assert isinstance(start, Start)
    assert isinstance(point, Point)
    assert point.accepted == IMAGES
    assert not log.exists()
