"""The dataset as the libraries of its readers give it: ``datasets`` in full and streaming, and ``webdataset``."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any

import datasets
import pyarrow as pa
from datasets import Dataset, Image, load_dataset
from datasets.exceptions import DatasetsError
from huggingface_hub import constants
from webdataset.tariterators import group_by_keys, tar_file_expander

from pipeline.packing.sidecars import shards_by_split
from pipeline.progress import Progress, Task
from pipeline.publishing.verify.report import Findings
from pipeline.publishing.verify.shards import ShardFindings, digest_row
from schemas.base import canonical_json
from schemas.derived import record_features
from schemas.errors import DatasetError
from schemas.manifest import DatasetManifest

_READING_ERRORS = (
    DatasetsError,
    DatasetError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    tarfile.TarError,
    pa.ArrowException,
)
"""What the libraries raise on data that they cannot read."""

_PREPARED_FILE_SIZE = "64MB"
"""Of the files that a full load prepares: what it takes of memory."""

Rows = Generator[bytes, None, None]
"""Digests of all rows, split by split, shard by shard."""


def read_back(
    root: Path, manifest: DatasetManifest, shards: Sequence[ShardFindings], findings: Findings, progress: Progress
) -> None:
    """Read every row with every library, and hold it against what lies in the shards.

    The full load of ``datasets`` prepares a copy of the dataset beside it (or among the system's temporary files where
    that folder cannot be written), and removes it.
    """
    for name, read in READERS.items():
        with progress.task(f"read with {name}", manifest.packed, "rows") as task:
            fault = _compare(read, (root, manifest), shards, task)
        if fault is None:
            findings.count(f"rows read by {name}", manifest.packed)
        else:
            findings.blame(fault[0], f"{name} {fault[2]}", fault[1])


def read_with_datasets(root: Path, manifest: DatasetManifest) -> Rows:
    """What ``load_dataset(root)`` gives."""
    beside = root.parent if os.access(root.parent, os.W_OK) else None
    if beside is not None:
        for left in filter(_is_abandoned, beside.glob(f"{_COPY_PREFIX}*")):
            shutil.rmtree(left, ignore_errors=True)
    mine = f"{_COPY_PREFIX}{os.getpid()}-"
    with _modest_settings(), tempfile.TemporaryDirectory(prefix=mine, dir=beside) as cache:
        loaded = _load(root, cache_dir=cache, keep_in_memory=False)
        for split in shards_by_split(manifest.shards):
            _check_features(loaded[split].features, manifest)
            # One file after the other: what was read of a mapped file counts as memory until it is closed.
            for file in loaded[split].cache_files:
                part = Dataset.from_file(file["filename"])
                yield from map(_digest, _undecoded(part))


def read_with_datasets_streaming(root: Path, manifest: DatasetManifest) -> Rows:
    """What ``load_dataset(root, streaming=True)`` gives."""
    with _modest_settings(), tempfile.TemporaryDirectory() as cache:
        loaded = _load(root, cache_dir=cache, streaming=True)
        for split in shards_by_split(manifest.shards):
            _check_features(loaded[split].features, manifest)
            yield from map(_digest, _undecoded(loaded[split]))


def read_with_webdataset(root: Path, manifest: DatasetManifest) -> Rows:
    """What ``webdataset`` makes of the shards, before any decoding."""
    for shard in manifest.shards:
        with (root / shard.path).open("rb") as file:
            for sample in group_by_keys(tar_file_expander([{"url": shard.path, "stream": file}])):
                yield digest_row(sample["cls"], sample.get("jpg", b""), sample["json"])


_THIS_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EMFILE, errno.ENOMEM}
"""Errors that say nothing of the dataset: the command line has a line for each."""

_COPY_PREFIX = ".imagenet-think-verify-"
"""Of the folder that holds the library's own copy while it is read; the process's id follows."""

READERS: Mapping[str, Callable[[Path, DatasetManifest], Rows]] = MappingProxyType(
    {
        "datasets": read_with_datasets,
        "datasets streaming": read_with_datasets_streaming,
        "webdataset": read_with_webdataset,
    }
)


def _is_abandoned(copy: Path) -> bool:
    """Whether the verification that made a copy was killed; others may be running beside this one."""
    try:
        os.kill(int(copy.name.removeprefix(_COPY_PREFIX).partition("-")[0]), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OverflowError, PermissionError):
        return False
    return False


def _compare(
    read: Callable[[Path, DatasetManifest], Rows],
    dataset: tuple[Path, DatasetManifest],
    shards: Sequence[ShardFindings],
    task: Task,
) -> tuple[str, str, str] | None:
    """The first difference, as file, key and sentence; what follows it would only be shifted."""
    file, key = "", ""
    try:
        with contextlib.closing(read(*dataset)) as rows:
            for expected, row in zip_longest(_expected_rows(shards), rows):
                if expected is None:
                    return "", "", "gives more rows than the shards hold"
                file, key, digest = expected
                if row is None:
                    return file, key, "gives no row of this sample, nor of those after it"
                if row != digest:
                    return file, key, "gives something else than what lies in the shard"
                task.advance()
    except _READING_ERRORS as error:
        cause = _find_cause(error)
        if isinstance(cause, OSError) and cause.errno in _THIS_MACHINE:
            raise cause from error
        return file, key, f"fails {'near this sample' if key else 'at once'}: {' '.join(str(cause).split())}"
    return None


def _find_cause(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _find_cause(error.__cause__)


def _expected_rows(shards: Sequence[ShardFindings]) -> Iterator[tuple[str, str, bytes]]:
    for shard in shards:
        for key, digest in zip(shard.keys, shard.digests, strict=True):
            yield shard.entry.path, key, digest


def _load(root: Path, **options: Any) -> Any:
    # Both mean something to the library wherever they stand in a path.
    if "[" in str(root) or "::" in str(root):
        raise DatasetError("it finds nothing in a folder whose path has [ or :: in it; move the dataset")
    return load_dataset(str(root), **options)


def _undecoded(rows: Any) -> Any:
    return rows.cast_column("jpg", Image(decode=False)) if "jpg" in rows.features else rows


def _digest(row: dict[str, Any]) -> bytes:
    # With the right types a row's JSON is, byte for byte, what was packed.
    picture = row["jpg"]["bytes"] if "jpg" in row else b""
    return digest_row(b"%d" % row["cls"], picture, canonical_json(row["json"]))


def _check_features(features: Any, manifest: DatasetManifest) -> None:
    if features != record_features(manifest.edition):
        raise DatasetError("the loaded features are not those of the record's model")


@contextlib.contextmanager
def _modest_settings() -> Iterator[None]:
    """Keep ``datasets`` from asking the hub, drawing bars and writing large files; all is put back afterwards."""
    offline = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    file_size = datasets.config.MAX_SHARD_SIZE
    bars_were_off = datasets.are_progress_bars_disabled()
    datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    datasets.config.MAX_SHARD_SIZE = _PREPARED_FILE_SIZE
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = offline
        datasets.config.MAX_SHARD_SIZE = file_size
        if not bars_were_off:
            datasets.enable_progress_bars()
