"""A student to train, a packed world to train it on, and who skips where the trainers are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engines.vllm.tiny import build_tiny
from tests.extras import skip_without
from tests.pipeline.packing.world import World, make_world

TRAINERS = ("torch", "timm", "trl")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_without(TRAINERS, "trainers", items)


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
