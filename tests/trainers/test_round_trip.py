"""From photographs to training steps and back: packed, published without pictures, rejoined, loaded, exported, learned.

All by the command line, against a hub on this machine.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from huggingface_hub import snapshot_download

from pipeline import stages
from pipeline.packed import PackedDataset, Row, open_dataset
from schemas.derived import record_features
from schemas.loading import parse_config
from tests.collections import ALL_FAULTS, Collection
from tests.fakes.hub import Account, Hub, run_hub
from tests.fakes.hub_client import client_of
from tests.pipeline.packing.world import digests
from tests.trainers.training import STOP, supervise

pytestmark = [
    pytest.mark.trainers,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of transformers
]

ROOT = Path(__file__).parents[2]
REPOSITORY = "someone/imagenet-think"
TOKEN = "hf_of_someone"
TEACHERS = ("glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506")
CLASSES = ("n01440764", "n02123045", "n07920052", "n04099429")
COLLECTION = Collection(CLASSES, per_class=5, faults=ALL_FAULTS, pictures="real")
IMAGES = 16

Run = Callable[..., None]


@dataclass(frozen=True)
class Place:
    """Where one reader works."""

    folder: Path
    hub: Hub
    run: Run
    """The command line, to a good end."""

    @property
    def source(self) -> Path:
        return self.folder / "images"

    def load(self, what: str | Path, **options: Any) -> Any:
        """``load_dataset`` without a token, of a repository or a folder."""
        home = self.folder / "reader"
        with client_of(self.hub.address, home):
            return load_dataset(str(what), cache_dir=str(home / "cache"), **options)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with run_hub(scratch=tmp_path / "hub", accounts={TOKEN: Account("someone")}) as hub:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HF_"))}
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "HF_ENDPOINT": hub.address,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
        }

        def run(*arguments: str | Path) -> None:
            command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=170, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

        yield Place(tmp_path, hub, run)


def pack(place: Place) -> Path:
    """A dataset of real photographs, texts by the embedded engine."""
    COLLECTION.write(place.source, "tars")
    teachers = "".join(f"\n          - {{name: {name}, engine: {{kind: pixels}}}}" for name in TEACHERS)
    text = f"""
        source: {{path: "{place.source}", workers: 1}}
        screening: {{workers: 1}}
        selection: {{images: {IMAGES}, holdout: {{synset_share: 0.3, image_share: 0.1}}}}
        teachers: {teachers}
        generation: {{prepare_workers: 1}}
        packing: {{images_per_shard: 5, workers: 1}}
        """
    build = stages.open_build(parse_config(text, "round trip"), place.folder / "run")
    stages.index(build)
    stages.select(build)
    for teacher in TEACHERS:
        stages.generate(build, teacher)
    stages.pack_dataset(build)
    return build.run.dataset


def download(place: Place) -> Path:
    """What the repository holds, as a client fetches it."""
    folder = place.folder / "download"
    with client_of(place.hub.address, place.folder / "reader"):
        snapshot_download(REPOSITORY, repo_type="dataset", local_dir=folder, ignore_patterns=".gitattributes")
    shutil.rmtree(folder / ".cache")
    return folder


def rows_of(dataset: PackedDataset) -> list[Row]:
    return [row for shard in dataset.shards("train") for row in dataset.read(shard)]


def test_a_dataset_goes_out_without_its_pictures_comes_back_whole_and_trains(place: Place, student: Path) -> None:
    packed = pack(place)
    place.run("verify", packed)

    place.run("publish", packed, REPOSITORY, "--allow-engine", "pixels", "--quiet")
    published = download(place)
    place.run("verify", published)
    assert not any(row.jpeg for row in rows_of(open_dataset(published)))
    loaded = place.load(REPOSITORY)
    assert loaded["train"].features == record_features("annotations")
    assert sum(loaded.num_rows.values()) == IMAGES

    rejoined = place.folder / "rejoined"
    place.run("rejoin", f"hf://datasets/{REPOSITORY}", "--source", place.source, "--out", rejoined, "--quiet")
    assert {path: digest for path, digest in digests(rejoined).items() if not path.startswith(".")} == digests(packed)
    place.run("verify", rejoined)

    exported = place.folder / "trl"
    place.run("export", rejoined, "--format", "trl", "--out", exported, "--quiet")
    training = supervise(student, place.load(exported, split="train"), place.folder / "training", steps=2)
    assert len(training.losses) == 2
    assert all(math.isfinite(loss) for loss in training.losses)
    assert all(sum(norms.values()) > 0 for norms in training.gradients)
    pairs = [pair for row in rows_of(open_dataset(packed)) for pair in row.record.pairs]
    texts = {f"<think>\n{pair.thinking}\n</think>\n\n{pair.answer}{STOP}" for pair in pairs}
    assert len(training.learned) >= 4
    assert set(training.learned) <= texts
