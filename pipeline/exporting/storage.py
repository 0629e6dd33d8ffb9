"""How rows lie on disk: Parquet with the pictures inside, or lines of JSON with the pictures beside them.

A part is what one shard gives. It is written row by row and appears whole or not at all; its bytes are a function of
its rows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import TEMPORARY_SUFFIX, atomic_writer, sync_directory
from schemas.base import canonical_json

Value = Any
"""Text, whole numbers, and lists and dictionaries of them; in Parquet also bytes."""

ROWS_PER_GROUP = 100
"""Rows of a Parquet row group, and all that is held in memory: some 10 MB of pictures. It is also what a reader takes
in at a time; ``datasets`` writes pictures in groups of this size, too."""

PICTURES_DIRECTORY = "images"

PICTURES_PER_FOLDER = 10_000
"""Entries that file systems, and the hub, take without complaint."""


class PartWriter(Protocol):
    """Takes a part's rows."""

    def keep_picture(self, key: str, jpeg: bytes) -> Value:
        """Take an image's picture, once, and return what its rows hold in its place."""

    def add(self, row: Mapping[str, Value]) -> None:
        """Append a row."""


@contextlib.contextmanager
def open_parquet(path: Path, schema: pa.Schema) -> Iterator[PartWriter]:
    """Write a Parquet file that embeds its pictures."""
    with atomic_writer(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as parquet:
        part = _ParquetPart(parquet, schema)
        yield part
        part.flush()


def find_pictures(root: Path, part: str | Path) -> Path:
    """The folder of the pictures that lie beside a part's lines."""
    return root / PICTURES_DIRECTORY / Path(part).stem


@contextlib.contextmanager
def open_lines(path: Path, root: Path) -> Iterator[PartWriter]:
    """Write lines of JSON at ``path`` and pictures where :func:`find_pictures` says. The lines come last.

    Pictures are not synced one by one, which would take longer than to write them, but all at once before their folder
    gets its name.
    """
    pictures = find_pictures(root, path)
    unfinished = pictures.with_name(f".{pictures.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with atomic_writer(path) as file:
            unfinished.mkdir(parents=True)
            yield _LinesPart(file, unfinished, pictures.relative_to(root).as_posix())
            os.sync()
            shutil.rmtree(pictures, ignore_errors=True)
            unfinished.rename(pictures)
            sync_directory(pictures.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class _ParquetPart:
    def __init__(self, parquet: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._parquet = parquet
        self._schema = schema
        self._rows: list[Mapping[str, Value]] = []

    def keep_picture(self, key: str, jpeg: bytes) -> Value:
        return {"bytes": jpeg, "path": f"{key}.jpg"}

    def add(self, row: Mapping[str, Value]) -> None:
        self._rows.append(row)
        if len(self._rows) == ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._parquet.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


class _LinesPart:
    def __init__(self, file: BinaryIO, folder: Path, shown: str) -> None:
        self._file = file
        self._folder = folder
        self._shown = shown
        self._pictures = 0

    def keep_picture(self, key: str, jpeg: bytes) -> Value:
        group, place = divmod(self._pictures, PICTURES_PER_FOLDER)
        if place == 0:
            (self._folder / f"{group:02d}").mkdir()
        self._pictures += 1
        name = f"{group:02d}/{key}.jpg"
        (self._folder / name).write_bytes(jpeg)
        return f"{self._shown}/{name}"

    def add(self, row: Mapping[str, Value]) -> None:
        self._file.write(canonical_json(row) + b"\n")
