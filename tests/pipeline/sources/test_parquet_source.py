"""Parquet files with images in them: every row counts, and any row can be read again."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.options import ScanOptions
from pipeline.sources.parquet import ParquetSource
from pipeline.sources.shards import parquet_rows
from schemas.errors import SourceError
from tests.collections import Collection, synthetic_photograph
from tests.pipeline.sources.listing import list_container, list_source

CLASS = "n02018795"
PHOTOGRAPH = synthetic_photograph(f"{CLASS}_1")
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_images(
    path: Path, rows: list[tuple[bytes | None, str | None]], *, rows_per_group: int = 1000, kind: pa.DataType = IMAGE
) -> Path:
    """Rows of the ``Image`` feature; returns the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = pa.array([{"bytes": data, "path": name} for data, name in rows], kind)
    pq.write_table(pa.table({"image": images, "label": [7] * len(rows)}), path, row_group_size=rows_per_group)
    return path.parent


def numbered(count: int) -> list[tuple[bytes | None, str | None]]:
    return [(b"picture %d" % number, f"{CLASS}_{number}.JPEG") for number in range(count)]


def test_every_row_is_one_image_with_its_own_size(tmp_path: Path) -> None:
    root = write_images(tmp_path / "data" / "train.parquet", [(PHOTOGRAPH, f"x/{CLASS}_1.JPEG"), (b"??", f"{CLASS}_2")])
    source = ParquetSource(root, ScanOptions())
    listing = list_source(source)
    assert listing.sizes == {f"{CLASS}_1": (256, 240, "JPEG"), f"{CLASS}_2": (None, None, None)}
    assert [(ref.container, ref.offset, ref.size) for ref in listing.refs] == [
        ("train.parquet", 0, len(PHOTOGRAPH)),
        ("train.parquet", 1, 2),
    ]
    assert [source.read(ref) for ref in listing.refs] == [PHOTOGRAPH, b"??"]
    assert source.file_of(listing.refs[0]) is None


def test_without_dimensions_no_image_is_looked_at(tmp_path: Path) -> None:
    root = write_images(tmp_path / "a.parquet", [(PHOTOGRAPH, f"{CLASS}_1.JPEG")])
    listing = list_source(ParquetSource(root, ScanOptions(dimensions=False)))
    assert listing.sizes == {f"{CLASS}_1": (None, None, None)}


@pytest.mark.parametrize("name", ["filename", "file_name", "image_id", "path", "__key__"])
@pytest.mark.parametrize("data", ["image", "jpg", "anything"])
def test_bytes_beside_a_name_are_images_too(tmp_path: Path, name: str, data: str) -> None:
    table = pa.table({"label": [1], "other": ["x"], name: [f"{CLASS}_1"], data: pa.array([b"abc"], pa.large_binary())})
    pq.write_table(table, tmp_path / "a.parquet")
    source = ParquetSource(tmp_path, ScanOptions())
    assert list_source(source).ids == [f"{CLASS}_1"]
    assert source.read(list_source(source).refs[0]) == b"abc"


def test_of_several_names_the_first_that_is_an_id_counts(tmp_path: Path) -> None:
    images = pa.array([{"bytes": b"abc", "path": "0.jpg"}, {"bytes": b"abc", "path": f"{CLASS}_2.jpg"}], IMAGE)
    table = pa.table({"image": images, "image_id": [f"{CLASS}_1", f"{CLASS}_9"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert list_source(ParquetSource(tmp_path, ScanOptions())).ids == [f"{CLASS}_1", f"{CLASS}_2"]


def test_rows_that_are_no_images_are_rejected_with_their_place(tmp_path: Path) -> None:
    rows = [(b"abc", "holiday.jpg"), (b"abc", None), (None, f"{CLASS}_1.jpg"), (b"", f"{CLASS}_2.jpg")]
    listing = list_source(ParquetSource(write_images(tmp_path / "a.parquet", rows), ScanOptions()))
    assert listing.ids == [f"{CLASS}_2"]
    assert listing.reasons() == [
        ("not_an_image_id", "a.parquet: row 0 (holiday.jpg)"),
        ("not_an_image_id", "a.parquet: row 1"),
        ("not_a_regular_file", f"a.parquet: row 2 ({CLASS}_1.jpg): holds no bytes"),
    ]


def test_a_file_without_images_is_rejected_with_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"wnid": ["n1"], "name": ["tench"]}), tmp_path / "classes.parquet")
    assert list_source(ParquetSource(tmp_path, ScanOptions())).reasons() == [
        ("not_an_image_id", "classes.parquet: no column of images among wnid, name")
    ]


def test_names_that_are_no_utf8_are_rejected(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff.jpg"]).buffers())
    pq.write_table(pa.table({"path": bad, "bytes": pa.array([b"abc"])}), tmp_path / "a.parquet")
    assert list_source(ParquetSource(tmp_path, ScanOptions())).reasons() == [
        ("not_an_image_id", r"a.parquet: row 0 (\udcff.jpg)")
    ]


def test_files_beside_are_accounted_for(tmp_path: Path) -> None:
    write_images(tmp_path / "data" / "a.parquet", numbered(1))
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / f"{CLASS}_9.JPEG").write_bytes(PHOTOGRAPH)
    source = ParquetSource(tmp_path, ScanOptions())
    listing = list_source(source)
    assert sorted(listing.ids) == [f"{CLASS}_0", f"{CLASS}_9"]
    assert listing.reasons() == [("not_an_image_id", "README.md")]
    loose = next(ref for ref in listing.refs if ref.image_id == f"{CLASS}_9")
    assert source.read(loose) == PHOTOGRAPH
    assert source.file_of(loose) == tmp_path / f"{CLASS}_9.JPEG"


