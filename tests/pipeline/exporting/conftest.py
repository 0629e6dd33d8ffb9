from __future__ import annotations

import pytest

from tests.pipeline.exporting.world import make_dataset
from tests.pipeline.packing.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Twelve training images in three shards, and three of the benchmark. Read only."""
    return make_dataset(tmp_path_factory.mktemp("exporting"))
