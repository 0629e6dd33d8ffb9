"""A build is a function of its configuration: not of its directory, its workers, or how often it was killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import stages
from pipeline.generation.ledger import LedgerReader
from schemas.config import BuildConfig, SourceConfig
from schemas.errors import DatasetError, RunDirectoryError
from schemas.loading import load_config
from schemas.rejection import Stage
from tests.collections import make_collection
from tests.fakes.noted_progress import NotedProgress

CLASSES = ["n01440764", "n02123045", "n07920052", "n04099429"]
TEACHERS = ["glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"]

BUILD = """
import sys
from pathlib import Path
from pipeline import stages
from schemas.loading import load_config

if __name__ == "__main__":
    build = stages.open_build(load_config(Path(sys.argv[1])), Path(sys.argv[2]))
    stages.index(build)
    stages.select(build)
    for setup in build.teachers:
        stages.generate(build, setup.name)
    stages.pack_dataset(build)
"""
"""What the build flow does, without an orchestrator."""


def write_config(folder: Path, workers: int = 1, **options: object) -> Path:
    """A build of 32 images, a few of which need several attempts, are refused, or never succeed."""
    if not (folder / "images").exists():
        make_collection(folder / "images", "tar_of_tars", CLASSES, 8)
    script = {
        "default": ["ok"],
        "n01440764_1": ["no_think", "loop", "ok"],
        "n01440764_3": ["refuse"],
        "n02123045_4": ["length"],
        "n07920052_5": ["unavailable*1"],
    }
    engine = {
        "kind": "custom",
        "factory": "tests.fakes.scripted_engine:create",
        "options": {"script": script, "log": str(folder / "asked.log"), **options},
    }
    path = folder / "build.yaml"
    path.write_text(
        json.dumps(
            {
                "source": {"path": "images/collection.tar"},
                "screening": {"workers": workers},
                "selection": {"images": 28, "holdout": {"synset_share": 0.3, "image_share": 0.1}},
                "generation": {"max_concurrency": 3, "part_seconds": 0.1, "part_rows": 4, "prepare_workers": workers},
                "packing": {"images_per_shard": 5, "workers": workers},
                "teachers": [{"name": name, "engine": engine} for name in TEACHERS],
            }
        )
    )
    return path


def build_all(config: BuildConfig, run_dir: Path) -> str:
    build = stages.open_build(config, run_dir)
    stages.index(build)
    stages.select(build)
    for setup in build.teachers:
        stages.generate(build, setup.name)
    stages.pack_dataset(build)
    return (run_dir / "dataset" / "SHA256SUMS").read_text()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``SHA256SUMS`` of a build that ran through, in one process, with one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return build_all(load_config(write_config(folder)), folder / "run")


def test_another_directory_and_other_workers_give_the_same_bytes(tmp_path: Path, undisturbed: str) -> None:
    assert build_all(load_config(write_config(tmp_path, workers=2)), tmp_path / "elsewhere" / "run") == undisturbed


def test_another_seed_gives_other_bytes(tmp_path: Path, undisturbed: str) -> None:
    config = load_config(write_config(tmp_path)).model_copy(update={"seed": 1})
    assert build_all(config, tmp_path / "run") != undisturbed


def landed(run_dir: Path) -> set[str]:
    """Requests whose rows are in the ledger, as the scripted engine writes them down."""
    return {
        f"{row.teacher} {row.image_id} {row.attempt}"
        for directory in run_dir.glob("ledger/*/*/")
        for row in LedgerReader(directory).rows()
    }


def run_and_kill(config: Path, run_dir: Path, after: float) -> bool:
    """Start a build and kill it ``after`` seconds, itself and its workers; whether it was still at work."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, str(config), str(run_dir)],
        env=environment,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as build:
        try:
            build.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(build.pid, signal.SIGKILL)
            return True
        assert build.stderr is not None
        assert build.returncode == 0, build.stderr.read().decode()
    return False