@given(st.integers(1, 40), st.integers(1, 15), st.integers(1, 7), st.integers(0, 2**32))
def test_any_row_is_read_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, count: int, rows_per_group: int, at_once: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_rows, "_MAX_ROWS", at_once)
        root = tmp_path_factory.mktemp("rows")
        write_images(root / "a.parquet", numbered(count), rows_per_group=rows_per_group)
        write_images(root / "b.parquet", numbered(3))
        source = ParquetSource(root, ScanOptions())
        refs = list_source(source).refs
        random.Random(seed).shuffle(refs)
        for ref in refs:
            assert source.read(ref) == b"picture %d" % ref.offset


def test_a_file_can_be_entered_wherever_a_batch_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(parquet_rows, "_MAX_ROWS", 4)
    source = ParquetSource(write_images(tmp_path / "a.parquet", numbered(20), rows_per_group=6), ScanOptions())
    (container,) = source.containers()
    whole = list_source(source)
    assert container.end == 20
    assert whole.positions == [4, 6, 10, 12, 16, 18, 20, 20]
    for position in range(20):
        assert list_container(source, container, position).images.equals(whole.images.slice(position))


def test_a_damaged_file_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    random_bytes = random.Random(1).randbytes
    pictures = [random_bytes(5000) for _ in range(20)]
    write_images(path, [(data, f"{CLASS}_{row}.JPEG") for row, data in enumerate(pictures)], rows_per_group=5)
    file = path.read_bytes()
    page = file.index(pictures[10]) - 30  # its header stands there
    path.write_bytes(file[:page] + bytes(25) + file[page + 25 :])
    listing = list_source(ParquetSource(tmp_path, ScanOptions()))
    assert listing.ids == [f"{CLASS}_{number}" for number in range(10)]
    (rejection,) = listing.rejections
    assert rejection.reason == "archive_damaged"
    assert rejection.detail.startswith("a.parquet: row 10 and all after it cannot be read: ")


def test_rows_that_a_file_promises_and_does_not_hold_are_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_images(path, numbered(37))
    file = path.read_bytes()
    footer = len(file) - 8 - int.from_bytes(file[-8:-4], "little")
    at = file.rindex(2 * 37, footer)  # the row group's count; the file's own stands before all row groups
    while pq.ParquetFile(path).metadata.row_group(0).num_rows == 37:
        path.write_bytes(file[:at] + bytes([2 * 45]) + file[at + 1 :])
        at = file.rindex(2 * 37, footer, at)
    listing = list_source(ParquetSource(tmp_path, ScanOptions()))
    assert len(listing.ids) == 37
    (reason,) = listing.reasons()
    assert reason == (
        "archive_damaged",
        "a.parquet: row 37 and all after it cannot be read: row group 0 holds 37 rows instead of 45",
    )


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"<html>no such file</html>"])
def test_a_file_that_is_none_is_one_rejection(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    write_images(tmp_path / "b.parquet", numbered(1))
    listing = list_source(ParquetSource(tmp_path, ScanOptions()))
    assert listing.ids == [f"{CLASS}_0"]
    assert [rejection.reason for rejection in listing.rejections] == ["archive_damaged"]


def test_a_row_that_changed_is_noticed(tmp_path: Path) -> None:
    root = write_images(tmp_path / "a.parquet", numbered(3))
    refs = list_source(ParquetSource(root, ScanOptions())).refs
    write_images(tmp_path / "a.parquet", numbered(2))
    source = ParquetSource(root, ScanOptions())
    with pytest.raises(SourceError, match=f"no image of 9 bytes in row 2 any more, where {CLASS}_2 was"):
        source.read(refs[2])
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(SourceError, match=r"a\.parquet: n02018795_0 in row 0 cannot be read"):
        ParquetSource(root, ScanOptions()).read(refs[0])


def test_sources_go_to_other_processes(tmp_path: Path) -> None:
    source = ParquetSource(write_images(tmp_path / "a.parquet", numbered(3)), ScanOptions())
    refs = list_source(source).refs
    source.read(refs[0])
    assert pickle.loads(pickle.dumps(source)).read(refs[2]) == b"picture 2"


def test_a_row_group_as_large_as_the_file_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_bytes = random.Random(2).randbytes
    rows = [{"bytes": random_bytes(100_000), "path": f"{CLASS}_{number}.JPEG"} for number in range(1500)]
    table = pa.table({"image": pa.array(rows, IMAGE)})
    # the page is what must be decoded as a whole: by default pyarrow looks at its size every 1,024 rows only
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10_000, write_batch_size=8, use_dictionary=False)
    del rows, table
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    peak = 0
    monkeypatch.setattr(parquet_rows, "BATCH_SECONDS", 0.0)
    source = ParquetSource(tmp_path, ScanOptions())
    (container,) = source.containers()
    for _ in source.scan(container, 0):
        peak = max(peak, pool.bytes_allocated() - before)
    for ref in list_source(source).refs[::100]:
        source.read(ref)
        peak = max(peak, pool.bytes_allocated() - before)
    assert peak < 60 * 2**20


def test_the_same_images_as_a_folder_of_files(tmp_path: Path) -> None:
    collection = Collection(("n00005787", "n02123045"), 4)
    listing = list_source(ParquetSource(collection.write(tmp_path, "parquet"), ScanOptions()))
    assert tuple(sorted(set(listing.ids))) == collection.expected.ids
    assert listing.entries == collection.expected.files
