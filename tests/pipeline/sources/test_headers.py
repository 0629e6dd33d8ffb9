"""Reading tar headers in place: as tarfile does where the archive is sound, and without harm where it is not."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.archives.headers import BLOCK, END, Damage, Member, read_members
from tests.collections import make_tar, member, pad

Format = Literal[0, 1, 2]
FORMATS: tuple[Format, ...] = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
         tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z")  # fmt: skip


def list_members(archive: bytes, start: int = 0, end: int | None = None) -> list[Member | Damage]:
    with os.fdopen(os.memfd_create("archive"), "w+b", buffering=0) as file:
        file.write(archive)
        return list(read_members(file.fileno(), start, len(archive) if end is None else end))


def list_with_tarfile(archive: bytes) -> list[Member]:
    with tarfile.open(fileobj=io.BytesIO(archive), encoding="utf-8", errors="surrogateescape") as file:
        return [
            Member(
                info.name,
                "folder" if info.isdir() else "file" if info.isreg() and not info.issparse() else "other",
                info.offset_data,
                info.size,
            )
            for info in file
        ]


def serialise(info: tarfile.TarInfo, fmt: Format = tarfile.GNU_FORMAT) -> bytes:
    return info.tobuf(fmt, "utf-8", "surrogateescape")


def patch(header: bytes, offset: int, value: bytes) -> bytes:
    """A header with some bytes changed and the checksum made right again."""
    changed = bytearray(header)
    changed[offset : offset + len(value)] = value
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """One member: any name, kind, size, and format that can hold them."""
    name = draw(st.text(st.sampled_from("n0_aé/.\udcff名 "), min_size=1, max_size=12)) * draw(
        st.sampled_from([1, 1, 1, 20])
    )
    data = draw(st.binary(max_size=1100))
    info = member(name, len(data), draw(st.sampled_from(KINDS)))
    info.mtime = draw(st.sampled_from([0, 1_700_000_000.25]))
    fmt = draw(st.sampled_from(FORMATS))
    if info.type == tarfile.AREGTYPE and len(name) > 60:
        info.type = tarfile.REGTYPE  # tarfile takes a V7 file for a folder where cutting its name leaves a slash last
    if not (info.isreg() or info.type == b"Z") or name.endswith("/"):  # V7 folders are files with a slash at the end
        info.size, data = 0, b""
    try:
        return serialise(info, fmt) + pad(data)
    except ValueError:  # the name is too long for USTAR
        return serialise(info, tarfile.PAX_FORMAT) + pad(data)


archives = st.lists(blocks(), min_size=1, max_size=8).map(lambda members: b"".join(members) + 2 * END)


@settings(deadline=None)
@given(archives)
def test_members_are_those_that_tarfile_finds(archive: bytes) -> None:
    assert list_members(archive) == list_with_tarfile(archive)


@settings(deadline=None)
@given(archives, st.integers(min_value=0, max_value=3000))
def test_an_archive_inside_another_file_is_read_within_its_bounds(archive: bytes, before: int) -> None:
    inside = list_members(bytes(before) + archive + b"\1" * 600, before, before + len(archive))
    assert inside == [found._replace(offset=found.offset + before) for found in list_members(archive)]


@settings(deadline=None)
@given(archives, st.data())
def test_a_cut_archive_gives_the_members_before_the_cut_and_one_damage(archive: bytes, data: st.DataObject) -> None:
    whole = list_with_tarfile(archive)
    cut = data.draw(st.integers(min_value=0, max_value=len(archive) - 2 * BLOCK), label="cut")
    *found, damage = list_members(archive[:cut])
    assert found == whole[: len(found)]
    assert isinstance(damage, Damage)
    assert damage.offset < cut + BLOCK
    assert all(item.offset + item.size > cut for item in whole[len(found) :] if item.kind == "file")


@settings(deadline=None, max_examples=300)
@given(archives, st.data())
def test_whatever_bytes_are_changed_reading_ends_within_bounds(archive: bytes, data: st.DataObject) -> None:
    changed = bytearray(archive)
    for _ in range(data.draw(st.integers(1, 20))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    found = list_members(bytes(changed))
    assert len(found) <= len(archive) // BLOCK
    assert not any(isinstance(item, Damage) for item in found[:-1])
    assert all(0 < item.offset <= len(archive) - item.size for item in files(found))


@settings(deadline=None)
@given(archives, st.data())
def test_a_header_of_arbitrary_fields_with_a_right_checksum_does_no_harm(archive: bytes, data: st.DataObject) -> None:
    header = patch(
        archive[:BLOCK],
        data.draw(st.sampled_from([0, 124, 156, 257, 345, 386, 482])),
        data.draw(st.binary(min_size=1, max_size=26)),
    )
    found = list_members(header + archive[BLOCK:])
    assert len(found) <= len(archive) // BLOCK
    assert all(0 < item.offset <= len(archive) - item.size for item in files(found))


def files(found: list[Member | Damage]) -> list[Member]:
    return [item for item in found if isinstance(item, Member) and item.kind == "file"]


def test_a_pax_header_that_overrides_the_size_is_obeyed() -> None:
    info = member("a.JPEG", 700)
    info.pax_headers = {"size": "700"}
    archive = serialise(info, tarfile.PAX_FORMAT) + pad(b"x" * 700) + serialise(member("b.JPEG")) + 2 * END
    assert [item.name for item in files(list_members(archive))] == ["a.JPEG", "b.JPEG"]
    assert list_members(archive) == list_with_tarfile(archive)


def test_a_global_pax_header_holds_for_all_members_after_it() -> None:
    global_header = tarfile.TarInfo.create_pax_global_header({"path": "everybody"})
    archive = global_header + serialise(member("a")) + serialise(member("b")) + 2 * END
    assert [item.name for item in list_members(archive) if isinstance(item, Member)] == ["everybody", "everybody"]


def test_base_256_sizes_are_read() -> None:
    header = patch(serialise(member("a.JPEG")), 124, b"\x80" + (700).to_bytes(11, "big"))
    assert list_members(header + pad(b"x" * 700) + 2 * END) == [Member("a.JPEG", "file", BLOCK, 700)]


def test_a_negative_size_is_damage_and_no_endless_loop() -> None:
    header = patch(serialise(member("a.JPEG")), 124, b"\xff" * 11 + b"\x00")
    (damage,) = list_members(header + 2 * END)
    assert isinstance(damage, Damage)


def test_a_size_beyond_the_end_is_damage_that_names_the_member() -> None:
    archive = make_tar({"a.JPEG": b"a"}) + bytes(BLOCK)
    header = patch(archive[:BLOCK], 124, b"%011o\0" % 10**9)
    (damage,) = list_members(header + archive[BLOCK:])
    assert isinstance(damage, Damage)
    assert damage.name == "a.JPEG"


def test_a_huge_extended_header_is_refused_unread() -> None:
    header = patch(serialise(member("x")), 156, b"L")
    header = patch(header, 124, b"%011o\0" % 2**30)
    with os.fdopen(os.memfd_create("sparse"), "w+b", buffering=0) as file:
        file.write(header)
        file.truncate(2**31)
        (damage,) = read_members(file.fileno(), 0, 2**31)
    assert isinstance(damage, Damage)
    assert "extended header" in damage.problem


def test_an_endless_chain_of_extended_headers_is_damage() -> None:
    long_name = patch(serialise(member("././@LongLink", 1)), 156, b"L") + pad(b"a")
    (damage,) = list_members(long_name * 5000 + 2 * END)
    assert isinstance(damage, Damage)


@pytest.mark.parametrize("tail", [b"\0" * (2**20 + 1), bytes(512) + make_tar({"b.JPEG": b"b"})])
def test_what_follows_the_end_mark_is_reported_unless_it_is_padding(tail: bytes) -> None:
    archive = serialise(member("a.JPEG")) + END
    assert list_members(archive + bytes(10240)) == [Member("a.JPEG", "file", BLOCK, 0)]
    damage = list_members(archive + tail)[-1]
    assert isinstance(damage, Damage)
    assert damage.offset == BLOCK


def test_a_wrong_checksum_is_damage() -> None:
    archive = bytearray(make_tar({"a.JPEG": b"a", "b.JPEG": b"b"}))
    archive[2 * BLOCK] ^= 1
    first, damage = list_members(bytes(archive))
    assert first == Member("a.JPEG", "file", BLOCK, 1)
    assert isinstance(damage, Damage)
    assert damage.offset == 2 * BLOCK


def test_gnu_tar_and_tarfile_defaults_agree(tmp_path: Path) -> None:
    (tmp_path / "n00005787_1.JPEG").write_bytes(b"x" * 1000)
    path = tmp_path / "default.tar"
    with tarfile.open(path, "w") as archive:  # pax, with a fractional mtime for every file
        archive.add(tmp_path / "n00005787_1.JPEG", "winter21_whole/n00005787/n00005787_1.JPEG")
    (found,) = list_members(path.read_bytes())
    assert found.name == "winter21_whole/n00005787/n00005787_1.JPEG"
