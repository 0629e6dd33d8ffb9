"""Stages as a run directory shows them, from nothing to a verified dataset."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline import stages
from pipeline.progress import Silent
from pipeline.rundir import exclusive
from pipeline.watching import RunWatch
from schemas.errors import DatasetError
from schemas.status import RunStatus
from tests.collections import make_collection
from tests.pipeline.watching.world import CLASSES, IDS, TEACHER, configure, select


def states(status: RunStatus) -> dict[str, str]:
    return {stage.stage: stage.state for stage in status.stages} | {"generate": status.teachers[0].state}


def test_each_stage_shows_when_it_is_done(tmp_path: Path) -> None:
    make_collection(tmp_path / "images", "tree", CLASSES, 4)
    build = stages.open_build(configure(tmp_path / "images"), tmp_path / "run")
    watching = RunWatch(build.config, build.run.path, Silent())
    order = ["index", "select", "generate", "pack", "verify"]
    assert set(states(watching.look()).values()) == {"to do"}
    acts = [stages.index, stages.select, lambda build: stages.generate(build, TEACHER), stages.pack_dataset]
    for number, act in enumerate([*acts, stages.verify], 1):
        act(build)
        seen = states(watching.look())
        assert [seen[stage] for stage in order] == ["done"] * number + ["to do"] * (5 - number)
    status = watching.look()
    assert status.dataset is not None
    assert (status.dataset.selected, status.dataset.packed, status.dataset.shards) == (len(IDS), len(IDS), 1)
    assert status.teachers[0].done == len(IDS)


def test_a_dataset_that_changed_since_is_not_verified(tmp_path: Path) -> None:
    build = select(tmp_path)
    stages.generate(build, TEACHER)
    stages.pack_dataset(build)
    stages.verify(build)
    shard = min((build.run.dataset / "data").glob("*.tar"))
    os.utime(shard, (time.time() + 10,) * 2)
    assert states(RunWatch(build.config, build.run.path, Silent()).look())["verify"] == "to do"


def test_a_build_is_watched_while_it_is_held(tmp_path: Path) -> None:
    build = select(tmp_path)
    with exclusive(build.run, build.config):
        assert states(RunWatch(build.config, build.run.path, Silent()).look())["select"] == "done"


def test_looking_writes_nothing(tmp_path: Path) -> None:
    build = select(tmp_path)
    stages.generate(build, TEACHER)
    before = sorted(build.run.path.rglob("*"))
    RunWatch(build.config, build.run.path, Silent()).look()
    assert sorted(build.run.path.rglob("*")) == before


def test_a_damaged_manifest_is_one_line(tmp_path: Path) -> None:
    build = select(tmp_path)
    build.run.dataset.mkdir()
    (build.run.dataset / "manifest.json").write_text("{")
    with pytest.raises(DatasetError, match=r"manifest.json: is no manifest of a dataset; remove"):
        RunWatch(build.config, build.run.path, Silent()).look()
