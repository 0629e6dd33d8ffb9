"""Reading a packed dataset by its readers' libraries, against the same rows as Parquet with embedded pictures."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import webdataset
from datasets import Image, load_dataset

from benchmarks.builds import pack_photographs
from benchmarks.harness import Comparison, Round, Scale, race
from pipeline.packed import open_dataset
from schemas.image import Split

IMAGES = {"tiny": 12, "quick": 400, "full": 2000}
ROUNDS = {"tiny": 1, "quick": 3, "full": 7}

SPLIT: Split = "train"

Found = tuple[int, int]
"""Rows, and what was seen of their pictures: bytes, or pixels where they were decoded."""
Work = Callable[[], Found]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Holding:
    """The same rows twice."""

    shards: Path
    """A packed dataset."""
    parquet: Path
    """As ``Dataset.to_parquet`` writes it, one file per shard."""
    cache: Path
    rows: int


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Read all training rows in one process, each whole: record and picture, in its own encoding or decoded.

    Everything lies in the disk's cache, so that reading computes and nothing else; only what the first full load writes
    goes to the disk.
    """
    with _without_bars():
        held = _hold_twice(directory, IMAGES[scale])
        shards, parquet = _streaming(held, held.shards), _streaming(held, held.parquet)
        for stream in (shards, parquet):
            _pixels(stream())  # what the libraries load at their first use is nobody's to pay
        # of a full load the waiting for the disk counts, of the rest nothing waits
        computing, all_of_it = time.process_time, time.perf_counter
        lines: list[tuple[str, Work, str, Work, Clock]] = [
            ("datasets streaming", lambda: _bytes(shards()), "", lambda: _bytes(parquet()), computing),
            ("datasets streaming, decoded", lambda: _pixels(shards()), "", lambda: _pixels(parquet()), computing),
            ("datasets, first full load", _loading(held, held.shards), "", _loading(held, held.parquet), all_of_it),
            ("webdataset", lambda: _read_tars(held), ", streaming", lambda: _bytes(parquet()), computing),
            ("webdataset, decoded", lambda: _decode_tars(held), ", streaming", lambda: _pixels(parquet()), computing),
            ("our own reader", lambda: _read_rows(held), ", streaming", lambda: _bytes(parquet()), computing),
        ]
        for what, ours, how, baseline, clock in lines:
            turns = itertools.repeat(Round(held.rows, ours, baseline), ROUNDS[scale])
            yield race(f"read by {what}", "samples/s", f"Parquet{how}", turns, clock)


def compare_timm(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Read pictures and classes with timm's reader, which leaves the records alone; so does the baseline."""
    from timm.data import create_dataset  # noqa: PLC0415 - not in the core installation

    with _without_bars():
        held = _hold_twice(directory, IMAGES[scale])

        def read() -> Found:
            samples = create_dataset("wds/imagenet-think", root=str(held.shards), split=SPLIT)
            return _add_up(picture.width * picture.height for picture, _ in samples)

        baseline = _streaming(held, held.parquet, columns=["jpg", "cls"])
        turn = Round(held.rows, read, lambda: _pixels(baseline()))
        turn.ours(), turn.baseline()  # as above
        rounds = itertools.repeat(turn, ROUNDS[scale])
        against = "Parquet, streaming, these columns"
        yield race("read by timm, decoded", "samples/s", against, rounds, time.process_time)


def _hold_twice(directory: Path, images: int) -> Holding:
    shards, parquet, cache = pack_photographs(directory, images), directory / "parquet", directory / "cache"
    loaded = load_dataset(str(shards), split=SPLIT, cache_dir=str(cache))
    parquet.mkdir()
    files = len(open_dataset(shards).shards(SPLIT))
    for number in range(files):
        part = loaded.shard(files, number, contiguous=True)
        part.to_parquet(parquet / f"{SPLIT}-{number:05d}-of-{files:05d}.parquet")
    return Holding(shards, parquet, cache, len(loaded))


def _streaming(held: Holding, folder: Path, **options: Any) -> Callable[[], Any]:
    def open_stream() -> Any:
        return load_dataset(str(folder), split=SPLIT, streaming=True, cache_dir=str(held.cache), **options)

    return open_stream


def _loading(held: Holding, folder: Path) -> Work:
    """Until the library's own copy lies in a cache that was empty."""

    def load() -> Found:
        fresh = held.cache / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        return len(load_dataset(str(folder), split=SPLIT, cache_dir=str(fresh))), 0

    return load


def _bytes(rows: Any) -> Found:
    return _add_up(len(row["jpg"]["bytes"]) for row in rows.cast_column("jpg", Image(decode=False)))


def _pixels(rows: Any) -> Found:
    return _add_up(row["jpg"].width * row["jpg"].height for row in rows)


def _read_tars(held: Holding) -> Found:
    rows = ((sample["jpg"], json.loads(sample["json"]), int(sample["cls"])) for sample in _samples(held))
    return _add_up(len(jpeg) for jpeg, _, _ in rows)


def _decode_tars(held: Holding) -> Found:
    samples = _samples(held).decode("pil")
    return _add_up(sample["jpg"].width * sample["jpg"].height for sample in samples)


def _samples(held: Holding) -> Any:
    shards = open_dataset(held.shards).shards(SPLIT)
    return webdataset.WebDataset([str(held.shards / shard.path) for shard in shards], shardshuffle=False)


def _read_rows(held: Holding) -> Found:
    dataset = open_dataset(held.shards)
    rows = (row for shard in dataset.shards(SPLIT) for row in dataset.read(shard))
    return _add_up(len(row.jpeg or b"") for row in rows)


def _add_up(pictures: Iterable[int]) -> Found:
    rows = total = 0
    for picture in pictures:
        rows, total = rows + 1, total + picture
    return rows, total


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    were_off = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            datasets.enable_progress_bars()
