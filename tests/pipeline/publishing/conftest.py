from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipeline.packing.world import World, make_world
from tests.pipeline.publishing.damage import Dataset
from tests.pipeline.publishing.rejoining import Published, publish


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A packed world of three shards, 6 + 6 training images and 3 of the benchmark. Read only."""
    world = make_world(tmp_path_factory.mktemp("packed"), train=12, benchmark=3)
    world.images_per_shard = 6
    world.pack()
    return world


@pytest.fixture
def dataset(packed: World, tmp_path: Path) -> Dataset:
    """A copy to damage."""
    return Dataset(shutil.copytree(packed.out, tmp_path / "dataset"))


@pytest.fixture(scope="session")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A packed dataset of a collection on disk, and its annotations. Read only."""
    return publish(tmp_path_factory.mktemp("published"))
