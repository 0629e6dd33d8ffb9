"""What is said of the run directory: its room, and what its file system can do."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from pipeline.doctor.disk import examine_run_directory
from pipeline.doctor.finding import Level
from pipeline.progress import Silent
from pipeline.rundir import open_run
from pipeline.sources import build_index, open_source
from schemas.config import BuildConfig
from schemas.engines import PixelsEngine
from tests.collections import make_collection
from tests.pipeline.doctor.world import find, make_config

PIXELS = PixelsEngine(kind="pixels")
WHAT = "run directory"


@pytest.fixture
def config(tmp_path: Path) -> BuildConfig:
    return make_config(make_collection(tmp_path / "images", "tree", ["n01440764"], 2), PIXELS, PIXELS)


def test_what_a_run_needs_is_said_with_what_it_is_made_of(config: BuildConfig, tmp_path: Path) -> None:
    finding = find(examine_run_directory(config, tmp_path / "run"), WHAT)
    assert finding.level is Level.OK
    # 1,000 x (92.3 kB + 5 kB + 2 texts x 4 copies x 6 kB), and 2 GiB
    assert "needs about 2.1 GiB: 1,000 pictures of 92 kB (ImageNet's mean), each with 2 text(s)" in finding.detail


def test_a_run_that_was_indexed_is_estimated_from_its_own_pictures(config: BuildConfig, tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", config)
    summary = build_index(open_source(config.source), run.index, Silent())
    detail = find(examine_run_directory(config, tmp_path / "run"), WHAT).detail
    assert f"2 pictures of {summary.bytes / 2 / 1000:.0f} kB (as indexed)" in detail


def test_too_little_room_is_a_fault(tmp_path: Path) -> None:
    config = make_config(tmp_path, PIXELS, images=10**12)
    finding = find(examine_run_directory(config, tmp_path / "run"), WHAT)
    assert finding.level is Level.FAULT
    assert "make room" in finding.remedy


def test_weights_that_come_onto_the_same_disk_need_room_too(tmp_path: Path) -> None:
    config = make_config(tmp_path, PIXELS, images=1)
    free = shutil.disk_usage(tmp_path).free
    for weights, level in ((0, Level.OK), (free, Level.FAULT)):
        finding = find(examine_run_directory(config, tmp_path / "run", weights), WHAT)
        assert finding.level is level
        assert ("of weights are to be downloaded onto the same disk" in finding.detail) is bool(weights)


def test_what_a_run_has_written_counts_as_room(tmp_path: Path) -> None:
    beyond = shutil.disk_usage(tmp_path).free + 500 * 10**9
    config = make_config(tmp_path, PIXELS, images=beyond // 100_000)
    run = open_run(tmp_path / "run", config)
    assert find(examine_run_directory(config, run.path), WHAT).level is Level.FAULT
    with (run.path / "written").open("wb") as file:
        file.truncate(10**12)  # a hole: takes no room of this machine's
    assert find(examine_run_directory(config, run.path), WHAT).level is Level.OK


def test_nothing_is_made_and_nothing_is_left(config: BuildConfig, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    list(examine_run_directory(config, tmp_path / "new" / "run"))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_of_another_configuration_is_a_fault(config: BuildConfig, tmp_path: Path) -> None:
    open_run(tmp_path / "run", config.model_copy(update={"seed": 7}))
    findings = list(examine_run_directory(config, tmp_path / "run"))
    assert findings[0].level is Level.FAULT
    assert "seed was 7 and is 0" in findings[0].detail


def test_a_damaged_run_is_a_fault(config: BuildConfig, tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", config)
    build_index(open_source(config.source), run.index, Silent())
    (run.index / "index.json").write_text("{}")
    finding = find(examine_run_directory(config, tmp_path / "run"), WHAT)
    assert finding.level is Level.FAULT
    assert "index.json" in finding.detail


def test_a_place_that_cannot_be_written_is_a_fault() -> None:
    finding = find(examine_run_directory(None, Path("/proc/run")), "file system")
    assert finding.level is Level.FAULT
    assert finding.detail.startswith("/proc (proc): cannot be written")


@pytest.mark.parametrize("place", ["file", "file/run", "nowhere/run"])
@pytest.mark.parametrize("with_config", [True, False])
def test_a_file_in_the_way_is_a_fault(tmp_path: Path, config: BuildConfig, place: str, *, with_config: bool) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "nothing")
    (finding,) = examine_run_directory(config if with_config else None, tmp_path / place)
    assert finding.level is Level.FAULT
    assert f"{tmp_path / place.partition('/')[0]}: is no folder" in finding.detail


def test_a_tilde_is_a_name_like_any_other_as_it_is_to_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: BuildConfig
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("~/run", "~nobody-of-this-name/run"):
        assert str(tmp_path) in find(examine_run_directory(config, Path(place)), "file system").detail


def test_files_that_go_while_a_run_is_at_work_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: BuildConfig
) -> None:
    run = open_run(tmp_path / "run", config)
    (run.path / "part.tmp").write_bytes(bytes(10))
    (run.path / "gone.tmp").touch()
    lstat = Path.lstat

    def lose(path: Path) -> os.stat_result:
        if path.name == "gone.tmp":
            path.unlink()
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", lose)
    assert find(examine_run_directory(config, run.path), WHAT).level is Level.OK


def test_a_place_in_memory_is_a_warning() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        finding = find(examine_run_directory(None, Path(folder)), "file system")
    assert finding.level is Level.WARNING
    assert "tmpfs" in finding.detail


def test_without_a_place_only_the_need_is_told(config: BuildConfig) -> None:
    (finding,) = examine_run_directory(config, None)
    assert "needs about 2.1 GiB" in finding.detail
    assert not list(examine_run_directory(None, None))
