"""Whether to seek is found out from the medium; a file that is read in order is read once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.archives.access import InOrder, fetching, seeks_slowly

DEVICE = os.makedev(8, 1)


def make_disk(devices: Path, rotational: str, *, partition: bool) -> None:
    """What the kernel shows of a disk, or of a partition, which is a folder in its disk's."""
    disk = devices / "disk"
    place = disk / "disk1" if partition else disk
    place.mkdir(parents=True)
    (disk / "queue").mkdir()
    (disk / "queue" / "rotational").write_text(f"{rotational}\n")
    (devices / "8:1").symlink_to(place)


@pytest.mark.parametrize("partition", [False, True])
@pytest.mark.parametrize(("rotational", "slow"), [("1", True), ("0", False)])
def test_a_disk_that_turns_seeks_slowly(tmp_path: Path, rotational: str, slow: bool, partition: bool) -> None:
    make_disk(tmp_path, rotational, partition=partition)
    assert seeks_slowly(DEVICE, tmp_path) is slow


def test_a_share_without_a_block_device_is_read_in_order(tmp_path: Path) -> None:
    assert seeks_slowly(os.makedev(0, 53), tmp_path)


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 320), st.integers(0, 80))), st.integers(1, 70))
def test_reading_in_order_gives_what_reading_anywhere_gives(
    data: bytes, reads: list[tuple[int, int]], piece: int
) -> None:
    with os.fdopen(os.memfd_create("file"), "w+b", buffering=0) as file:
        file.write(data)
        fetch = InOrder(file.fileno(), piece)
        for position, length in reads:
            assert fetch(length, position) == data[position : position + length]


@pytest.mark.parametrize("mode", ["random", "sequential", "auto"])
def test_every_mode_reads(tmp_path: Path, mode: str) -> None:
    (tmp_path / "a").write_bytes(b"abcdef")
    with (tmp_path / "a").open("rb") as file:
        assert fetching(file.fileno(), mode)(3, 2) == b"cde"  # type: ignore[arg-type]  # one of the three
