"""Parts of an index: immutable Parquet files that each hold stretches of containers as they were scanned.

A part is ``part-X.parquet``, rows of ``IndexedImage``, and where anything was rejected ``part-X.rejections.parquet``
beside it, which is written first. The metadata of a part lists its *stretches*: what was scanned, from where to where,
and how many rows belong to it. X begins with the digest of the first file, whose metadata holds that of the second, so
that no damage goes unnoticed. Files appear whole or not at all: several builds may share one folder without knowing of
each other.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import io
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.files import TEMPORARY_SUFFIX, write_atomic
from schemas.base import Contract
from schemas.derived import arrow_schema
from schemas.rejection import Rejection

_METADATA = b"imagenet-think.part.1"
"""Key of a part's own account of itself; another number for another meaning."""
_NAME, _IMAGES, _REJECTIONS = "part-", ".parquet", ".rejections.parquet"
_KEPT_OPEN = 4
"""Parts whose rows are kept in memory while an index is merged: two builds' parts may interleave."""
_FORGOTTEN_SECONDS = 86_400
"""Age of a temporary file in a shared folder that nobody can still be writing."""

PART_COLUMNS = ["wnid", "container", "format"]
"""Columns whose values repeat: encoded as dictionaries."""


class Stretch(Contract):
    """What was found in a container between two positions."""

    key: str
    """Of the container, with all else that the rows depend on."""
    container: str
    """Its name, for people."""
    start: int
    next: int
    """Where to go on."""
    finished: bool
    """Nothing of the container follows."""
    images: int = Field(ge=0)
    rejections: int = Field(ge=0)
    companions: int = Field(ge=0)

    @property
    def entries(self) -> int:
        """Everything that was met."""
        return self.images + self.rejections + self.companions


class _Account(Contract):
    """What the metadata of a part says."""

    stretches: tuple[Stretch, ...]
    rejections_sha256: str
    """Of the file of rejections; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stretch, and where its rows lie: in which part, from which row on."""

    stretch: Stretch
    part: Path
    image_row: int
    rejection_row: int

    def follows(self, other: Stored) -> bool:
        """Whether its rows come right after another one's."""
        return (
            self.part == other.part
            and self.image_row == other.image_row + other.stretch.images
            and self.rejection_row == other.rejection_row + other.stretch.rejections
        )


class DamagedPartError(Exception):
    """A part whose rows cannot be read. Never leaves the index: its stretches are scanned again."""

    def __init__(self, part: Path, problem: str) -> None:
        super().__init__(f"{part}: {problem}")
        self.part = part
        self.problem = problem


def write_part(folder: Path, stretches: Sequence[Stretch], images: pa.Table, rejections: pa.Table) -> None:
    """Write a new part; the rows stand in the order of the stretches.

    Raises:
        OSError: the folder cannot be written.
    """
    beside = _encode(rejections) if len(rejections) else b""
    account = _Account(
        stretches=tuple(stretches), rejections_sha256=hashlib.sha256(beside).hexdigest() if beside else ""
    )
    data = _encode(images.replace_schema_metadata({_METADATA: account.model_dump_json()}))
    # random letters too: two machines may scan the same into one folder at once, under equal process numbers
    part = folder / f"{_NAME}{hashlib.sha256(data).hexdigest()}-{secrets.token_hex(4)}{_IMAGES}"
    if beside:
        write_atomic(rejections_of(part), beside)
    write_atomic(part, data)


def _encode(table: pa.Table) -> bytes:
    columns = [name for name in PART_COLUMNS if name in table.column_names]
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", use_dictionary=columns, write_statistics=False)
    return file.getvalue()


def rejections_of(part: Path) -> Path:
    """The file of a part's rejections, which need not be there."""
    return part.with_name(part.name.removesuffix(_IMAGES) + _REJECTIONS)


