"""Listing a tar of images: our headers' reader and our whole index, against the standard library's ``tarfile``."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from benchmarks.harness import Comparison, Round, Scale, race
from pipeline.packing.tarball import END_OF_ARCHIVE, tar_header
from pipeline.progress import Silent
from pipeline.sources import build_index
from pipeline.sources.headers import read_members
from pipeline.sources.tar import TarSource

MEMBERS = {"tiny": 200, "quick": 20_000, "full": 100_000}
ROUNDS = {"tiny": 1, "quick": 3, "full": 5}

_IMAGE_BYTES = 88_000
"""ImageNet's mean."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """List the members of one sparse tar: headers in their places, holes where the photographs would be."""
    path, members = directory / "sparse.tar", MEMBERS[scale]
    _write_sparse_tar(path, members)

    def headers() -> int:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return sum(1 for _ in read_members(descriptor, 0, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)

    def index() -> int:
        return build_index(TarSource(path), directory / "index", Silent()).images

    def baseline() -> int:
        with tarfile.open(path) as archive:
            return sum(1 for _ in archive)

    for what, ours in (("list tar headers", headers), ("index a tar, to Parquet", index)):
        yield race(what, "members/s", "tarfile", repeat(Round(members, ours, baseline), ROUNDS[scale]))


def _write_sparse_tar(path: Path, members: int) -> None:
    with path.open("wb") as file:
        for number in range(members):
            # sizes differ, so that headers do not lie in step with the pages of the file
            size = _IMAGE_BYTES + 512 * (number % 61)
            file.write(tar_header(f"n01440764/n01440764_{number}.JPEG", size))
            file.seek(-(-size // 512) * 512, os.SEEK_CUR)
        file.write(END_OF_ARCHIVE)
