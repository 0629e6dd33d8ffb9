from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tars import BLOCK, END_OF_ARCHIVE, tar_header, tar_member

names = st.from_regex(r"[a-z0-9_]{1,60}\.[a-z]{1,9}", fullmatch=True)
members = st.lists(st.tuples(names, st.binary(max_size=2000)), unique_by=lambda member: member[0], max_size=5)


@given(members)
def test_tarfile_reads_what_was_written(given_members: list[tuple[str, bytes]]) -> None:
    data = b"".join(tar_member(name, content) for name, content in given_members) + END_OF_ARCHIVE
    assert len(data) % BLOCK == 0
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        found = [(member.name, _read(archive, member)) for member in archive]
    assert found == given_members


def test_a_header_tells_nothing_of_who_wrote_it_or_when() -> None:
    header = tarfile.TarInfo.frombuf(tar_header("n01440764_1.json", 5), "ascii", "strict")
    assert (header.mtime, header.uid, header.gid, header.uname, header.gname) == (0, 0, 0, "", "")
    assert header.mode == 0o644
    assert header.isreg()


@pytest.mark.parametrize("name", ["n" * 101, "ä.json"])
def test_a_name_that_needs_an_extended_header_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"name is too long|ascii"):
        tar_header(name, 5)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