class Parts:
    """The parts in one folder, and which stretches they hold.

    Memory grows with the number of stretches (some hundred bytes each), not with that of images.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._damaged: list[DamagedPartError] = []
        self._known: dict[Path, list[Stored]] = {}
        self._by_start: defaultdict[tuple[str, int], list[Stored]] = defaultdict(list)

    def refresh(self) -> list[Stored]:
        """Take in what appeared in the folder, or vanished from it.

        Returns:
            The new stretches.
        """
        there = set(_list(self.folder))
        for part in self._known.keys() - there:
            self._drop(part)
        fresh: list[Stored] = []
        for part in sorted(there - self._known.keys()):
            try:
                stretches = _read_stretches(part)
            except DamagedPartError as damage:
                self._damaged.append(damage)
                stretches = []
            self._known[part] = stretches
            fresh += stretches
        for stored in fresh:
            self._by_start[stored.stretch.key, stored.stretch.start].append(stored)
        return fresh

    def take_damaged(self) -> list[DamagedPartError]:
        """What was found to be damaged since this was last asked."""
        damaged, self._damaged = self._damaged, []
        return damaged

    def chain(self, key: str, start: int) -> list[Stored]:
        """The stretches of a container that follow on each other from its start: to its end, or as far as any reach.

        Two indexes that share the folder may have cut it at different places, and either may have broken off.
        """
        reached: dict[int, Stored] = {}
        waiting = [start]
        while waiting:
            position = waiting.pop()
            for stored in self._by_start.get((key, position), ()):
                after = stored.stretch.next
                if stored.stretch.finished:
                    return _trace(stored, reached, start)
                if after > position and after not in reached:
                    reached[after] = stored
                    waiting.append(after)
        return _trace(reached[max(reached)], reached, start) if reached else []

    def discard(self, part: Path) -> None:
        """Remove a part for good, so that its stretches are scanned again."""
        part.unlink(missing_ok=True)
        rejections_of(part).unlink(missing_ok=True)
        self._drop(part)

    def keep_only(self, used: set[Path]) -> None:
        """Remove every other part, and what interrupted writers left behind."""
        for part in set(_list(self.folder)) - used:
            self.discard(part)
        wanted = {path.name for part in used for path in (part, rejections_of(part))}
        for path in self.folder.glob(f"*{_NAME}*"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def remove_forgotten(self) -> None:
        """Remove temporary files so old that whoever wrote them is gone."""
        for path in self.folder.glob(f".{_NAME}*{TEMPORARY_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                    path.unlink()

    def _drop(self, part: Path) -> None:
        for stored in self._known.pop(part, []):
            self._by_start[stored.stretch.key, stored.stretch.start].remove(stored)


def _trace(last: Stored, reached: Mapping[int, Stored], start: int) -> list[Stored]:
    """The way to a stretch, from the one that begins at ``start``; ``reached`` has one for each place on it."""
    chain = [last]
    while chain[-1].stretch.start != start:
        chain.append(reached[chain[-1].stretch.start])
    return chain[::-1]


def _list(folder: Path) -> Iterator[Path]:
    for path in folder.glob(f"{_NAME}*{_IMAGES}"):
        if not path.name.endswith(_REJECTIONS):
            yield path


def _read_stretches(part: Path) -> list[Stored]:
    """The stretches of a part, in the order of their rows.

    Raises:
        DamagedPartError: it is no part.
    """
    with _damage_noticed(part):
        account = _account_of(pq.read_metadata(part))
    stored = []
    image_row = rejection_row = 0
    for stretch in account.stretches:
        stored.append(Stored(stretch, part, image_row, rejection_row))
        image_row += stretch.images
        rejection_row += stretch.rejections
    return stored


def _account_of(metadata: pq.FileMetaData) -> _Account:
    """A part's account of itself, empty for one of another version: neither damaged nor of use."""
    text = (metadata.metadata or {}).get(_METADATA)
    return _Account(stretches=(), rejections_sha256="") if text is None else _Account.model_validate_json(text)


class PartReader:
    """Rows of stored stretches; the parts read last are kept in memory."""

    def __init__(self) -> None:
        self._read = functools.lru_cache(_KEPT_OPEN)(_read_tables)

    def images(self, run: Sequence[Stored]) -> pa.Table:
        """Rows of ``IndexedImage`` of stretches that follow on each other in one part.

        Raises:
            DamagedPartError: they cannot be read.
        """
        rows = sum(stored.stretch.images for stored in run)
        return self._read(run[0].part)[0].slice(run[0].image_row, rows)

    def rejections(self, run: Sequence[Stored]) -> pa.Table:
        """Likewise, rows of ``Rejection``.

        Raises:
            DamagedPartError: they cannot be read.
        """
        rows = sum(stored.stretch.rejections for stored in run)
        return self._read(run[0].part)[1].slice(run[0].rejection_row, rows)


def find_damaged(parts: Iterable[Path]) -> Iterator[DamagedPartError]:
    """Read parts, and say which cannot be read."""
    for part in parts:
        try:
            _read_tables(part)
        except DamagedPartError as damage:
            yield damage


def _read_tables(part: Path) -> tuple[pa.Table, pa.Table]:
    with _damage_noticed(part):
        images = _read_table(part, part.name.removeprefix(_NAME).partition("-")[0])
        sha256 = _Account.model_validate_json(images.schema.metadata[_METADATA]).rejections_sha256
        rejections = _read_table(rejections_of(part), sha256) if sha256 else arrow_schema(Rejection).empty_table()
    return images.replace_schema_metadata(None), rejections.replace_schema_metadata(None)


def _read_table(path: Path, sha256: str) -> pa.Table:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise pa.ArrowInvalid("its bytes are not those that were written")
    return pq.read_table(pa.BufferReader(data))


@contextlib.contextmanager
def _damage_noticed(part: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, ValueError) as error:  # ValueError: undecodable or unfitting metadata
        if isinstance(error, OSError) and error.errno not in {None, errno.ENOENT}:
            raise  # the disk's or the system's; Arrow's own complaints about bytes are an OSError without a number
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise DamagedPartError(part, problem) from error
