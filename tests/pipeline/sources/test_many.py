"""Collections of very many images: all are listed, and memory hardly grows with their number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peak import PeakMemory
from pipeline.progress import Silent
from pipeline.sources import build_index, open_source
from schemas.config import SourceConfig, SourceForm
from tests.collections.sparse import write_sparse_shard, write_sparse_tar, write_sparse_tar_of_tars, write_wide_folder

BYTES_PER_IMAGE = 150
"""What memory may grow by: ids met so far take up to 20 bytes, names of a folder's stretch some 100."""
NOISE = 64_000_000
"""Bytes; batches and parts are as large whatever the number, but allocators keep what they once had."""


def tar(root: Path, images: int) -> Path:
    write_sparse_tar(root / "flat.tar", images)
    return root / "flat.tar"


def tar_of_tars(root: Path, images: int) -> Path:
    write_sparse_tar_of_tars(root / "nested.tar", images, classes=images // 500)
    return root / "nested.tar"


def shards(root: Path, images: int) -> Path:
    for number in range(4):
        write_sparse_shard(root / f"imagenet-train-{number:04}.tar", images // 4, first=number * images)
    return root


def folder(root: Path, images: int) -> Path:
    write_wide_folder(root / "wide", images)
    return root


FORMS: dict[str, tuple[SourceForm, Callable[[Path, int], Path]]] = {
    "flat tar": ("tar", tar),
    "tar of tars": ("tar", tar_of_tars),
    "webdataset": ("webdataset", shards),
    "wide folder": ("tree", folder),
}


def peak_of_index(name: str, root: Path, images: int) -> int:
    """Index so many images, and return the most memory that this process held, in bytes."""
    form, write = FORMS[name]
    root.mkdir()
    config = SourceConfig(path=str(write(root, images)), form=form, scan_mode="random", dimensions=False)
    with PeakMemory() as memory:
        summary = build_index(open_source(config), root.with_suffix(".index"), Silent())
    assert (summary.images, summary.rejected) == (images, {})
    return memory.bytes


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.slow
@pytest.mark.parametrize("images", [60_000, 240_000], ids=lambda images: f"{images:,}")
def test_memory_hardly_grows_with_the_number_of_images(tmp_path: Path, name: str, images: int) -> None:
    few = images // 10
    small = peak_of_index(name, tmp_path / "few", few)
    large = peak_of_index(name, tmp_path / "many", images)
    assert large - small < NOISE + BYTES_PER_IMAGE * (images - few)
