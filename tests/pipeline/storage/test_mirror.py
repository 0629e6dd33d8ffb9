"""What travels between a copy of a run directory and its store."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.files import write_atomic
from pipeline.storage import Mirror, find_mirror, open_mirror
from pipeline.storage.layout import FOLDERS
from schemas.errors import RunDirectoryError, StorageError
from tests.fakes.object_server import ObjectServer
from tests.pipeline.storage.conftest import Bucket, Copies
from tests.pipeline.storage.trees import dataset, read_tree, write_tree

PART = "ledger/teacher=one/fingerprint=f/part-{}-000001-0123456789abcdef-here.parquet"
NAMES = st.text("abc=-0 ", min_size=1, max_size=4).filter(lambda name: name == name.strip())
PLACES = st.builds(lambda folder, names: "/".join([folder, *names]), st.sampled_from(sorted(FOLDERS)), st.lists(NAMES))
TREES = st.dictionaries(PLACES.map(lambda place: f"{place}/file.bin"), st.binary(max_size=40), min_size=1, max_size=6)


@given(tree=TREES)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_one_copy_sends_another_fetches(
    tree: dict[str, bytes], server: ObjectServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bucket, root = Bucket(server.endpoint), tmp_path_factory.mktemp("copies")
    here, there = (open_mirror(bucket.url, root / machine) for machine in ("here", "there"))
    write_tree(here.path, tree)
    assert here.push(*FOLDERS) == len(tree)
    assert bucket.files() == tree
    assert there.pull(*FOLDERS) == len(tree)
    assert read_tree(there.path) == tree
    assert (here.push(*FOLDERS), there.pull(*FOLDERS), there.push(*FOLDERS)) == (0, 0, 0)


def test_files_of_every_size_come_through_whole(copies: Copies) -> None:
    here, there = copies("here"), copies("there")
    sizes = [0, 1, (5 << 20) - 1, 5 << 20, (16 << 20) + 1]  # where requests are cut
    tree = {f"dataset/data/{size}.tar": os.urandom(size) for size in sizes}
    write_tree(here.path, tree)
    here.push("dataset")
    there.pull("dataset")
    assert read_tree(there.path) == tree


def test_what_is_hidden_half_written_or_of_this_machine_alone_stays_here(copies: Copies, bucket: Bucket) -> None:
    here = copies("here")
    stays = [
        "chunks/.x.parquet.1-ab.tmp",
        "chunks/x.tmp",
        ".lock",
        ".packing/receipts/a.json",
        "index/.lock",
        "verified",
    ]
    write_tree(here.path, dict.fromkeys([*stays, "chunks/x"], b"x"))
    here.push("chunks", "index", ".packing", ".lock", "verified")
    assert bucket.files() == {"chunks/x": b"x"}


def test_parts_are_fetched_once_whatever_the_store_says_later(
    copies: Copies, bucket: Bucket, server: ObjectServer
) -> None:
    there = copies("there")
    part = PART.format("a" * 32)
    bucket.put(f"runs/first/{part}", b"rows")
    assert there.pull("ledger") == 1
    bucket.put(f"runs/first/{part}", b"other rows")
    server.forget()
    assert there.pull("ledger") == 0
    assert [(asked.method, asked.query[:11]) for asked in server.asked] == [("GET", "list-type=2")]


def test_only_what_is_wanted_is_fetched(copies: Copies, bucket: Bucket) -> None:
    there = copies("there")
    parts = [PART.format(writer * 32) for writer in "ab"]
    for part in parts:
        bucket.put(f"runs/first/{part}", b"rows")
    assert there.pull("ledger", wanted=lambda place: "a" * 32 in place) == 1
    assert read_tree(there.path) == {parts[0]: b"rows"}


def test_a_changed_file_is_fetched_again(copies: Copies) -> None:
    here, there = copies("here"), copies("there")
    for text in (b"one", b"two!", b"and three"):
        write_tree(here.path, {"reports/index.json": text, "config.yaml": b"the same"})
        here.push("reports", "config.yaml")
        assert there.pull("reports", "config.yaml") == (2 if text == b"one" else 1)
        assert read_tree(there.path)["reports/index.json"] == text


def test_a_file_of_the_same_size_is_fetched_again_once_its_time_differs(copies: Copies) -> None:
    here, there = copies("here"), copies("there")
    write_tree(here.path, {"config.yaml": b"one"})
    here.push("config.yaml")
    there.pull("config.yaml")
    write_tree(here.path, {"config.yaml": b"two"})
    while not there.pull("config.yaml"):  # stores tell whole seconds
        here.put(here.path / "config.yaml")
    assert read_tree(there.path) == {"config.yaml": b"two"}


def test_what_is_changed_here_and_not_sent_yet_is_not_fetched_over(copies: Copies) -> None:
    here = copies("here")
    write_tree(here.path, {"config.yaml": b"old"})
    here.push("config.yaml")
    write_tree(here.path, {"config.yaml": b"newer"})
    assert here.pull("config.yaml") == 0
    assert here.push("config.yaml") == 1


def test_what_is_gone_from_a_folder_with_one_writer_goes_everywhere(copies: Copies, bucket: Bucket) -> None:
    here, there = copies("here"), copies("there")
    write_tree(here.path, dataset(0))
    here.push("dataset")
    there.pull("dataset")
    for path in (here.path / "dataset").rglob("*.*"):
        path.unlink()
    write_tree(here.path, dataset(1))
    here.push("dataset")
    assert bucket.files() == dataset(1)
    there.pull("dataset")
    assert read_tree(there.path) == dataset(1)


def test_what_one_worker_lacks_of_a_shared_folder_stays(copies: Copies, bucket: Bucket) -> None:
    one, two = copies("one"), copies("two")
    write_tree(one.path, {PART.format("1" * 32): b"1", "chunks/teacher=one/a.parquet": b"a", "reports/a.json": b"a"})
    write_tree(two.path, {PART.format("2" * 32): b"2", "chunks/teacher=one/b.parquet": b"b", "reports/b.json": b"b"})
    for worker in (one, two, one):
        worker.push("ledger", "chunks", "reports")
    assert len(bucket.files()) == 6


def test_a_folder_that_was_never_fetched_is_not_emptied(copies: Copies, bucket: Bucket) -> None:
    here, there = copies("here"), copies("there")
    write_tree(here.path, dataset(0))
    here.push("dataset")
    there.push("dataset")
    assert bucket.files() == dataset(0)


def test_two_workers_send_parts_at_once_and_none_is_lost(copies: Copies, bucket: Bucket) -> None:
    workers = [copies("one"), copies("one"), copies("two")]
    parts = [[PART.format(f"{worker}{part}".rjust(32, "0")) for part in range(20)] for worker in range(len(workers))]

    def work(worker: Mirror, names: list[str]) -> None:
        for name in names:
            write_atomic(worker.path / name, name.encode())
            worker.put(worker.path / name)
            worker.put(_report(worker, name))

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(work, *job) for job in zip(workers, parts, strict=True)]:
            done.result()
    everything = {name: name.encode() for names in parts for name in names}
    assert {place: data for place, data in bucket.files().items() if place.startswith("ledger")} == everything
    assert [worker.push("ledger", "reports") for worker in workers] == [0, 0, 0]


def _report(worker: Mirror, name: str) -> Path:
    path = worker.path / "reports" / f"{name[-60:-40]}.json"
    write_atomic(path, b"{}")
    return path


@pytest.mark.parametrize(
    "key",
    [
        "ledger/../../outside",
        "ledger//etc/passwd",
        "ledger/./x",
        "ledger/a\\b",
        "ledger/\x1b[2J",
        "ledger/..",
        "ledger/a",
    ],
)
def test_keys_that_are_no_places_are_refused_by_name(copies: Copies, bucket: Bucket, key: str) -> None:
    there = copies("there")
    bucket.put(f"runs/first/{key}", b"x")
    bucket.put("runs/first/ledger/a/b", b"x")
    before = sorted(there.path.parent.parent.rglob("*"))
    with pytest.raises(StorageError, match="no file of a run directory: ledger/"):
        there.pull("ledger")
    assert sorted(there.path.parent.parent.rglob("*")) == before


def test_objects_that_only_name_folders_are_no_files(copies: Copies, bucket: Bucket) -> None:
    there = copies("there")
    for key in ("ledger/", "ledger/teacher=one/", "ledger/teacher=one/a"):
        bucket.put(f"runs/first/{key}", b"")
    assert there.pull("ledger") == 1


def test_a_copy_is_known_by_its_folder(copies: Copies, tmp_path: Path) -> None:
    here = copies("here")
    found = find_mirror(here.path)
    assert found is not None
    assert (found.url, found.path) == (here.url, here.path)
    assert find_mirror(tmp_path) is None
    assert find_mirror(tmp_path / "none") is None
    write_tree(here.path, {".mirror/origin.json": b"{}"})
    with pytest.raises(RunDirectoryError, match=r"origin\.json: damaged"):
        find_mirror(here.path)


def test_lost_notes_cost_transfers_and_nothing_else(copies: Copies) -> None:
    here, there = copies("here"), copies("there")
    write_tree(here.path, dataset(0))
    here.push("dataset")
    there.pull("dataset")
    write_tree(there.path, {".mirror/notes.json": b"{"})
    assert there.pull("dataset") == len(dataset(0))
    assert there.pull("dataset") == 0
    assert read_tree(there.path) == dataset(0)
