"""Whatever happens to an index on its way, its bytes are those of a run that nothing happened to."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.progress import Silent, Task
from pipeline.sources import IndexOptions, build_index, load_summary, open_source
from pipeline.sources.base import Batch, Container
from pipeline.sources.index import build as building
from pipeline.sources.index import scan as scanning
from pipeline.sources.index.parts import Stretch, write_part
from schemas.config import SourceConfig
from schemas.errors import ConfigError, RunDirectoryError, SourceError
from tests.collections import make_collection
from tests.fakes.listed_source import Entry, ListedSource, image, stray
from tests.fakes.noted_progress import NotedProgress, NotedTask
from tests.processes import is_gone, wait_until

FILES = ("index.parquet", "rejections.parquet", "index.json")


def entries_of(container: str, count: int = 20) -> list[Entry]:
    number = int(container)
    return [
        stray(f"{container} {entry}")
        if entry % 5 == 4
        else image(f"n{number % 3:08}_{number // 3 * count + entry * 2 // 3}", container, entry)
        for entry in range(count)
    ]


def make_source(
    log: Path | None = None, containers: Sequence[str] = ("1", "2", "3", "4"), **how: object
) -> ListedSource:
    return ListedSource({name: entries_of(name) for name in containers}, log, **how)  # type: ignore[arg-type]  # its own fields


def files(index: Path) -> dict[str, bytes]:
    return {name: (index / name).read_bytes() for name in FILES}


def parts(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[str, bytes]:
    build_index(make_source(), tmp_path / "undisturbed", Silent())
    return files(tmp_path / "undisturbed")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "PART_ENTRIES", 4)


def test_an_unchanged_container_is_not_read_again(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    source = make_source(tmp_path / "log")
    build_index(source, tmp_path / "index", Silent())
    assert source.scans() == ["1 0", "2 0", "3 0", "4 0"]
    build_index(source, tmp_path / "index", Silent())
    assert len(source.scans()) == 4
    assert files(tmp_path / "index") == undisturbed


def test_an_archive_that_can_no_longer_be_read_is_not_missed(tmp_path: Path) -> None:
    path = make_collection(tmp_path / "source", "tars", ["n00005787", "n02123045"], per_class=2)
    source = open_source(SourceConfig(path=str(path)))
    summary = build_index(source, tmp_path / "index", Silent())
    for archive in path.iterdir():
        stat = archive.stat()
        archive.write_bytes(b"?" * stat.st_size)
        os.utime(archive, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert build_index(source, tmp_path / "index", Silent()) == summary


def test_what_changed_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    build_index(make_source(), tmp_path / "index", Silent())
    changed = make_source(tmp_path / "log")
    changed.listed = {**changed.listed, "2": entries_of("2", 9), "5": entries_of("5")}
    build_index(changed, tmp_path / "index", Silent())
    assert changed.scans() == ["2 0", "5 0"]
    build_index(changed, tmp_path / "anew", Silent())
    assert files(tmp_path / "index") == files(tmp_path / "anew")


@pytest.mark.usefixtures("small_parts")
def test_containers_that_are_gone_leave_the_index_and_their_parts_the_disk(tmp_path: Path) -> None:
    build_index(make_source(), tmp_path / "index", Silent())
    build_index(make_source(containers=["3"]), tmp_path / "index", Silent())
    build_index(make_source(containers=["3"]), tmp_path / "anew", Silent())
    assert files(tmp_path / "index") == files(tmp_path / "anew")
    for path in (tmp_path / "index" / "parts").glob("*[!s].parquet"):
        account = pq.read_metadata(path).metadata[b"imagenet-think.part.1"]
        assert b'"container":"3"' in account


@pytest.mark.usefixtures("small_parts")
def test_a_scan_goes_on_within_a_container(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    source = make_source(tmp_path / "log", batch=4)
    source.fails_at = "3"
    with pytest.raises(SourceError, match="the disk is gone"):
        build_index(source, tmp_path / "index", Silent())
    source.fails_at = ""
    build_index(source, tmp_path / "index", Silent())
    assert source.scans() == ["1 0", "2 0", "3 0", "3 4", "4 0"]
    assert files(tmp_path / "index") == undisturbed


@pytest.mark.usefixtures("small_parts")
def test_where_positions_do_not_move_a_container_is_scanned_from_its_start(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    source = make_source(tmp_path / "log", moves=False, fails_at="3")
    with pytest.raises(SourceError, match="the disk is gone"):
        build_index(source, tmp_path / "index", Silent())
    source.fails_at = ""
    build_index(source, tmp_path / "index", Silent())
    assert source.scans() == ["1 0", "2 0", "3 0", "3 0", "4 0"]
    assert files(tmp_path / "index") == undisturbed


def test_small_containers_share_a_part(tmp_path: Path) -> None:
    build_index(make_source(), tmp_path / "index", Silent())
    assert len(parts(tmp_path / "index" / "parts")) == 2  # one of images, one of rejections


def test_an_interrupt_ends_the_scan_and_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_SECONDS_BETWEEN_LOOKS", 0.1)

    class Interrupted(NotedTask):
        def describe(self, text: str) -> None:  # noqa: ARG002 - the protocol's
            raise KeyboardInterrupt

    class Interrupting(NotedProgress):
        @contextlib.contextmanager
        def task(self, name: str, total: int | None, unit: str) -> Iterator[Task]:  # noqa: ARG002 - the protocol's
            yield Interrupted(name, total)

    slow = make_source(tmp_path / "log", batch=1, pause=0.05)
    with pytest.raises(KeyboardInterrupt):
        build_index(slow, tmp_path / "index", Interrupting())
    assert slow.scans() == ["1 0"]
    quick = make_source(tmp_path / "log", batch=1)
    build_index(quick, tmp_path / "index", Silent())
    (again, *_) = quick.scans()[1:]
    assert again.startswith("1 ")
    assert again != "1 0"
    assert not list((tmp_path / "index").rglob("*.tmp"))
    build_index(make_source(), tmp_path / "undisturbed", Silent())
    assert files(tmp_path / "index") == files(tmp_path / "undisturbed")


PROGRAM = """
    import sys
    from pathlib import Path
    from pipeline.progress import Silent, Task
    from pipeline.sources import IndexOptions, build_index
    from pipeline.sources.index import build, scan
    from tests.pipeline.sources.test_index_restarts import make_source

    scan.PART_ENTRIES = 4
    build._WORTH_PROCESSES = 0
    if __name__ == "__main__":
        out, workers, pause = sys.argv[1:]
        source = make_source(batch=1, pause=float(pause))
        options = IndexOptions(workers=int(workers), cache=None)
        build_index(source, Path(out), Silent(), options)
