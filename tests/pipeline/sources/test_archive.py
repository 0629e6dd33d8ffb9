"""Reading headers by the thousand gives what reading them one by one gives, wherever it starts and however it reads."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.sources.archives.access import InOrder
from pipeline.sources.archives.headers import BLOCK, END, Fetch, Member, read_members
from pipeline.sources.archives.judging import judge_member
from pipeline.sources.archives.scan import Archive, scan_archive
from pipeline.sources.base import Batch
from schemas.errors import SourceError
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason
from tests.collections import make_tar, member, pad

Entries = list[IndexedImage | Rejection]


def photograph(image_format: str, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, image_format)
    return file.getvalue()


DATA = (b"", b"x", bytes(700), photograph("JPEG", (31, 17)), photograph("PNG", (3, 40)))
NAMES = (
    "n00005787_1.JPEG",
    "n00005787/n00005787_23.JPEG",
    "winter21/n02123045/n02123045_999999999.jpg",
    "./n0/n02123045_4.Png",
    "n00005787_n00005787_5.JPEG",
    *("n00005787_6.jpeg.txt", "n00005787_1234567890.webp", "n00005787_.gif", "n0000578_7.bmp", "n00005787_2.JPEGG"),
    *("../n00005787_8.JPEG", "/n00005787_9.JPEG", "a..b/n00005787_10.JPEG", "sub/n00005787_19.tar"),
    *("README.md", "n00005787_15", "N00005787_16.JPEG", "n00005787_17.JPEG/", "n00005787_18.JPG"),
    *("名/n00005787_11.JPEG", "\udcff/n00005787_12.JPEG", "n00005787_\udcff.JPEG"),
    *("x" * 90 + "/n00005787_13.JPEG", "y" * 120 + "/n00005787_14.JPEG", "z" * 100),
)
KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"Z")


def serialise(info: tarfile.TarInfo, fmt: Literal[0, 1, 2] = tarfile.GNU_FORMAT) -> bytes:
    return info.tobuf(fmt, "utf-8", "surrogateescape")


def with_checksum(header: bytes) -> bytes:
    changed = bytearray(header)
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def base_256(header: bytes) -> bytes:
    size = int(header[124:135], 8)
    return with_checksum(header[:124] + b"\x80" + size.to_bytes(11, "big") + header[136:])


def with_other_digits(header: bytes) -> bytes:
    """The same numbers, written as other programs do."""
    size, checksum = int(header[124:135], 8), int(header[148:154], 8)
    header = header[:124] + b"%10o \0" % size + header[136:]
    return header[:148] + b"%07o\0" % (checksum + sum(header[124:136]) - sum(b"%011o\0" % size)) + header[156:]


def junk_behind_the_name(header: bytes) -> bytes:
    name = header[:96].partition(b"\0")[0]
    return with_checksum((name + b"\0/..").ljust(100, b"j") + header[100:])


CHANGES: tuple[Callable[[bytes], bytes], ...] = (base_256, with_other_digits, junk_behind_the_name)


@st.composite
def pieces(draw: st.DrawFn) -> bytes:
    """One member, mostly an ordinary image."""
    if draw(st.booleans()):
        data = draw(st.sampled_from(DATA))
        return serialise(member(draw(st.sampled_from(NAMES[:4])), len(data))) + pad(data)
    info = member(draw(st.sampled_from(NAMES)), kind=draw(st.sampled_from(KINDS)))
    data = draw(st.sampled_from(DATA)) if info.isreg() and not info.name.endswith("/") else b""
    info.size = len(data)
    info.mtime = draw(st.sampled_from([0, 1_700_000_000.25]))
    try:
        header = serialise(info, draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])))
    except ValueError:  # the name is too long for USTAR
        header = serialise(info, tarfile.PAX_FORMAT)
    if len(header) == BLOCK and draw(st.booleans()):
        header = draw(st.sampled_from(CHANGES))(header)
    return header + pad(data)


GLOBAL = tarfile.TarInfo.create_pax_global_header({"comment": "all"})


@st.composite
def archives(draw: st.DrawFn, *, inner: bool = True) -> bytes:
    """A few kinds of members in a long row, perhaps archives among them, perhaps damaged or cut at the end."""
    kinds = draw(st.lists(pieces(), min_size=1, max_size=5))
    if draw(st.integers(0, 5)) == 0:
        kinds.append(GLOBAL)
    if inner and draw(st.booleans()):
        archive = draw(archives(inner=False))
        kinds.append(serialise(member("classes/n00005787.tar", len(archive))) + pad(archive))
    row = draw(st.lists(st.sampled_from(kinds), max_size=90))
    archive = b"".join(row) + 2 * END
    if draw(st.integers(0, 3)) == 0 and len(archive) > 3 * BLOCK:
        changed = bytearray(archive[: draw(st.integers(BLOCK, len(archive)))])
        place = draw(st.integers(0, len(changed) - 1))
        changed[place] = draw(st.integers(0, 255))
        archive = bytes(changed)
    return archive


@contextmanager
def stored(archive: bytes) -> Iterator[Archive]:
    with os.fdopen(os.memfd_create("archive"), "w+b", buffering=0) as file:
        file.write(archive)
        fetch = partial(os.pread, file.fileno())
        yield Archive(fetch, 0, len(archive), ".", "the archive", dimensions=False, members=7)


def entries_of(batches: list[Batch]) -> tuple[list[IndexedImage], list[Rejection]]:
    images = [IndexedImage.model_validate(row) for batch in batches for row in batch.images.to_pylist()]
    return images, [rejection for batch in batches for rejection in batch.rejections]


def judge_one_by_one(fetch: Fetch, start: int, end: int, place: str, *, inner: bool = False) -> Entries:
    entries: Entries = []
    for found in read_members(fetch, start, end):
        entry = judge_member(found, ".", place, inner=inner)
        if isinstance(entry, Member):
            inner_end = min(entry.offset + entry.size, end)
            entries += judge_one_by_one(fetch, entry.offset, inner_end, f"{place}: {entry.name}", inner=True)
        elif entry is not None:
            entries.append(entry)
    return entries


@settings(deadline=None, max_examples=300)
@given(archives())
def test_headers_in_bulk_give_what_headers_one_by_one_give(data: bytes) -> None:
    with stored(data) as archive:
        expected = judge_one_by_one(archive.fetch, 0, archive.end, archive.place)
        images, rejections = entries_of(list(scan_archive(archive, 0)))
    assert images == [entry for entry in expected if isinstance(entry, IndexedImage)]
    assert rejections == [entry for entry in expected if isinstance(entry, Rejection)]


@settings(deadline=None, max_examples=200)
@given(archives(), st.booleans())
def test_a_scan_goes_on_from_every_position_without_loss_or_doubling(data: bytes, dimensions: bool) -> None:
    with stored(data) as plain:
        archive = replace(plain, dimensions=dimensions)
        batches = list(scan_archive(archive, 0))
        whole = entries_of(batches)
        for number, batch in enumerate(batches, 1):
            images, rejections = entries_of(batches[:number])
            later_images, later_rejections = entries_of(list(scan_archive(archive, batch.position)))
            assert (images + later_images, rejections + later_rejections) == whole
        positions = [batch.position for batch in batches if batch.position != archive.end]
        assert positions == sorted(set(positions))


@settings(deadline=None, max_examples=200)
@given(archives(), st.booleans())
def test_reading_all_bytes_in_order_gives_what_reading_headers_gives(data: bytes, dimensions: bool) -> None:
    with os.fdopen(os.memfd_create("archive"), "w+b", buffering=0) as file:
        file.write(data)
        scattered = Archive(
            partial(os.pread, file.fileno()), 0, len(data), ".", "the archive", dimensions=dimensions, members=7
        )
        in_order = replace(scattered, fetch=InOrder(file.fileno(), piece=2000))
        assert entries_of(list(scan_archive(in_order, 0))) == entries_of(list(scan_archive(scattered, 0)))


def test_sizes_are_those_of_the_headers_of_images_and_else_unknown() -> None:
    row = [(f"n00005787_{number}.JPEG", data) for number, data in enumerate(DATA)]
    row.append(("y" * 120 + "/n00005787_99.JPEG", DATA[3]))
    with stored(make_tar(dict(row))) as archive:
        images, _ = entries_of(list(scan_archive(replace(archive, dimensions=True), 0)))
    assert [(image.format, image.width, image.height) for image in images] == [
        (None, None, None),
        (None, None, None),
        (None, None, None),
        ("JPEG", 31, 17),
        ("PNG", 3, 40),
        ("JPEG", 31, 17),
    ]


def test_nothing_is_looked_at_that_lies_behind_the_member() -> None:
    header = DATA[3][:100]
    with stored(make_tar({"n00005787_1.JPEG": header, "n00005787_2.JPEG": DATA[3]})) as archive:
        images, _ = entries_of(list(scan_archive(replace(archive, dimensions=True), 0)))
    assert [image.width for image in images] == [None, 31]


def test_members_of_another_sort_among_thousands_cost_no_more_than_themselves() -> None:
    """A header that leads astray makes the loop read no more than a few others in vain."""
    reads = []
    link = member("n00005787_0.JPEG", 10_000_000, tarfile.LNKTYPE)  # tarfile: links have no data, whatever they say
    row = (serialise(link) + serialise(member("n00005787_1.JPEG"))) * 300
    with stored(row + 2 * END) as archive:

        def fetch(length: int, position: int) -> bytes:
            reads.append(position)
            return archive.fetch(length, position)

        images, rejections = entries_of(list(scan_archive(replace(archive, fetch=fetch, members=2048), 0)))
    assert (len(images), len(rejections)) == (300, 300)
    assert len(reads) < 40 * 600


def test_a_compressed_archive_among_images_is_refused() -> None:
    data = make_tar({"n00005787_1.JPEG": b"", "n00005787.tar": b"\x1f\x8b\x08"})
    with stored(data) as archive, pytest.raises(SourceError, match=r"the archive: n00005787\.tar is compressed"):
        list(scan_archive(archive, 0))


def test_an_inner_archive_that_is_cut_off_gives_what_is_whole_in_it() -> None:
    inner = make_tar({"n00005787_1.JPEG": bytes(500), "n00005787_2.JPEG": bytes(500)})
    with stored(make_tar({"n00005787_0.JPEG": b"", "n00005787.tar": inner})[: 2 * BLOCK + 3 * BLOCK]) as archive:
        images, rejections = entries_of(list(scan_archive(archive, 0)))
    assert [image.image_id for image in images] == ["n00005787_0", "n00005787_1"]
    assert [rejection.image_id for rejection in rejections] == ["n00005787_2"]


def test_a_scan_that_goes_on_before_an_empty_archive_still_says_that_it_is_damaged() -> None:
    data = make_tar({"n00005787_1.JPEG": b"", "n00005787.tar": b"", "n00005787_2.JPEG": b""})
    with stored(data) as archive:
        batches = list(scan_archive(archive, 0))
        _, rejections = entries_of(list(scan_archive(archive, batches[0].position)))
    assert [batch.position for batch in batches] == sorted({batch.position for batch in batches})
    assert [rejection.reason for rejection in rejections] == [RejectReason.ARCHIVE_DAMAGED]


def test_a_scan_that_goes_on_behind_an_archive_at_the_very_end_still_says_that_the_end_mark_is_missing() -> None:
    inner = make_tar({"n00005787_1.JPEG": b""})
    data = serialise(member("n00005787.tar", len(inner))) + inner
    with stored(data) as archive:
        batches = list(scan_archive(archive, 0))
        for number, batch in enumerate(batches, 1):
            _, before = entries_of(batches[:number])
            _, later = entries_of(list(scan_archive(archive, batch.position)))
            assert [rejection.reason for rejection in before + later] == [RejectReason.ARCHIVE_DAMAGED]


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, b"Z"])
@pytest.mark.parametrize("size", [b"\x80" + b"\x7f" * 11, b"\x80\0\0\0" + b"\x7f" + b"\xff" * 7])
def test_a_size_that_no_disk_can_hold_is_damage(kind: bytes, size: bytes) -> None:
    header = serialise(member("n00005787_2.JPEG", kind=kind))
    data = make_tar({"n00005787_1.JPEG": b""})[:BLOCK] + with_checksum(header[:124] + size + header[136:]) + 2 * END
    with stored(data) as archive:
        images, rejections = entries_of(list(scan_archive(archive, 0)))
    assert [image.image_id for image in images] == ["n00005787_1"]
    assert RejectReason.ARCHIVE_DAMAGED in {rejection.reason for rejection in rejections}
