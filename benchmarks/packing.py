"""Records to shards, against ``webdataset.ShardWriter`` on the same records."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import webdataset

from benchmarks.builds import generate_all
from benchmarks.harness import Comparison, Round, Scale, race
from pipeline import stages
from pipeline.files import atomic_writer
from pipeline.packing import WORK_DIRECTORY
from pipeline.packing.records import serialise_record, serialise_sample
from pipeline.tars import END_OF_ARCHIVE
from schemas.record import ThinkRecord

IMAGES = {"tiny": 12, "quick": 500, "full": 2000}
ROUNDS = {"tiny": 1, "quick": 3, "full": 7}


class Sample(NamedTuple):
    """One packed image."""

    record: ThinkRecord
    jpeg: bytes
    label: int


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Write photographs with two pairs each to shards, in one process.

    First from records that lie ready in memory, then by the whole stage: read selection and ledger, check each
    picture's bytes, parse, validate, write. ``ShardWriter`` always gets records from memory, and neither digests nor
    syncs what it writes, as ours does, unless it is told to.
    """
    build = generate_all(directory, IMAGES[scale])
    stages.pack_dataset(build)
    samples = list(_read_samples(build.run.dataset))
    megabytes = sum(path.stat().st_size for path in build.run.dataset.rglob("*.tar")) / 1e6

    def stage() -> int:
        return stages.pack_dataset(build).packed

    out = directory / "out"
    writer, plain, durable = _writer(samples, out), _webdataset(samples, out), _webdataset(samples, out, post=_sync)
    for what, ours, against, baseline in (
        ("write shards from records", writer, "webdataset.ShardWriter", plain),
        ("write shards from records", writer, "webdataset.ShardWriter, fsync", durable),
        ("pack: the whole stage", stage, "webdataset.ShardWriter", plain),
    ):
        rounds = _rounds(ROUNDS[scale], Round(megabytes, ours, baseline), build, out)
        yield race(what, "MB/s", against, rounds)


def _read_samples(dataset: Path) -> Iterator[Sample]:
    for path in sorted(dataset.rglob("*.tar")):
        with tarfile.open(path) as archive:
            members = (archive.extractfile(member) for member in archive)
            data = [member.read() for member in members if member is not None]
        for label, jpeg, text in zip(data[0::3], data[1::3], data[2::3], strict=True):
            yield Sample(ThinkRecord.model_validate_json(text), jpeg, int(label))


def _rounds(count: int, turn: Round, build: stages.Build, out: Path) -> Iterator[Round]:
    """The same round, each time with nothing written before."""
    for _ in range(count):
        for folder in (out, build.run.dataset, build.run.path / WORK_DIRECTORY):
            shutil.rmtree(folder, ignore_errors=True)
        out.mkdir()
        yield turn


def _writer(samples: list[Sample], out: Path) -> Callable[[], int]:
    def work() -> int:
        digest = hashlib.sha256()
        with atomic_writer(out / "ours.tar") as file:
            for sample in samples:
                blocks = serialise_sample(sample.record, sample.jpeg, sample.label)
                digest.update(blocks)
                file.write(blocks)
            file.write(END_OF_ARCHIVE)
        return len(samples)

    return work


def _webdataset(samples: list[Sample], out: Path, post: Callable[[str], None] | None = None) -> Callable[[], int]:
    records = [json.loads(serialise_record(sample.record)) for sample in samples]

    def work() -> int:
        with webdataset.ShardWriter(str(out / "webdataset-%05d.tar"), post=post, verbose=0) as writer:
            for record, (_, jpeg, label) in zip(records, samples, strict=True):
                writer.write({"__key__": record["image_id"], "jpg": jpeg, "json": record, "cls": label})
        return len(samples)

    return work


def _sync(path: str) -> None:
    with Path(path).open("rb") as file:
        os.fsync(file.fileno())
