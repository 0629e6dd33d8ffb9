"""How a benchmark lies on disk, and the one way of reading it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from pydantic import ValidationError

from pipeline.tables import TableWriter, damage_explained
from schemas.benchmark import BENCHMARK_VERSION, BenchmarkItem, BenchmarkManifest
from schemas.derived import arrow_schema
from schemas.errors import ConservationError, DatasetError

if TYPE_CHECKING:
    from datasets import Features

MANIFEST_FILE = "benchmark.json"
LEAKS_FILE = "leaks.json"
TFIDF_FILE = "tfidf.parquet"
BASELINES_DIRECTORY = "baselines"
SPLIT = "test"
"""The one split: what harnesses look for."""

ITEMS_PER_FILE = 500
_ROW_GROUP = 64
"""Items that are read at once where one is wanted: some 6 MB with pictures."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark on disk, its manifest read and checked."""

    root: Path
    manifest: BenchmarkManifest

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The Parquet files of the items, in order."""
        return tuple(self.root / path for path in data_paths(self.manifest.items))

    @property
    def tfidf_file(self) -> Path:
        """Document frequencies of the references' words."""
        return self.root / TFIDF_FILE

    def baseline_file(self, name: str) -> Path:
        """Predictions of a baseline that ships with the benchmark: ``pixels`` or ``label-only``.

        There are none of ``pixels``, and so no floor, where the benchmark was built from a dataset without pictures.
        """
        return self.root / BASELINES_DIRECTORY / f"{name}.jsonl"

    def items(self, *, pictures: bool = False) -> Iterator[BenchmarkItem]:
        """Every item, in order, a few in memory at a time.

        Args:
            pictures: read the photographs too, where there are any.

        Raises:
            DatasetError: a file is missing or damaged, or items are missing.
        """
        found = 0
        for path in self.data_files:
            for item in read_items(path, pictures=pictures):
                yield item
                found += 1
        if found != self.manifest.items:
            raise DatasetError(
                f"{self.root}: holds {found:,} items, {MANIFEST_FILE} says {self.manifest.items:,}",
                "copy or build the benchmark again",
            )


def data_paths(items: int) -> list[str]:
    """Paths of the Parquet files that so many items take."""
    files = max(1, math.ceil(items / ITEMS_PER_FILE))
    return [f"data/{SPLIT}-{number:05}-of-{files:05}.parquet" for number in range(files)]


def write_items(root: Path, items: Iterable[BenchmarkItem], count: int) -> None:
    """Write the items' Parquet files, a few items in memory at a time; each file appears whole or not at all.

    Args:
        root: the benchmark's folder.
        items: in the benchmark's order.
        count: how many they are, which the files' names tell.

    Raises:
        ConservationError: they are more or fewer.
        OSError: the disk is full.
    """
    schema = item_features().arrow_schema  # names the features, so that ``datasets`` finds pictures typed
    remaining, written = iter(items), 0
    for path in data_paths(count):
        with TableWriter(root / path, BenchmarkItem, _ROW_GROUP, schema) as writer:
            for item in islice(remaining, ITEMS_PER_FILE):
                writer.add(item)
            written += writer.rows
    if written != count or next(remaining, None) is not None:
        raise ConservationError(f"{root}: {count:,} items were to be written, and there were {written:,} or more")


def read_items(path: Path, *, pictures: bool) -> Iterator[BenchmarkItem]:
    """Yield one file's items.

    Raises:
        DatasetError: the file is missing or damaged, or holds something else.
    """
    with damage_explained(path, DatasetError, "copy or build the benchmark again"), pq.ParquetFile(path) as file:
        columns = [name for name in file.schema_arrow.names if pictures or name != "image"]
        without = {} if pictures else {"image": None}
        for batch in file.iter_batches(_ROW_GROUP, columns=columns):
            # lax: Arrow gives lists where the contract has tuples
            yield from (BenchmarkItem.model_validate({**without, **row}, strict=False) for row in batch.to_pylist())


@functools.cache
def item_features() -> Features:
    """The features of an item as ``datasets`` reads it."""
    from datasets import Features, Image  # noqa: PLC0415 - takes a second, and few callers need it

    return Features({**Features.from_arrow_schema(arrow_schema(BenchmarkItem)), "image": Image()})


def open_benchmark(root: Path) -> Benchmark:
    """Read a benchmark's manifest.

    Raises:
        DatasetError: there is no benchmark, its manifest is damaged, or it is of another version.
    """
    path = root / MANIFEST_FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise DatasetError(
            f"{path if root.is_dir() else root}: there is no such {'file' if root.is_dir() else 'folder'}",
            f"name the folder of a benchmark, the one that holds {MANIFEST_FILE}",
        ) from error
    try:
        manifest = BenchmarkManifest.model_validate_json(data)
    except ValidationError as error:
        raise DatasetError(f"{path}: is damaged, or of another version", "copy or build the benchmark again") from error
    if manifest.benchmark_version != BENCHMARK_VERSION:
        version = manifest.benchmark_version
        raise DatasetError(f"{path}: is of version {version}; this reads {BENCHMARK_VERSION}", "build it again")
    if manifest.sha256 != manifest.digest():
        raise DatasetError(f"{path}: is damaged", "copy or build the benchmark again")
    return Benchmark(root, manifest)