def kill_and_go_on(folder: Path, chances: random.Random, kills: int) -> str:
    """A build that is killed at random moments, and then let to its end; nothing that landed is asked again."""
    config, run_dir, log = write_config(folder, delay=0.15), folder / "run", folder / "asked.log"
    was_killed_once = False
    for _ in range(kills):
        already, asked_before = landed(run_dir), log.read_text().splitlines() if log.exists() else []
        was_killed = run_and_kill(config, run_dir, chances.uniform(0.5, 3.0))
        asked = (log.read_text().splitlines() if log.exists() else [])[len(asked_before) :]
        assert not already & set(asked), "a request whose row had landed was asked again"
        if not was_killed:
            break
        was_killed_once = True
    assert was_killed_once, "every start ran to its end: the moments are chosen too late"
    assert not run_and_kill(config, run_dir, 120.0)
    return (run_dir / "dataset" / "SHA256SUMS").read_text()


@pytest.mark.slow
def test_a_build_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path, undisturbed: str) -> None:
    assert kill_and_go_on(tmp_path, random.Random(0), kills=3) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
def test_a_build_killed_many_times_at_random_points_goes_on_to_the_same_bytes(
    seed: int, tmp_path: Path, undisturbed: str
) -> None:
    assert kill_and_go_on(tmp_path, random.Random(seed), kills=8) == undisturbed


def test_a_stage_does_not_run_before_the_one_it_needs(tmp_path: Path) -> None:
    build = stages.open_build(load_config(write_config(tmp_path)), tmp_path / "run")
    with pytest.raises(RunDirectoryError, match="run imagenet-think index first"):
        stages.select(build)
    with pytest.raises(RunDirectoryError, match="run imagenet-think select first"):
        stages.generate(build, TEACHERS[0])
    with pytest.raises(RunDirectoryError, match="run imagenet-think generate first"):
        stages.pack_dataset(build)


def test_verification_runs_once_per_dataset_and_again_when_a_file_changes(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    build_all(config, tmp_path / "run")
    build = stages.open_build(config, tmp_path / "run")
    report = stages.verify(build)
    assert report is not None
    assert report.ok
    assert stages.verify(build) is None
    shard = min((tmp_path / "run" / "dataset" / "data").glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DatasetError, match=shard.name):
        stages.verify(build)


@pytest.mark.parametrize(
    "damaged", ["selection/selection.parquet", "ledger/*/*/part-*.parquet", "selection/verdicts/*/*"]
)
def test_a_damaged_file_of_ours_is_named_with_a_remedy(damaged: str, tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    build_all(config, tmp_path / "run")
    path = min((tmp_path / "run").glob(damaged))
    path.write_bytes(path.read_bytes()[:-100])
    if "verdicts" in damaged:
        (tmp_path / "run" / "selection" / "selection.json").unlink()  # so that the verdicts are needed again
    with pytest.raises(RunDirectoryError, match=f"{path.name}: missing or damaged"):
        build_all(config, tmp_path / "run")


def test_what_went_in_came_out_or_is_in_the_list_of_rejections(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    build_all(config, tmp_path / "run")
    build = stages.open_build(config, tmp_path / "run")
    index, selection, manifest = stages.index(build), stages.select(build), stages.pack_dataset(build)
    assert index.entries == index.images + sum(index.rejected.values())
    assert index.images == selection.candidates
    assert selection.candidates == selection.drawn + sum(selection.rejected.values()) + selection.left_over
    lost = sum(manifest.rejected.get(Stage.PACK, {}).values())
    assert selection.drawn == manifest.selected == manifest.packed + lost
    assert lost > 0, "the script refuses some images"


@pytest.mark.parametrize(
    "writes", [1, 9, 25, *(pytest.param(writes, marks=pytest.mark.slow) for writes in (5, 13, 17, 40))]
)
def test_a_full_disk_is_an_error_and_the_next_start_goes_on(
    writes: int, tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(write_config(tmp_path))
    sync, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > writes:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            build_all(config, tmp_path / "run")
    assert build_all(config, tmp_path / "run") == undisturbed


def test_an_index_of_another_place_stays_and_that_is_said(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_collection(tmp_path / name, "tars", CLASSES, 1)
    first = stages.index_alone(SourceConfig(path=str(tmp_path / "a")), tmp_path / "run", NotedProgress())
    progress = NotedProgress()
    assert stages.index_alone(SourceConfig(path=str(tmp_path / "b")), tmp_path / "run", progress) == first
    (warning,) = progress.warnings
    assert f"lists {tmp_path / 'a'}, and is taken for a list of {tmp_path / 'b'}; delete" in warning
    stages.index_alone(SourceConfig(path=str(tmp_path / "a")), tmp_path / "run", progress)
    assert len(progress.warnings) == 1
