"""One pass over a compressed archive, against ``zcat`` that throws away what it unpacks."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import cycle, repeat
from pathlib import Path

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.photographs import cut_photographs
from pipeline.sources.gzip import GzipSource
from pipeline.sources.keeping import Keep
from pipeline.sources.options import ScanOptions
from pipeline.tars import END_OF_ARCHIVE, tar_member
from tests.collections.sparse import CLASS

IMAGES = {"tiny": 60, "quick": 1_200, "full": 6_000}
PHOTOGRAPHS = {"tiny": 6, "quick": 60, "full": 240}
"""Different ones: with more than fit gzip's window of 32 kB, repeating them makes nothing easier."""
ROUNDS = {"tiny": 1, "quick": 3, "full": 5}

KEPT = 32
"""Images of a class, of the hundred times as many that pass: what a build of 250,000 keeps, give or take."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Read photographs of ImageNet's usual size and weight; megabytes are those of the unpacked archive."""
    path, images = directory / "whole.tar.gz", IMAGES[scale]
    megabytes = _write_archive(path, images, PHOTOGRAPHS[scale]) / 1e6
    keep = Keep(directory / "kept", seed=0, per_class=KEPT, wanted=frozenset({CLASS}))
    for what, kept in (("index a tar.gz in one pass", None), ("index a tar.gz and keep candidates", keep)):
        turn = Round(megabytes, partial(_scan, path, kept), partial(_unpack, path, images))
        yield race(what, "MB/s", "zcat > /dev/null", repeat(turn, ROUNDS[scale]))


def _write_archive(path: Path, images: int, photographs: int) -> int:
    """Write a compressed flat tar, and return how large it is unpacked, in bytes."""
    size = 0
    with gzip.open(path, "wb", compresslevel=1) as file:
        for number, picture in zip(range(images), cycle(cut_photographs(photographs)), strict=False):
            size += file.write(tar_member(f"{CLASS}/{CLASS}_{number}.JPEG", picture))
        size += file.write(END_OF_ARCHIVE)
    return size


def _scan(path: Path, keep: Keep | None) -> int:
    if keep is not None:
        shutil.rmtree(keep.directory, ignore_errors=True)
    source = GzipSource(path, ScanOptions(), keep, seek_index=False)
    batches = (batch for container in source.containers() for batch in source.scan(container, container.start))
    return sum(len(batch.images) for batch in batches)


def _unpack(path: Path, images: int) -> int:
    subprocess.run(["zcat", path], check=True, stdout=subprocess.DEVNULL)
    return images
