"""The index holds every image once, accounts for every other entry, and is finished or not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.progress import Silent
from pipeline.sources import Source, build_index, load_summary, open_source, read_index
from pipeline.sources.seen import SeenIds
from schemas.config import SourceConfig
from schemas.errors import ConservationError, RunDirectoryError, SourceError
from schemas.image import ImageRef
from schemas.rejection import Rejection, RejectReason, Stage
from tests.pipeline.sources.synthetic import FORMS, Form, collection_ids, make_collection

CLASSES = ("n00005787", "n02123045")


class ListedSource:
    """A source whose entries are written down."""

    form = "tree"

    def __init__(self, *entries: ImageRef | Rejection) -> None:
        self.entries = entries

    def scan(self) -> Iterator[ImageRef | Rejection]:
        yield from self.entries

    def read(self, ref: ImageRef) -> bytes:
        return bytes(ref.size)

    def file_of(self, ref: ImageRef) -> None:
        """None: there are no files."""


def image(image_id: str, container: str = "a") -> ImageRef:
    return ImageRef(image_id=image_id, wnid=image_id[:9], container=container, offset=0, size=7)


def stray(detail: str) -> Rejection:
    return Rejection(image_id="", wnid="", stage=Stage.INDEX, reason=RejectReason.NOT_AN_IMAGE_ID, detail=detail)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_ids(tmp_path: Path, form: Form) -> None:
    path = make_collection(tmp_path / "source", form, CLASSES, per_class=2)
    summary = build_index(open_source(SourceConfig(path=path)), tmp_path / "index", Silent())
    table = read_index(tmp_path / "index")
    assert table.column_names == ["image_id", "wnid", "container", "offset", "size"]
    assert table["image_id"].to_pylist() == collection_ids(CLASSES, 2)
    assert summary.images == summary.entries == 4
    assert summary.bytes == sum(table["size"].to_pylist())
    assert load_summary(tmp_path / "index") == summary


def test_the_first_of_several_entries_with_one_id_is_kept(tmp_path: Path) -> None:
    source = ListedSource(image("n00005787_1", "first"), image("n00005787_2"), image("n00005787_1", "second"))
    summary = build_index(source, tmp_path, Silent())
    assert read_index(tmp_path)["container"].to_pylist() == ["first", "a"]
    assert summary.rejected == {RejectReason.DUPLICATE_ID: 1}
    (rejection,) = pq.read_table(tmp_path / "rejections.parquet").to_pylist()
    assert rejection["image_id"] == "n00005787_1"
    assert rejection["wnid"] == "n00005787"
    assert rejection["detail"].startswith("second at byte 0")


def test_an_id_with_leading_zeros_is_an_id_of_its_own(tmp_path: Path) -> None:
    source = ListedSource(image("n00005787_7"), image("n00005787_07"), image("n00005787_007"))
    assert build_index(source, tmp_path, Silent()).images == 3


def test_entries_are_images_and_rejections(tmp_path: Path) -> None:
    summary = build_index(ListedSource(stray("x"), image("n00005787_1"), stray("y")), tmp_path, Silent())
    assert summary.entries == summary.images + sum(summary.rejected.values()) == 3
    assert pq.read_table(tmp_path / "rejections.parquet")["detail"].to_pylist() == ["x", "y"]


def test_a_source_without_images_is_an_error_that_shows_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no ImageNet image among 1 entries, e\.g\. holiday\.jpg \(not_an_image_id"):
        build_index(ListedSource(stray("holiday.jpg")), tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


def test_a_lost_entry_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.index._reject_duplicates", lambda batch, _: batch[1:])
    with pytest.raises(ConservationError, match="2 entries became 1 images and 0 rejections"):
        build_index(ListedSource(image("n00005787_1"), image("n00005787_2")), tmp_path, Silent())


def test_a_scan_that_fails_leaves_no_index_of_before_behind(tmp_path: Path) -> None:
    class Failing(ListedSource):
        def scan(self) -> Iterator[ImageRef | Rejection]:
            yield from self.entries
            raise SourceError("the disk is gone")

    build_index(ListedSource(image("n00005787_1")), tmp_path, Silent())
    with pytest.raises(SourceError, match="the disk is gone"):
        build_index(Failing(image("n00005787_2")), tmp_path, Silent())
    assert load_summary(tmp_path) is None


@pytest.mark.parametrize("missing", ["index.json", "index.parquet", "rejections.parquet"])
def test_an_unfinished_index_counts_as_none(tmp_path: Path, missing: str) -> None:
    assert load_summary(tmp_path) is None
    build_index(ListedSource(image("n00005787_1")), tmp_path, Silent())
    (tmp_path / missing).unlink()
    assert load_summary(tmp_path) is None


def test_a_summary_that_is_none_is_an_error(tmp_path: Path) -> None:
    build_index(ListedSource(image("n00005787_1")), tmp_path, Silent())
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(RunDirectoryError, match="not the summary of an index"):
        load_summary(tmp_path)


def test_an_unreadable_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        read_index(tmp_path)
    (tmp_path / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        read_index(tmp_path)


def test_the_same_source_gives_the_same_files(tmp_path: Path) -> None:
    source: Source = ListedSource(image("n00005787_1"), stray("x"))
    build_index(source, tmp_path / "a", Silent())
    build_index(source, tmp_path / "b", Silent())
    for name in ("index.parquet", "rejections.parquet", "index.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


ids = st.from_regex(r"n0000000[0-9]_[0-9]{1,2}", fullmatch=True)


@settings(deadline=None)
@given(st.lists(st.lists(ids, max_size=30), max_size=20))
def test_an_id_is_new_exactly_once_however_ids_are_batched(batches: list[list[str]]) -> None:
    seen = SeenIds()
    met: set[str] = set()
    for batch in batches:
        for image_id, new in zip(batch, seen.add(batch), strict=True):
            assert new == (image_id not in met)
            met.add(image_id)
