"""Unpacking gzip files of any make, and entering them in their middle."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.sources.streams import seeking
from pipeline.sources.streams.inflate import BEGINNING, Gunzip
from pipeline.sources.streams.seeking import SeekIndex
from schemas.errors import SourceError


def noise(length: int, seed: int = 0) -> bytes:
    """Like photographs: hardly any smaller when packed, but with matches here and there."""
    generator = random.Random(seed)
    piece = generator.randbytes(length)
    return b"".join(piece[at : at + 900] + piece[at : at + 100] for at in range(0, length, 900))[:length]


def unpack(path: Path) -> tuple[bytes, str | None]:
    gunzip = Gunzip(path)
    return b"".join(gunzip), gunzip.damage


contents = st.one_of(st.binary(max_size=2000), st.integers(0, 300_000).map(noise), st.integers(0, 10**6).map(bytes))


@settings(deadline=None, max_examples=50)
@given(members=st.lists(st.tuples(contents, st.integers(0, 9)), min_size=1, max_size=4), padding=st.integers(0, 2000))
def test_any_members_in_a_row_unpack_to_what_they_were(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[bytes, int]], padding: int
) -> None:
    path = tmp_path_factory.mktemp("gzip") / "a.gz"
    path.write_bytes(b"".join(gzip.compress(data, level) for data, level in members) + bytes(padding))
    assert unpack(path) == (b"".join(data for data, _ in members), None)


@settings(deadline=None, max_examples=100)
@given(data=contents, cut=st.floats(0, 1, exclude_max=True))
def test_a_cut_file_gives_what_came_before_and_says_where(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cut: float
) -> None:
    path = tmp_path_factory.mktemp("gzip") / "a.gz"
    packed = gzip.compress(data)
    path.write_bytes(packed[: max(1, int(cut * len(packed)))])
    found, damage = unpack(path)
    assert data.startswith(found)
    assert damage is not None
    assert damage.startswith("the gzip file is damaged at byte ")


@settings(deadline=None, max_examples=200)
@given(data=contents, where=st.floats(0, 1, exclude_max=True), value=st.integers(1, 255))
def test_whatever_byte_is_changed_nothing_is_raised(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, where: float, value: int
) -> None:
    path = tmp_path_factory.mktemp("gzip") / "a.gz"
    packed = bytearray(gzip.compress(data, mtime=0))
    packed[int(where * len(packed))] ^= value
    path.write_bytes(packed)
    found, damage = unpack(path)
    assert found == data or damage is not None


def spoil(packed: bytearray, how: str, where: float) -> bytes:
    """Damage of one kind at some place."""
    at = int(where * len(packed))
    if how == "cut":
        return bytes(packed[:at])
    if how == "a hole":
        packed[at : at + 600] = bytes(len(packed[at : at + 600]))
    else:
        packed[{"a flipped bit": at, "header": int(where * 10), "checks": int(where * 8) - 8}[how]] ^= 4
    return bytes(packed)


@pytest.mark.parametrize("how", ["cut", "a hole", "a flipped bit", "header", "checks"])
@settings(deadline=None, max_examples=12)
@given(level=st.sampled_from([0, 1, 6, 9]), members=st.sampled_from([1, 3]), where=st.floats(0, 1, exclude_max=True))
@example(level=1, members=1, where=0.9652964747577237)  # it shows in bits of a byte that the block before used up
def test_damage_is_told_alike_with_and_without_an_index_and_wherever_the_file_is_entered(
    tmp_path_factory: pytest.TempPathFactory, how: str, level: int, members: int, where: float
) -> None:
    folder = tmp_path_factory.mktemp("gzip")
    archive, data = folder / "a.gz", noise(900_000)
    pieces = [data[len(data) * at // members : len(data) * (at + 1) // members] for at in range(members)]
    packed = bytearray(b"".join(gzip.compress(piece, level, mtime=0) for piece in pieces))
    archive.write_bytes(spoil(packed, how, where))
    found, damage = unpack(archive)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeking, "SPACING", 100_000)
        index = SeekIndex(folder / "index")
        whole = Gunzip(archive, BEGINNING, index)
        assert (b"".join(whole), whole.damage) == (found, damage)
        for offset in range(0, len(found), 250_000):
            point = index.before(offset)
            rest = Gunzip(archive, point, index)
            assert (b"".join(rest), rest.damage) == (found[point.unpacked :], damage)


def test_what_is_no_gzip_data_behind_the_last_member_is_damage(tmp_path: Path) -> None:
    packed = gzip.compress(b"photograph")
    (tmp_path / "a.gz").write_bytes(packed + b"more")
    assert unpack(tmp_path / "a.gz") == (
        b"photograph",
        f"the gzip file is damaged at byte {len(packed)} of it (what follows is no gzip data)",
    )


def test_pieces_are_small_however_well_they_were_packed(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2**26)))
    pieces = [len(piece) for piece in Gunzip(tmp_path / "a.gz")]
    assert sum(pieces) == 2**26
    assert max(pieces) <= 2**18


def test_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        list(Gunzip(tmp_path / "gone.gz"))


@pytest.fixture
def _close_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "SPACING", 100_000)


def write_index(path: Path, archive: Path) -> None:
    with SeekIndex(path) as index:
        assert sum(map(len, Gunzip(archive, BEGINNING, index))) > 0
        index.flush()


@pytest.mark.usefixtures("_close_points")
@pytest.mark.parametrize(
    "members",
    [
        pytest.param([(noise(2_000_000), 6)], id="one member"),
        pytest.param([(noise(2_000_000), 0)], id="stored"),
        pytest.param([(noise(2_000_000), 9)], id="packed best"),
        pytest.param([(noise(500_000, seed), 1) for seed in range(4)], id="strung together"),
        pytest.param([(noise(20_000, seed), 6) for seed in range(80)], id="many small members"),
        pytest.param([(bytes(10**7), 6)], id="zeros"),
    ],
)
def test_a_file_can_be_entered_anywhere(tmp_path: Path, members: list[tuple[bytes, int]]) -> None:
    whole = b"".join(data for data, _ in members)
    archive = tmp_path / "a.gz"
    archive.write_bytes(b"".join(gzip.compress(data, level) for data, level in members))
    write_index(tmp_path / "index", archive)
    index, farthest = SeekIndex(tmp_path / "index"), 0
    for offset in range(0, len(whole), len(whole) // 40 + 1):
        point = index.before(offset)
        assert point.unpacked <= offset
        gunzip = Gunzip(archive, point, index)
        assert b"".join(gunzip) == whole[point.unpacked :]
        assert gunzip.damage is None
        assert (gunzip.packed, gunzip.unpacked) == (archive.stat().st_size, len(whole))
        farthest = max(farthest, point.unpacked)
    assert farthest > len(whole) // 2


@pytest.mark.usefixtures("_close_points")
def test_an_index_that_was_cut_by_a_kill_goes_on_where_it_is_whole(tmp_path: Path) -> None:
    archive, path = tmp_path / "a.gz", tmp_path / "index"
    archive.write_bytes(gzip.compress(noise(2_000_000)))
    write_index(path, archive)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    write_index(path, archive)
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-1000] + bytes(1000))
    write_index(path, archive)
    assert path.read_bytes() == whole
    write_index(path, archive)
    assert path.read_bytes() == whole


@pytest.mark.usefixtures("_close_points")
def test_damage_behind_a_point_is_told_like_any_other(tmp_path: Path) -> None:
    archive, path = tmp_path / "a.gz", tmp_path / "index"
    data = noise(2_000_000)
    archive.write_bytes(gzip.compress(data))
    write_index(path, archive)
    packed = archive.read_bytes()
    archive.write_bytes(packed[: len(packed) // 2])
    index = SeekIndex(path)
    gunzip = Gunzip(archive, index.before(600_000), index)
    assert data[index.before(600_000).unpacked :].startswith(b"".join(gunzip))
    assert gunzip.damage is not None
    assert "ends too early" in gunzip.damage


def test_a_damaged_index_is_one_line_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "SPACING", 100_000)
    archive, path = tmp_path / "a.gz", tmp_path / "index"
    archive.write_bytes(gzip.compress(noise(2_000_000)))
    write_index(path, archive)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match="index is damaged; delete it"):
        SeekIndex(path).before(150_000)


def test_the_two_ways_of_unpacking_give_the_same_bytes(tmp_path: Path) -> None:
    archive = tmp_path / "a.gz"
    data = noise(3_000_000)
    archive.write_bytes(gzip.compress(data, 6))
    assert b"".join(Gunzip(archive, BEGINNING, SeekIndex(tmp_path / "index"))) == unpack(archive)[0] == data
    assert zlib.crc32(data) == int.from_bytes(archive.read_bytes()[-8:-4], "little")
