"""Whose a benchmark's folder is, and what an earlier or interrupted build may have left in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from eval.benchmark.card import CARD_FILE
from eval.benchmark.storage import BASELINES_DIRECTORY, LEAKS_FILE, MANIFEST_FILE, TFIDF_FILE, open_benchmark
from pipeline.files import TEMPORARY_SUFFIX, sync_directory
from pipeline.outputs import occupied
from schemas.errors import ConfigError, DatasetError

MARK = ".building"
"""Says that a benchmark is being built here; held by the process that does it, and gone when the benchmark is whole."""

SUMS_FILE = "SHA256SUMS"
WORDNET_FILE, IMAGENET_FILE = "LICENSE-WORDNET.txt", "LICENSE-IMAGENET.txt"

_FILES = (SUMS_FILE, CARD_FILE, LEAKS_FILE, TFIDF_FILE, WORDNET_FILE, IMAGENET_FILE)
_FOLDERS = {"data": "test-*.parquet", BASELINES_DIRECTORY: "*.jsonl"}


def check_place(out: Path, dataset: Path, dataset_sha256: str) -> None:
    """See that a benchmark of a dataset can be built in a folder, without touching it.

    Raises:
        ConfigError: it holds something else, or another dataset's benchmark, or lies in the dataset.
    """
    if out.resolve().is_relative_to(dataset.resolve()):
        raise ConfigError(f"{out}: lies in the dataset, which would be whole no more", "name another folder as --out")
    if not out.exists() or (out.is_dir() and ((out / MARK).exists() or not any(out.iterdir()))):
        return
    if not (out / MANIFEST_FILE).is_file():
        raise ConfigError(f"{out}: is there already and is no benchmark", "name a new folder as --out")
    try:
        other = open_benchmark(out).manifest
    except DatasetError as error:
        raise ConfigError(f"{out}: holds another benchmark ({error.problem})", _MAKE_ROOM) from error
    if other.dataset_sha256 != dataset_sha256:
        raise ConfigError(f"{out}: holds the benchmark of another dataset, {other.dataset}", _MAKE_ROOM)


_MAKE_ROOM = "name another --out, or remove that one"


@contextlib.contextmanager
def cleared(out: Path) -> Iterator[None]:
    """Hold a checked folder for this process, cleared of any earlier benchmark, while the block writes a new one.

    Raises:
        ConfigError: another process is at work in it, or it cannot be made.
    """
    with occupied(out, MARK):
        _clear(out)
        yield
        (out / MARK).unlink()


def _clear(out: Path) -> None:
    """Remove files of our making; the manifest, which says that the others are whole, before any of them."""
    (out / MANIFEST_FILE).unlink(missing_ok=True)
    sync_directory(out)
    for name in _FILES:
        (out / name).unlink(missing_ok=True)
    for folder in (out, *(out / name for name in _FOLDERS)):
        for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink()
    for name, pattern in _FOLDERS.items():
        for path in (out / name).glob(pattern):
            path.unlink()
