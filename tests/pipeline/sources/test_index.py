"""The index holds every image once, accounts for every other entry, and is finished or gone on with."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.progress import Silent
from pipeline.sources import IndexOptions, build_index, load_summary, open_source, read_index
from pipeline.sources.index import build as building
from pipeline.sources.index import merge as merging
from pipeline.sources.index import scan as scanning
from schemas.config import SourceConfig
from schemas.errors import ConservationError, RunDirectoryError, SourceError
from schemas.image import IndexedImage
from schemas.rejection import RejectReason
from tests.collections import PLAIN_FORMS, PlainForm, collection_ids, make_collection
from tests.fakes.listed_source import AnnouncingSource, Entry, ListedSource, image, stray
from tests.fakes.noted_progress import NotedProgress

CLASSES = ("n00005787", "n02123045")
FILES = ("index.parquet", "rejections.parquet", "index.json")


def listed(*entries: Entry) -> ListedSource:
    return ListedSource({"a": entries})


def many(containers: int, entries: int) -> dict[str, list[Entry]]:
    """Containers of images and strays, a few ids met twice."""
    return {
        f"{number:03}.tar": [
            stray(f"{number} {entry}") if entry % 5 == 4 else image(f"n{number % 7:08}_{entry}", f"{number:03}.tar")
            for entry in range(entries)
        ]
        for number in range(containers)
    }


def files(index: Path) -> dict[str, bytes]:
    return {name: (index / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("form", PLAIN_FORMS)
def test_every_form_gives_the_same_ids(tmp_path: Path, form: PlainForm) -> None:
    path = make_collection(tmp_path / "source", form, CLASSES, per_class=2)
    summary = build_index(open_source(SourceConfig(path=str(path))), tmp_path / "index", Silent())
    table = read_index(tmp_path / "index")
    assert table.column_names == list(IndexedImage.model_fields)
    assert table["image_id"].to_pylist() == collection_ids(CLASSES, 2)
    assert summary.images == summary.entries == summary.known_dimensions == 4
    assert summary.bytes == sum(table["size"].to_pylist())
    assert load_summary(tmp_path / "index") == summary


def test_the_first_of_several_entries_with_one_id_is_kept(tmp_path: Path) -> None:
    source = listed(image("n00005787_1", "first"), image("n00005787_2"), image("n00005787_1", "second"))
    summary = build_index(source, tmp_path, Silent())
    assert read_index(tmp_path)["container"].to_pylist() == ["first", "a"]
    assert summary.rejected == {RejectReason.DUPLICATE_ID: 1}
    (rejection,) = pq.read_table(tmp_path / "rejections.parquet").to_pylist()
    assert rejection["image_id"] == "n00005787_1"
    assert rejection["wnid"] == "n00005787"
    assert rejection["detail"].startswith("second at byte 0")


def test_a_source_that_is_one_archive_is_called_so(tmp_path: Path) -> None:
    source = listed(image("n00005787_1", "."), image("n00005787_1", ".", 512))
    examples = build_index(source, tmp_path, Silent()).examples
    assert examples == {RejectReason.DUPLICATE_ID: "the archive at byte 512: an earlier file is kept"}


def test_an_id_with_leading_zeros_is_an_id_of_its_own(tmp_path: Path) -> None:
    source = listed(image("n00005787_7"), image("n00005787_07"), image("n00005787_007"))
    assert build_index(source, tmp_path, Silent()).images == 3


def test_entries_are_images_companions_and_rejections(tmp_path: Path) -> None:
    source = ListedSource({"a": [stray("x"), image("n00005787_1"), stray("y")], "b": []}, companions=3)
    summary = build_index(source, tmp_path, Silent())
    assert (summary.containers, summary.companions, summary.images) == (2, 6, 1)
    assert summary.entries == summary.images + summary.companions + sum(summary.rejected.values()) == 9
    assert summary.examples == {RejectReason.NOT_AN_IMAGE_ID: "x"}
    assert pq.read_table(tmp_path / "rejections.parquet")["detail"].to_pylist() == ["x", "y"]


def test_known_dimensions_are_counted_and_kept(tmp_path: Path) -> None:
    source = listed(image("n00005787_1", side=500), image("n00005787_2"), image("n00005787_3", side=224))
    summary = build_index(source, tmp_path, Silent())
    assert (summary.known_dimensions, summary.of_224, summary.resized) == (2, 1, False)
    assert read_index(tmp_path, ["width"])["width"].to_pylist() == [500, None, 224]


def test_a_source_without_images_is_an_error_that_shows_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no ImageNet image among 1 entries, e\.g\. holiday\.jpg \(not_an_image_id"):
        build_index(listed(stray("holiday.jpg")), tmp_path, Silent())
    assert not any((tmp_path / name).exists() for name in FILES)


def test_a_lost_row_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging._Rows, "write", lambda _rows, _table: None)
    with pytest.raises(ConservationError, match="2 entries became 0 images, 0 rejections"):
        build_index(listed(image("n00005787_1"), image("n00005787_2")), tmp_path, Silent())
    assert load_summary(tmp_path) is None


def test_a_scan_that_fails_leaves_no_index_of_before_behind(tmp_path: Path) -> None:
    build_index(listed(image("n00005787_1")), tmp_path, Silent())
    entries = [image(f"n00005787_{number}") for number in range(5)]
    with pytest.raises(SourceError, match="the disk is gone"):
        build_index(ListedSource({"a": entries}, fails_at="a"), tmp_path, Silent())
    assert load_summary(tmp_path) is None


@pytest.mark.parametrize("missing", FILES)
def test_an_unfinished_index_counts_as_none(tmp_path: Path, missing: str) -> None:
    assert load_summary(tmp_path) is None
    build_index(listed(image("n00005787_1")), tmp_path, Silent())
    (tmp_path / missing).unlink()
    assert load_summary(tmp_path) is None


def test_a_summary_that_is_none_is_an_error(tmp_path: Path) -> None:
    build_index(listed(image("n00005787_1")), tmp_path, Silent())
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(RunDirectoryError, match="not the summary of an index"):
        load_summary(tmp_path)


def test_an_unreadable_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        read_index(tmp_path)
    (tmp_path / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        read_index(tmp_path)


def test_the_number_of_workers_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_WORTH_PROCESSES", 0)
    source = ListedSource(many(40, 9))
    for workers in (1, 2):
        build_index(source, tmp_path / str(workers), Silent(), IndexOptions(workers=workers))
    assert files(tmp_path / "1") == files(tmp_path / "2")


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.lists(st.one_of(st.integers(0, 30), st.just(None)), max_size=12),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_neither_batches_nor_parts_nor_row_groups_change_what_the_index_holds(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[list[int | None]], batch: int, moves: bool
) -> None:
    listed_numbers: list[list[int | None]] = [[99], *numbers]
    containers = {
        f"{name}.tar": [
            stray(f"{name} {place}") if number is None else image(f"n00005787_{number}", f"{name}.tar", place)
            for place, number in enumerate(entries)
        ]
        for name, entries in enumerate(listed_numbers)
    }
    expected = [entry for entries in containers.values() for entry in entries]
    first: dict[str, IndexedImage] = {}
    for entry in expected:
        if isinstance(entry, IndexedImage):
            first.setdefault(entry.image_id, entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "PART_ENTRIES", 3)
        patch.setattr(merging, "GROUP_ROWS", 2)
        out = tmp_path_factory.mktemp("index")
        summary = build_index(ListedSource(containers, batch=batch, moves=moves), out, Silent())
    assert read_index(out).to_pylist() == [entry.model_dump() for entry in first.values()]
    assert summary.entries == len(expected) == summary.images + sum(summary.rejected.values())
    details = pq.read_table(out / "rejections.parquet")["detail"].to_pylist()
    strays = [entry.detail for entry in expected if not isinstance(entry, IndexedImage)]
    assert details[: len(strays)] == strays


def test_all_row_groups_but_the_last_are_of_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "GROUP_ROWS", 10)
    build_index(ListedSource(many(7, 5)), tmp_path, Silent())
    metadata = pq.read_metadata(tmp_path / "index.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [10, 10, 8]


def test_progress_is_told_in_bytes_and_images(tmp_path: Path) -> None:
    progress = NotedProgress()
    build_index(ListedSource(many(4, 10)), tmp_path, progress)
    (task,) = progress.tasks
    assert (task.name, task.total, task.done, task.note) == ("index", 4000, 4000, "32 images, 8 rejected")


def test_what_a_source_misses_is_warned_of(tmp_path: Path) -> None:
    progress = NotedProgress()
    build_index(AnnouncingSource(many(2, 3)), tmp_path, progress)
    assert progress.warnings == ["a shard is missing", "000.tar holds 3", "001.tar holds 3"]
