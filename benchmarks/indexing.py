"""Listing archives of images: our scan and our whole index, against the standard library's ``tarfile``."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

from PIL import Image

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.photographs import cut_photographs
from pipeline.progress import Silent
from pipeline.sources import build_index
from pipeline.sources.base import Source
from pipeline.sources.options import ScanOptions
from pipeline.sources.tar import TarSource
from pipeline.sources.webdataset import WebDatasetSource
from tests.collections.sparse import write_sparse_shard, write_sparse_tar

MEMBERS = {"tiny": 200, "quick": 20_000, "full": 100_000}
PICTURES = {"tiny": 100, "quick": 5_000, "full": 20_000}
"""Of the archives with real headers, whose first pages take room on disk."""
SHARDS = 2
ROUNDS = {"tiny": 1, "quick": 3, "full": 5}

_HEAD_BYTES = 8192
"""Of each picture that are there; the rest is a hole, which neither way of listing touches."""

_NAMES_ONLY = ScanOptions("random", dimensions=False)
_SIZES_TOO = ScanOptions("random")
"""Random: what the medium below a temporary folder is, differs from machine to machine, and the cache is warm."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """List sparse archives: headers in their places, holes where the photographs would be. All in one process."""
    yield from _compare_names(scale, directory)
    yield from _compare_dimensions(scale, directory)
    yield from _compare_shards(scale, directory)


def _compare_names(scale: Scale, directory: Path) -> Iterator[Comparison]:
    path, members = directory / "names.tar", MEMBERS[scale]
    write_sparse_tar(path, members)
    source = TarSource(path, _NAMES_ONLY)
    ways = {
        "list a tar, ids to Arrow": partial(_scan, source),
        "index a tar, to Parquet": partial(_index, source, directory / "index"),
    }
    for what, ours in ways.items():
        turn = Round(members, ours, partial(_list_with_tarfile, path))
        yield race(what, "members/s", "tarfile", repeat(turn, ROUNDS[scale]))


def _compare_dimensions(scale: Scale, directory: Path) -> Iterator[Comparison]:
    path, members = directory / "pictures.tar", PICTURES[scale]
    write_sparse_tar(path, members, _make_heads(scale))
    turn = Round(members, partial(_sum_areas, TarSource(path, _SIZES_TOO)), partial(_sum_areas_with_pillow, path))
    yield race("list a tar with picture sizes", "members/s", "tarfile + Pillow's open", repeat(turn, ROUNDS[scale]))


def _compare_shards(scale: Scale, directory: Path) -> Iterator[Comparison]:
    folder, samples = directory / "shards", PICTURES[scale]
    folder.mkdir()
    heads = _make_heads(scale)
    for number in range(SHARDS):
        write_sparse_shard(folder / f"imagenet-train-{number:04}.tar", samples // SHARDS, heads, number * samples)
    source = WebDatasetSource(folder, _SIZES_TOO)
    turn = Round(samples, partial(_sum_areas, source), partial(_sum_areas_of_sidecars, folder))
    rounds = repeat(turn, ROUNDS[scale])
    yield race("list WebDataset shards with picture sizes", "samples/s", "tarfile + sidecars", rounds)


def _make_heads(scale: Scale) -> list[bytes]:
    return [picture[:_HEAD_BYTES] for picture in cut_photographs({"tiny": 6, "quick": 60, "full": 240}[scale])]


def _scan(source: Source) -> int:
    batches = (batch for container in source.containers() for batch in source.scan(container, container.start))
    return sum(len(batch.images) for batch in batches)


def _index(source: Source, out: Path) -> int:
    shutil.rmtree(out, ignore_errors=True)  # or its parts would be found, and nothing read
    return build_index(source, out, Silent()).images


def _sum_areas(source: Source) -> int:
    """Pixels of all pictures, so that the two ways are held against each other."""
    area = 0
    for container in source.containers():
        for batch in source.scan(container, container.start):
            widths, heights = (batch.images[name].to_numpy() for name in ("width", "height"))
            area += int(widths.astype("int64") @ heights.astype("int64"))
    return area


def _list_with_tarfile(path: Path) -> int:
    with tarfile.open(path) as archive:
        return sum(1 for _ in archive)


def _sum_areas_with_pillow(path: Path) -> int:
    area = 0
    with tarfile.open(path) as archive:
        for member in archive:
            with Image.open(archive.extractfile(member)) as picture:  # type: ignore[arg-type]  # all are files
                area += picture.width * picture.height
    return area


def _sum_areas_of_sidecars(folder: Path) -> int:
    area = 0
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name.endswith(".json"):
                    sidecar = json.load(archive.extractfile(member))  # type: ignore[arg-type]  # all are files
                    area += sidecar["width"] * sidecar["height"]
    return area
