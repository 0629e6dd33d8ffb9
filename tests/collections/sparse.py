"""Collections of any number of images in little space: headers in their places, holes where the pictures would be."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pipeline.tars import BLOCK, END_OF_ARCHIVE, tar_header
from tests.collections.archives import pad

IMAGE_BYTES = 88_000
"""ImageNet's mean."""

CLASS = "n01440764"
FIRST_CLASS = 1_000_000

_SIZES = 61
"""Sizes that differ, so that headers do not lie in step with the pages of the file."""

_SIDECAR = json.dumps({"label": 0, "class_name": CLASS, "width": 500, "height": 375}).encode()
_HEADER = bytearray(tar_header("", 0))
_HEADER[148:156] = b" " * 8

Heads = Sequence[bytes]
"""First bytes of pictures, which follow the headers in turn."""


def make_header(name: str, size: int) -> bytes:
    """The header that ``tar_header`` makes, many times faster: of a million members there are as many."""
    block = bytearray(_HEADER)
    block[: len(name)] = name.encode()
    block[124:135] = b"%011o" % size
    block[148:155] = b"%06o\0" % sum(block)  # the checksum itself counts as spaces, which stand there
    return bytes(block)


def write_sparse_tar(path: Path, members: int, heads: Heads = (b"",)) -> None:
    """A flat tar of one class."""
    with path.open("wb") as file:
        _write_members(file, f"{CLASS}/{CLASS}", members, heads)


def write_sparse_tar_of_tars(path: Path, members: int, classes: int, heads: Heads = (b"",)) -> None:
    """A tar of ``classes`` class tars of equal length, in the layout of ``fall11_whole.tar``."""
    per_class = members // classes
    size = sum(BLOCK + _padded(_size_of(number)) for number in range(per_class)) + len(END_OF_ARCHIVE)
    with path.open("wb") as file:
        for number in range(classes):
            wnid = f"n{FIRST_CLASS + number:08}"
            file.write(tar_header(f"{wnid}.tar", size))
            _write_members(file, wnid, per_class, heads)
        file.write(END_OF_ARCHIVE)


def write_sparse_shard(path: Path, samples: int, heads: Heads = (b"",), first: int = 0) -> None:
    """A WebDataset shard in timm's layout: label, picture and sidecar of each sample, numbered from ``first``."""
    with path.open("wb") as file:
        for number, head in zip(range(first, first + samples), itertools.cycle(heads), strict=False):
            key = f"{CLASS}_{number}"
            file.write(make_header(f"{key}.cls", 1) + pad(b"0"))
            _write_image(file, f"{key}.jpg", _size_of(number), head)
            file.write(make_header(f"{key}.json", len(_SIDECAR)) + pad(_SIDECAR))
        file.write(END_OF_ARCHIVE)


def write_wide_folder(folder: Path, entries: int) -> None:
    """One folder of that many empty images, all of them one file on disk."""
    folder.mkdir(parents=True)
    limit = 60_000  # links of one file, at most: ext4 takes 65,000
    for start in range(0, entries, limit):
        first = folder / f"{CLASS}_{start}.JPEG"
        first.touch()
        for number in range(start + 1, min(start + limit, entries)):
            os.link(first, folder / f"{CLASS}_{number}.JPEG")


def _write_members(file: BinaryIO, stem: str, members: int, heads: Heads) -> None:
    for number, head in zip(range(members), itertools.cycle(heads), strict=False):
        _write_image(file, f"{stem}_{number}.JPEG", _size_of(number), head)
    file.write(END_OF_ARCHIVE)


def _write_image(file: BinaryIO, name: str, size: int, head: bytes) -> None:
    file.write(make_header(name, size))
    file.write(head[:size])
    file.seek(_padded(size) - len(head[:size]), os.SEEK_CUR)


def _size_of(number: int) -> int:
    return IMAGE_BYTES + BLOCK * (number % _SIZES)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
