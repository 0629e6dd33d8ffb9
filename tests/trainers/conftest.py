"""A student to train, a packed world to train it on, and who skips where the trainers are missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pipeline.engines.vllm.tiny import build_tiny
from tests.pipeline.packing.world import World, make_world

TRAINERS = ("torch", "timm", "trl")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in TRAINERS if importlib.util.find_spec(name) is None]
    if missing:
        skip = pytest.mark.skip(
            reason=f"{missing[0]} is not installed; `make trainers` installs it and runs these tests"
        )
        for item in items:
            if item.get_closest_marker("trainers"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of GLM-4.1V's architecture with two narrow layers."""
    return build_tiny("glm-4.1v", tmp_path_factory.mktemp("checkpoints") / "student")


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A packed world of four training shards, the last one smaller, and one of the benchmark. Read only."""
    world = make_world(tmp_path_factory.mktemp("packed"), train=14, benchmark=3)
    world.pack()
    return world
