"""Chunks on disk: what was cut, under a name that follows from its contents."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.files import write_atomic
from pipeline.tables import read_columns, read_rows, write_rows
from schemas.base import canonical_json
from schemas.chunk import ChunkImage
from schemas.errors import RunDirectoryError

_ID_FILE = "run-id"


def claim_run_id(chunks: Path) -> str:
    """What runs of this run directory are tagged with, 32 hexadecimal digits; drawn once.

    It belongs to the directory and not to the configuration: two builds of one configuration share no work.

    Raises:
        RunDirectoryError: the file that holds it is damaged.
    """
    path = chunks / _ID_FILE
    if not path.exists():
        write_atomic(path, uuid.uuid4().hex.encode())
    try:
        return uuid.UUID(path.read_text()).hex
    except ValueError as error:
        raise RunDirectoryError(f"{path}: damaged", "remove it once no flow run of this build is left") from error


def name_chunk(teacher: str, images: Sequence[ChunkImage]) -> str:
    """The chunk's key: sixteen hexadecimal digits of the SHA-256 of its teacher and rows.

    Whoever cuts the same work again gets the same key, and so finds the run that has it already.
    """
    # by hand: a build's first chunks hold all of its images, and dumping so many models takes seconds
    rows = [[each.image_id, each.last_attempt, each.spent, each.status, each.failures] for each in images]
    return hashlib.sha256(canonical_json([teacher, rows])).hexdigest()[:16]


def chunk_file(chunks: Path, teacher: str, key: str) -> Path:
    """Where a chunk's rows lie."""
    return chunks / f"teacher={teacher}" / f"{key}.parquet"


def beginning_file(chunks: Path, teacher: str, key: str) -> Path:
    """The file that a run of the chunk leaves when it begins to ask."""
    return chunk_file(chunks, teacher, key).with_suffix(".begun")


def write_chunk(chunks: Path, teacher: str, images: Sequence[ChunkImage]) -> str:
    """Write a chunk down, whole or not at all.

    Returns:
        Its key.
    """
    key = name_chunk(teacher, images)
    write_rows(chunk_file(chunks, teacher, key), images, ChunkImage)
    return key


def read_chunk(path: Path) -> list[ChunkImage]:
    """Read a chunk's rows, in the order in which they are asked.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    return list(read_rows(path, ChunkImage))


def read_failures(chunks: Path, teacher: str) -> Iterator[tuple[str, int]]:
    """Images that runs have broken off on, and how often, as far as any chunk says so.

    Raises:
        RunDirectoryError: a chunk's file is damaged.
    """
    for path in sorted(chunks.glob(f"teacher={teacher}/*.parquet")):
        columns = read_columns(path, ["image_id", "failures"])
        for image_id, failures in zip(columns["image_id"].to_pylist(), columns["failures"].to_pylist(), strict=True):
            if failures:
                yield image_id, failures
