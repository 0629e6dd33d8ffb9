"""A file, and a folder, is in the store whole or not at all, whenever anything breaks off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from pipeline.storage import Mirror
from schemas.errors import StorageError
from tests.fakes.object_server import Asked, ObjectServer
from tests.pipeline.storage.conftest import Bucket, Copies
from tests.pipeline.storage.trees import dataset, read_tree, write_tree

SHARD = "dataset/data/train-00000-of-00001.tar"
SMALL, LARGE = b"small", bytes(11 << 20)

BREAKS: dict[str, tuple[bytes, Callable[[Asked], bool]]] = {
    "all of a small file": (SMALL, lambda asked: asked.method == "PUT"),
    "beginning an upload in parts": (LARGE, lambda asked: asked.query == "uploads"),
    "a part": (LARGE, lambda asked: "partNumber=2" in asked.query),
    "ending it": (LARGE, lambda asked: asked.method == "POST" and asked.query != "uploads"),
}


@pytest.mark.parametrize("breaks", BREAKS)
def test_an_upload_that_breaks_off_leaves_what_was_there(
    impatient: Mirror, bucket: Bucket, server: ObjectServer, breaks: str
) -> None:
    data, refuses = BREAKS[breaks]
    bucket.put(f"runs/first/{SHARD}", b"before")
    write_tree(impatient.path, {SHARD: data})
    server.refuses = refuses
    with pytest.raises(StorageError, match="out of order"):
        impatient.put(impatient.path / SHARD)
    assert bucket.files() == {SHARD: b"before"}
    server.forget()
    impatient.put(impatient.path / SHARD)
    assert bucket.files() == {SHARD: data}


def test_a_process_killed_in_the_middle_of_an_upload_leaves_nothing(
    copies: Copies, bucket: Bucket, server: ObjectServer
) -> None:
    here = copies("here")
    write_tree(here.path, {SHARD: LARGE})
    under_way, killed = threading.Event(), threading.Event()

    def hold(asked: Asked) -> bool:
        if "partNumber=2" in asked.query:
            under_way.set()
            killed.wait(30)
        return False

    server.refuses = hold
    script = (
        f"from pathlib import Path; from pipeline.storage import find_mirror; find_mirror(Path({str(here.path)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", f"{script}.push('dataset')"], env=dict(os.environ))
    assert under_way.wait(30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed.set()
    server.forget()
    assert bucket.files() == {}
    assert here.push("dataset") == 1
    assert bucket.files() == {SHARD: LARGE}


def test_a_file_that_vanishes_before_it_is_sent_leaves_nothing(impatient: Mirror, bucket: Bucket) -> None:
    with pytest.raises(FileNotFoundError):
        impatient.put(impatient.path / SHARD)
    assert bucket.files() == {}


def test_wherever_sending_breaks_off_a_mark_is_never_without_its_files(
    impatient: Mirror, bucket: Bucket, server: ObjectServer
) -> None:
    write_tree(impatient.path, dataset(0))
    impatient.push("dataset")
    for path in (impatient.path / "dataset").rglob("*.*"):
        path.unlink()
    write_tree(impatient.path, dataset(1))
    steps = 0
    while _breaks_after(steps, impatient, server):
        held = bucket.files()
        assert "dataset/manifest.json" not in held or held in (dataset(0), dataset(1))
        for number, old in enumerate((dataset(0), dataset(1))):
            assert held.get("dataset/manifest.json") != old["dataset/manifest.json"] or held == dataset(number)
        steps += 1
    assert bucket.files() == dataset(1)
    assert steps > 3


def _breaks_after(steps: int, mirror: Mirror, server: ObjectServer) -> bool:
    """Send while the store takes so many changes and no more, as if the sender had died; whether that broke it off."""
    server.forget()
    server.refuses = lambda asked: asked.is_write and sum(each.is_write for each in server.asked) > steps
    try:
        mirror.push("dataset")
    except StorageError:
        return True
    finally:
        server.forget()
    return False


def test_wherever_fetching_breaks_off_a_mark_is_never_without_its_files(
    copies: Copies, impatient: Mirror, server: ObjectServer
) -> None:
    here = copies("here")
    write_tree(here.path, dataset(0))
    here.push("dataset")
    impatient.pull("dataset")
    (here.path / "dataset/data/train-00003-of-00004.tar").unlink()
    write_tree(here.path, dataset(1))
    here.push("dataset")
    broken = 0
    for shard in range(3):
        server.forget()
        server.refuses = lambda asked, shard=shard: f"train-0000{shard}" in asked.path  # type: ignore[misc]
        try:
            impatient.pull("dataset")
        except StorageError:
            broken += 1
            assert "dataset/manifest.json" not in read_tree(impatient.path)
    server.forget()
    impatient.pull("dataset")
    assert read_tree(impatient.path) == dataset(1)
    assert broken


def test_an_answer_that_ends_early_is_asked_for_again(copies: Copies, server: ObjectServer) -> None:
    here, there = copies("here"), copies("there")
    write_tree(here.path, {SHARD: b"a shard's bytes"})
    here.push("dataset")
    cut = iter([True])
    server.cuts = lambda asked: asked.method == "GET" and asked.path.endswith(".tar") and next(cut, False)
    there.pull("dataset")
    assert read_tree(there.path) == {SHARD: b"a shard's bytes"}


def test_errors_that_pass_are_waited_for(copies: Copies, bucket: Bucket, server: ObjectServer) -> None:
    here = copies("here")
    write_tree(here.path, {SHARD: SMALL})
    refusals = iter(range(3))  # more than Arrow takes by itself
    server.refuses = lambda asked: asked.method == "PUT" and next(refusals, None) is not None
    here.push("dataset")
    assert bucket.files() == {SHARD: SMALL}


def test_an_interrupt_while_sending_stores_the_whole_file_or_nothing(
    copies: Copies, bucket: Bucket, server: ObjectServer
) -> None:
    here = copies("here")
    write_tree(here.path, {SHARD: LARGE})

    def interrupt(asked: Asked) -> bool:
        if asked.query == "uploads":
            signal.raise_signal(signal.SIGINT)
        return False

    server.refuses = interrupt
    with pytest.raises(KeyboardInterrupt):
        here.put(here.path / SHARD)
    assert bucket.files() in ({}, {SHARD: LARGE})
