"""A build from an archive that can only be streamed: killed anywhere, its archive gone, what it kept damaged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.files import sha256_of
from pipeline.stages import open_build, select
from schemas.config import BuildConfig
from schemas.errors import SourceError
from schemas.loading import load_config
from tests.collections import Collection

CLASSES = ("n01440764", "n02123045", "n07920052", "n04099429")
TEACHER = "glm-4.1v-9b-thinking"
CONFIG = f"""
    source: {{path: "ARCHIVE", keep_per_class: 2, seek_index: SEEKS, index_cache: "CACHE"}}
    screening: {{workers: 1}}
    selection: {{images: 16}}
    teachers:
      - {{name: {TEACHER}, engine: {{kind: pixels}}}}
    generation: {{prepare_workers: 1}}
    packing: {{images_per_shard: 5, workers: 1}}
    """

STAGES = """
import sys
from pathlib import Path
from pipeline import stages
from pipeline.sources import gzip
from schemas.errors import SourceError
from schemas.loading import load_config

gzip.BATCH_BYTES = 50_000
config, run_dir = load_config(Path(sys.argv[1])), Path(sys.argv[2])
try:
    for stage in sys.argv[3:]:
        build = stages.open_build(config, run_dir)
        if stage == "generate":
            stages.generate(build, config.teachers[0].name)
        else:
            {"index": stages.index, "select": stages.select, "pack": stages.pack_dataset}[stage](build)
except SourceError as error:
    print(error)
"""
ALL = ("index", "select", "generate", "pack")


class World:
    """An archive, a configuration, and run directories in which processes of their own work."""

    def __init__(self, folder: Path, *, seek_index: bool = False) -> None:
        self.folder = folder
        self.archive = Collection(CLASSES, 8).write(folder / "source", "tar_of_tars.gz")
        self.config = folder / "build.yaml"
        text = CONFIG.replace("ARCHIVE", str(self.archive)).replace("SEEKS", str(seek_index).lower())
        self.config.write_text(text.replace("CACHE", str(folder / "cache")))

    def settings(self) -> BuildConfig:
        return load_config(self.config)

    def start(self, run: str, *stages: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", STAGES, str(self.config), str(self.folder / run), *stages]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def do(self, run: str, *stages: str) -> str:
        """Run stages in a fresh process; what is wrong with the source, if anything."""
        process = self.start(run, *stages)
        said, log = process.communicate()
        assert process.returncode == 0, log
        return str(said).strip()

    def shards(self, run: str) -> dict[str, str]:
        return {path.name: sha256_of(path) for path in sorted((self.folder / run / "dataset" / "data").glob("*.tar"))}

    def kept(self, run: str) -> list[Path]:
        return sorted((self.folder / run / "candidates").glob("part-*.tar"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def damage(parts: list[Path], how: str) -> None:
    for path in parts:
        if how == "gone":
            path.unlink()
        elif how == "cut":
            os.truncate(path, path.stat().st_size // 2)
        else:
            content = bytearray(path.read_bytes())
            content[600] ^= 1
            path.write_bytes(content)


@pytest.mark.slow
def test_what_was_selected_is_asked_and_packed_in_fresh_processes_without_the_archive(world: World) -> None:
    assert not world.do("whole", *ALL)
    assert not world.do("run", "index", "select")
    world.archive.unlink()
    assert not world.do("run", "generate")
    assert not world.do("run", "pack")
    assert world.shards("run") == world.shards("whole") != {}


@pytest.mark.parametrize("stage", ["generate", "pack"])
@pytest.mark.slow
@pytest.mark.parametrize("how", ["gone", "cut"])
def test_kept_images_that_were_lost_since_are_fetched_again(world: World, stage: str, how: str) -> None:
    assert not world.do("run", *ALL[: ALL.index(stage)])
    damage(world.kept("run"), how)
    assert not world.do("run", *ALL[ALL.index(stage) :])
    assert not world.do("whole", *ALL)
    assert world.shards("run") == world.shards("whole") != {}


@pytest.mark.slow
def test_a_kept_image_with_a_flipped_bit_is_one_line_and_doing_the_same_again_fetches_it(world: World) -> None:
    assert not world.do("run", "index", "select")
    damage(world.kept("run"), "a flipped bit")
    for _ in world.kept("run"):
        said = world.do("run", "generate")
        if not said:
            break
        assert "is damaged; run the same command again: what it held is fetched from the source again" in said
    assert not world.do("run", "generate", "pack")
    assert not world.do("whole", *ALL)
    assert world.shards("run") == world.shards("whole") != {}


def test_a_lost_image_of_an_archive_that_is_gone_is_one_line(world: World) -> None:
    assert not world.do("run", "index", "select")
    world.archive.unlink()
    damage(world.kept("run"), "cut")
    said = world.do("run", "generate")
    assert "whole.tar.gz cannot be read (No such file or directory); check source.path" in said
    assert "\n" not in said


def test_an_archive_that_is_gone_before_it_was_read_is_one_line(world: World) -> None:
    world.archive.unlink()
    with pytest.raises(SourceError, match="does not exist"):
        open_build(world.settings(), world.folder / "run")


@pytest.mark.slow
def test_two_builds_that_share_an_index_make_one_dataset(world: World) -> None:
    assert not world.do("one", *ALL)
    assert not world.do("two", *ALL)
    assert world.shards("one") == world.shards("two") != {}


@pytest.mark.slow
@pytest.mark.parametrize("seek_index", [False, True])
def test_killed_at_random_moments_it_makes_the_same_dataset(tmp_path: Path, seek_index: bool) -> None:
    world = World(tmp_path, seek_index=seek_index)
    assert not world.do("whole", *ALL)
    (tmp_path / "cache").rename(tmp_path / "old")
    chance = random.Random(seek_index)
    for _ in range(4):
        process = world.start("run", *ALL)
        while process.poll() is None and not (tmp_path / "run").exists():
            time.sleep(0.01)  # it is still loading
        time.sleep(chance.uniform(0, 0.6))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert not world.do("run", *ALL)
    assert world.shards("run") == world.shards("whole") != {}
    assert select(open_build(world.settings(), tmp_path / "run")).drawn == 16
