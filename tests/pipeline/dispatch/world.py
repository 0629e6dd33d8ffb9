"""A small build, its images selected, and the two sides of its generation on a pool."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import stages
from pipeline.dispatch import Dispatcher, generate_chunk, open_dispatcher
from pipeline.generation.ledger import LedgerReader
from pipeline.stages import Build
from schemas.completion import Completion, PairStatus
from schemas.config import BuildConfig
from schemas.loading import parse_config
from tests.collections import make_collection
from tests.fakes.chunk_pool import ChunkPool

CLASSES = ["n01440764", "n02123045", "n07920052"]
TEACHERS = ("glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506")


def configure(folder: Path, script: dict[str, list[str]] | None = None, **where: float) -> BuildConfig:
    """A build of 24 images by two scripted teachers, in chunks of six."""
    options = {"log": str(folder / "asked.log"), "script": {"default": ["ok"], **(script or {})}}
    engine = {"kind": "custom", "factory": "tests.fakes.scripted_engine:create", "options": options}
    pool = {
        "work_pool": "gpu",
        "longest_minutes": 6,
        "shortest_minutes": 6,
        "images_per_minute": dict.fromkeys(TEACHERS, 1),
        "settle_seconds": 0,
        **where,
    }
    settings = {
        "source": {"path": str(folder / "images")},
        "screening": {"workers": 1},
        "selection": {"holdout": {"synset_share": 0, "image_share": 0.3}},
        "generation": {"engine_restarts": 0, "prepare_workers": 1, "max_concurrency": 4, "where": pool},
        "packing": {"images_per_shard": 7, "workers": 1},
        "teachers": [{"name": name, "engine": engine} for name in TEACHERS],
    }
    return parse_config(json.dumps(settings), "build.yaml")


@dataclass
class World:
    """A build in a folder, its pool, and a clock that only the test moves."""

    build: Build
    pool: ChunkPool = field(init=False)
    warnings: list[str] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.pool = ChunkPool(lambda teacher, key: generate_chunk(self.build, teacher, key))

    def open(self) -> Dispatcher:
        """Start the parent, for the first time or again."""
        settings = self.build.config.generation.where
        assert settings is not None
        dispatcher = open_dispatcher(self.build, self.pool, settings)
        dispatcher._warn, dispatcher._clock = self.warnings.append, lambda: self.now
        return dispatcher

    def run_to_the_end(self, dispatcher: Dispatcher, steps: int = 100) -> None:
        """Let parent and workers take turns until nothing is pending."""
        for _ in range(steps):
            if dispatcher.step():
                return
            self.pool.work_off()
            self.now += 1
        raise AssertionError("the build does not end")

    def rows(self) -> list[Completion]:
        """The whole ledger."""
        ledger = self.build.run.ledger
        return [row for directory in ledger.glob("*/*/") for row in LedgerReader(directory).rows()]

    def asked(self) -> Counter[str]:
        """How often each engine was asked about each image."""
        log = self.build.run.path.parent / "asked.log"
        return Counter(line.rpartition(" ")[0] for line in log.read_text().splitlines()) if log.exists() else Counter()

    def settled(self) -> set[tuple[str, str]]:
        """Teachers and images with a valid pair."""
        return {(row.teacher, row.image_id) for row in self.rows() if row.status is PairStatus.OK}


def make_world(folder: Path, script: dict[str, list[str]] | None = None, **where: float) -> World:
    """Make the collection, index it and select from it."""
    make_collection(folder / "images", "tree", CLASSES, 8)
    build = stages.open_build(configure(folder, script, **where), folder / "run")
    stages.index(build)
    stages.select(build)
    return World(build)