"""


def start(folder: Path, out: Path, workers: int, pause: float) -> subprocess.Popen[bytes]:
    program = folder / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, program, out, str(workers), str(pause)],
        cwd=root,
        env={"PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
        # a shell that runs the suite in the background has SIGINT ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
    )


def test_a_killed_index_is_finished_to_the_same_bytes(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    out = tmp_path / "index"
    process = start(tmp_path, out, workers=1, pause=0.02)
    wait_until(lambda: len(list(out.glob("parts/part-*.parquet"))) >= 3)
    process.kill()
    process.wait()
    assert load_summary(out) is None
    source = make_source(tmp_path / "log")
    build_index(source, out, Silent())
    assert "1 0" not in source.scans()
    assert files(out) == undisturbed


@pytest.mark.slow
def test_an_interrupt_ends_the_workers_after_the_batch_in_hand(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    out = tmp_path / "index"
    process = start(tmp_path, out, workers=2, pause=0.4)
    wait_until(lambda: len(list(out.glob("parts/part-*.parquet"))) >= 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert workers
    wait_until(lambda: all(is_gone(worker.pid) for worker in workers))
    assert load_summary(out) is None
    source = make_source(tmp_path / "log")
    build_index(source, out, Silent())
    begun = [scan for scan in source.scans() if not scan.endswith(" 0")]
    assert begun  # containers were left in their middle, and gone on with
    assert files(out) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_index_killed_at_random_moments_is_finished_to_the_same_bytes(
    tmp_path: Path, undisturbed: dict[str, bytes], workers: int
) -> None:
    out, moments = tmp_path / "index", random.Random(workers)
    for _ in range(8):
        process = start(tmp_path, out, workers, pause=0.05)
        try:
            process.wait(moments.uniform(0.3, 3.0))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
    build_index(make_source(), out, Silent())
    assert files(out) == undisturbed


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_to_a_part_is_warned_of_and_mended(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("damage")
    build_index(make_source(), tmp_path, Silent())
    before = files(tmp_path)
    path = data.draw(st.sampled_from(parts(tmp_path / "parts")))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "gone"]))
    if kind == "flip":
        path.write_bytes(whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :])
    elif kind == "cut":
        path.write_bytes(whole[:place])
    else:
        path.unlink()
    progress = NotedProgress()
    build_index(make_source(), tmp_path, progress)
    assert files(tmp_path) == before
    assert len(progress.warnings) <= 1
    assert all("damaged" in line and "scanned again" in line and "\n" not in line for line in progress.warnings)
    build_index(make_source(), tmp_path, progress := NotedProgress())
    assert not progress.warnings


def test_a_disk_that_gives_back_other_bytes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(folder: Path, stretches: Sequence[Stretch], images: pa.Table, rejections: pa.Table) -> None:
        write_part(folder, stretches, images, rejections)
        for path in folder.glob("part-*"):
            path.write_bytes(path.read_bytes()[:-1] + b"?")

    monkeypatch.setattr(scanning, "write_part", write)
    with pytest.raises(RunDirectoryError, match="check the disk"):
        build_index(make_source(), tmp_path / "index", Silent())


def test_a_folder_of_parts_serves_several_indexes(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    source, options = make_source(tmp_path / "log"), IndexOptions(cache=tmp_path / "cache")
    for name in ("a", "b"):
        build_index(source, tmp_path / name, Silent(), options)
        assert files(tmp_path / name) == undisturbed
        assert not (tmp_path / name / "parts").exists()
    assert source.scans() == ["1 0", "2 0", "3 0", "4 0"]


def test_an_index_leaves_the_parts_of_others_alone(tmp_path: Path) -> None:
    options = IndexOptions(cache=tmp_path / "cache")
    build_index(make_source(containers=["1"]), tmp_path / "a", Silent(), options)
    before = set(parts(tmp_path / "cache"))
    build_index(make_source(containers=["2"]), tmp_path / "b", Silent(), options)
    assert before < set(parts(tmp_path / "cache"))


@pytest.mark.parametrize("other", [{"place": "elsewhere"}, {"dimensions": False}])
def test_parts_made_otherwise_are_not_taken(tmp_path: Path, other: dict[str, object]) -> None:
    source = make_source(tmp_path / "log")
    build_index(source, tmp_path / "a", Silent(), IndexOptions(cache=tmp_path / "cache"))
    build_index(source, tmp_path / "b", Silent(), IndexOptions(cache=tmp_path / "cache", **other))  # type: ignore[arg-type]  # its own fields
    assert len(source.scans()) == 8


def test_two_indexes_at_once_share_a_folder_in_peace(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    def build(name: str) -> None:
        source = make_source(batch=1, pause=0.005)
        build_index(source, tmp_path / name, Silent(), IndexOptions(cache=tmp_path / "cache"))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(build, "abc"))
    for name in "abc":
        assert files(tmp_path / name) == undisturbed


@dataclass
class OvertakenSource(ListedSource):
    """While it is scanned, another index of it writes larger parts into the same folder, and breaks off."""

    cache: Path = Path()

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        for number, batch in enumerate(super().scan(container, start)):
            if number == 0:
                other = ListedSource(self.listed, batch=6, fails_at=container.name)
                with contextlib.suppress(SourceError):
                    build_index(other, self.cache / "other", Silent(), IndexOptions(cache=self.cache))
            yield batch


@pytest.mark.usefixtures("small_parts")
def test_an_index_is_finished_from_its_own_parts_where_those_of_another_break_off(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    listed = make_source().listed
    source = OvertakenSource(listed, tmp_path / "log", batch=4, cache=tmp_path / "cache")
    build_index(source, tmp_path / "index", Silent(), IndexOptions(cache=source.cache))
    assert files(tmp_path / "index") == undisturbed
    assert source.scans() == ["1 0", "2 0", "3 0", "4 0"]


@pytest.mark.parametrize("name", ["parts/.part-1.parquet.123.tmp", ".index.parquet.123.tmp", ".stop.tmp"])
def test_what_a_killed_index_left_is_removed(tmp_path: Path, name: str) -> None:
    left = tmp_path / "index" / name
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    build_index(make_source(), tmp_path / "index", Silent())
    assert not left.exists()


def test_a_folder_of_parts_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(ConfigError, match=r"cache cannot be (made|written).*set source.index_cache"):
        build_index(make_source(), tmp_path / "index", Silent(), IndexOptions(cache=tmp_path / "cache"))


def test_a_folder_of_parts_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    build_index(make_source(), tmp_path / "a", Silent(), IndexOptions(cache=cache))
    # the superuser, who often runs tests, may write anywhere
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != cache)
    build_index(make_source(), tmp_path / "b", Silent(), IndexOptions(cache=cache))
    part = next(iter(parts(cache)))
    part.write_bytes(b"?")
    for source in (make_source(), make_source(containers=["5"])):
        with pytest.raises(ConfigError, match=r"cache cannot be (made|written).*set source.index_cache"):
            build_index(source, tmp_path / "c", Silent(), IndexOptions(cache=cache))
    assert part.exists()


def test_in_a_shared_folder_only_what_nobody_can_be_writing_is_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    old, young = cache / ".part-1.parquet.1.tmp", cache / ".part-2.parquet.2.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    build_index(make_source(), tmp_path / "index", Silent(), IndexOptions(cache=cache))
    assert (old.exists(), young.exists()) == (False, True)


def test_what_was_found_is_written_after_some_seconds_however_little_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes]
) -> None:
    monkeypatch.setattr(scanning, "PART_SECONDS", 0.0)
    build_index(make_source(), tmp_path / "index", Silent())
    assert len(list((tmp_path / "index" / "parts").glob("*[!s].parquet"))) >= 40
    assert files(tmp_path / "index") == undisturbed
