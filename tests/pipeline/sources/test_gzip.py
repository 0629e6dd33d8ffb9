"""A collection in one gzip file: listed like the tar in it, in one pass that can be killed anywhere."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import pickle
import signal
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.progress import Silent
from pipeline.sources import gzip as source_module
from pipeline.sources.base import Batch, Source
from pipeline.sources.gzip import GzipSource
from pipeline.sources.keeping import Keep
from pipeline.sources.options import ScanOptions
from pipeline.sources.streams import seeking
from pipeline.sources.streams import tar as stream
from pipeline.sources.tar import TarSource
from schemas.errors import SourceError
from schemas.identity import rank
from schemas.image import IndexedImage
from schemas.rejection import Rejection, RejectReason
from tests.collections import ALL_FAULTS, Collection, gzip_tar, make_tar, member, pad, synthetic_photograph
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.sources.test_headers import archives

CLASSES = ("n00005787", "n02123045", "n12102133")


def open_gzip(path: Path, keep: Path | None = None, per_class: int = 2, *, seek_index: bool = False) -> GzipSource:
    kept = None if keep is None else Keep(keep, 0, per_class, frozenset(CLASSES))
    return GzipSource(path, ScanOptions(), kept, seek_index=seek_index)


def write_gzip(path: Path, archive: bytes) -> Path:
    path.write_bytes(gzip_tar(archive))
    return path


def batches_of(source: Source, start: int | None = None) -> Iterator[Batch]:
    for container in source.containers():
        yield from source.scan(container, container.start if start is None else start)


def images_in(batches: list[Batch]) -> list[IndexedImage]:
    rows = [row for batch in batches for row in batch.images.to_pylist()]
    return [IndexedImage.model_validate(row) for row in rows]


def rejections_in(batches: list[Batch]) -> list[Rejection]:
    return [rejection for batch in batches for rejection in batch.rejections]


def entries_of(source: Source) -> tuple[list[IndexedImage], list[Rejection]]:
    batches = list(batches_of(source))
    images = sorted(images_in(batches), key=lambda image: image.offset)
    return images, sorted(rejections_in(batches), key=lambda rejection: (rejection.detail, rejection.reason))


def assert_listed_like_the_tar(folder: Path, archive: bytes) -> None:
    (folder / "a.tar").write_bytes(archive)
    source = open_gzip(write_gzip(folder / "a.tar.gz", archive))
    assert entries_of(source) == entries_of(TarSource(folder / "a.tar"))


def archive_of(*members: tarfile.TarInfo) -> bytes:
    return b"".join(info.tobuf() + pad(bytes(info.size)) for info in members) + bytes(1024)


class TestListing:
    @pytest.mark.parametrize("form", ["tar.gz", "tar_of_tars.gz"])
    def test_a_collection_with_all_faults_is_listed_like_the_tar_in_it(self, tmp_path: Path, form: str) -> None:
        collection = Collection(CLASSES, 3, faults=ALL_FAULTS)
        path = collection.write(tmp_path, form)  # type: ignore[arg-type]  # both are forms
        assert_listed_like_the_tar(tmp_path, gzip.decompress(path.read_bytes()))
        images, rejections = entries_of(open_gzip(path))
        assert sorted({image.image_id for image in images}) == list(collection.ids)
        assert all(rejection.detail for rejection in rejections)

    @settings(deadline=None, max_examples=60)
    @given(archives, st.booleans(), st.data())
    def test_any_archive_whole_or_cut_is_listed_like_the_tar_in_it(
        self, tmp_path_factory: pytest.TempPathFactory, archive: bytes, nested: bool, data: st.DataObject
    ) -> None:
        archive = make_tar({"n00005787_1.JPEG": b"a", "n00005787_2.JPEG": b"bb"}) + archive if nested else archive
        if nested:
            archive = make_tar({"n00005787.tar": archive, "n00005787_3.JPEG": b"c", "b.tar": make_tar({"x": b"y"})})
        if data.draw(st.booleans(), label="is cut"):
            archive = archive[: data.draw(st.integers(1, len(archive)), label="cut")]
        assert_listed_like_the_tar(tmp_path_factory.mktemp("gzip"), archive)

    @settings(deadline=None, max_examples=60)
    @given(archives, st.data())
    def test_whatever_bytes_are_changed_it_is_listed_like_the_tar_in_it(
        self, tmp_path_factory: pytest.TempPathFactory, archive: bytes, data: st.DataObject
    ) -> None:
        changed = bytearray(b"x" + archive)[1:]
        for _ in range(data.draw(st.integers(1, 5))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        assert_listed_like_the_tar(tmp_path_factory.mktemp("gzip"), bytes(changed))

    @pytest.mark.parametrize(
        "archive",
        [
            pytest.param(archive_of(member("/n00005787_1.JPEG", 4), member("../n00005787_2.JPEG", 4)), id="names"),
            pytest.param(archive_of(*(member(f"n00005787_{at}.JPEG", kind=b"%d" % at) for at in range(7))), id="links"),
            pytest.param(make_tar({"n00005787_1.JPEG": b"a"}) + make_tar({"n00005787_2.JPEG": b"b"}), id="more behind"),
            pytest.param(make_tar({"n00005787_1.JPEG": b"a"}) + bytes(2**20 + 512), id="holes behind the end"),
            pytest.param(make_tar({"a.tar": b"<html>404</html>", "n00005787_1.JPEG": b"a"}), id="no archive inside"),
            pytest.param(make_tar({"a.tar": b"", "n00005787_1.JPEG": b"a"}), id="empty archive inside"),
            pytest.param(make_tar({"a.tar": make_tar({"b.tar": make_tar({"n00005787_1.JPEG": b"a"})})}), id="deep"),
            pytest.param(archive_of(member("n00005787_1.JPEG", 0), member("n00005787_2.JPEG", 0)), id="empty images"),
            pytest.param(b"", id="nothing"),
            pytest.param(bytes(10240), id="an end mark alone"),
        ],
    )  # fmt: skip
    def test_odd_archives_are_listed_like_the_tar_in_them(self, tmp_path: Path, archive: bytes) -> None:
        assert_listed_like_the_tar(tmp_path, archive)

    def test_members_larger_than_what_is_held_are_listed_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "MAX_HELD", 5000)
        archive = make_tar({f"{wnid}_1.JPEG": synthetic_photograph(f"{wnid}_1") for wnid in CLASSES})
        assert_listed_like_the_tar(tmp_path, archive)
        assert_listed_like_the_tar(tmp_path, archive[:-12_000])

    def test_a_compressed_archive_inside_is_refused_with_the_remedy(self, tmp_path: Path) -> None:
        path = write_gzip(tmp_path / "a.tar.gz", make_tar({"b.tar": gzip.compress(b"x")}))
        with pytest.raises(SourceError, match=r"the archive: b\.tar is compressed .* gunzip"):
            list(batches_of(open_gzip(path)))

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
    def test_a_cut_gzip_file_gives_what_came_before_and_one_rejection(self, tmp_path: Path, share: float) -> None:
        path = Collection(CLASSES, 4).write(tmp_path, "tar_of_tars.gz")
        whole, _ = entries_of(open_gzip(path))
        os.truncate(path, int(path.stat().st_size * share))
        images, (rejection,) = entries_of(open_gzip(path))
        assert images == whole[: len(images)]
        assert images
        assert rejection.reason is RejectReason.ARCHIVE_DAMAGED
        assert "the gzip file is damaged at byte " in rejection.detail

    def test_damage_in_the_middle_of_a_gzip_file_loses_only_what_follows(self, tmp_path: Path) -> None:
        path = Collection(CLASSES, 4).write(tmp_path, "tar.gz")
        whole, _ = entries_of(open_gzip(path))
        archive = gzip.decompress(path.read_bytes())
        border = whole[5].offset + 100
        path.write_bytes(gzip.compress(archive[:border]) + b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 40)
        images, (rejection,) = entries_of(open_gzip(path))
        assert images == whole[:5]
        assert rejection.image_id == whole[5].image_id
        assert "the gzip file is damaged at byte " in rejection.detail

    def test_a_wrong_checksum_of_the_whole_is_one_rejection_and_loses_nothing(self, tmp_path: Path) -> None:
        path = Collection(CLASSES, 4).write(tmp_path, "tar.gz")
        whole, _ = entries_of(open_gzip(path))
        content = bytearray(path.read_bytes())
        content[-8] ^= 1
        path.write_bytes(content)
        images, (rejection,) = entries_of(open_gzip(path))
        assert images == whole
        assert "incorrect data check" in rejection.detail


class TestKeeping:
    def test_the_best_of_each_class_can_be_read_and_nothing_else(self, tmp_path: Path) -> None:
        collection = Collection(CLASSES, 6)
        source = open_gzip(collection.write(tmp_path / "source", "tar_of_tars.gz"), tmp_path / "kept")
        images, _ = entries_of(source)
        for wnid in CLASSES:
            mine = sorted((image for image in images if image.wnid == wnid), key=lambda image: rank(0, image.image_id))
            for image in mine[:2]:
                assert source.read(image) == synthetic_photograph(image.image_id)
            for image in mine[2:]:
                with pytest.raises(SourceError, match="not among the images that were kept"):
                    source.read(image)

    @pytest.mark.parametrize("seek_index", [False, True])
    def test_what_was_not_kept_is_fetched_and_then_readable_everywhere(self, tmp_path: Path, seek_index: bool) -> None:
        path = Collection(CLASSES, 6).write(tmp_path / "source", "tar.gz")
        source = open_gzip(path, tmp_path / "kept", per_class=1, seek_index=seek_index)
        images, _ = entries_of(source)
        progress = NotedProgress()
        source.prepare(reversed([*images, *images]), progress)
        (task,) = progress.tasks
        assert task.total is not None
        assert task.done >= task.total
        assert len(progress.warnings) == (0 if seek_index else 1)
        path.unlink()
        copy: GzipSource = pickle.loads(pickle.dumps(source))
        for image in images:
            assert copy.read(image) == synthetic_photograph(image.image_id)
        copy.prepare(images, progress)
        assert len(progress.tasks) == 1

    def test_a_pass_that_is_to_come_is_said_in_one_line(self, tmp_path: Path) -> None:
        source = open_gzip(Collection(CLASSES, 2).write(tmp_path / "source", "tar.gz"), tmp_path / "kept", per_class=1)
        images, _ = entries_of(source)
        progress = NotedProgress()
        source.prepare(images, progress)
        (line,) = progress.warnings
        assert "is read once more, for 3 images that were not kept: 0.0 GB unpacked, about 0 minutes at " in line

    @pytest.mark.parametrize("seek_index", [False, True])
    def test_seeking_fetches_the_same_bytes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seek_index: bool
    ) -> None:
        monkeypatch.setattr(seeking, "SPACING", 20_000)
        path = Collection(CLASSES, 12).write(tmp_path / "source", "tar_of_tars.gz")
        source = open_gzip(path, tmp_path / "kept", per_class=1, seek_index=seek_index)
        images, _ = entries_of(source)
        for image in images[::-5]:
            source.prepare([image], Silent())
            assert source.read(image) == synthetic_photograph(image.image_id)

    def test_without_a_place_to_keep_images_listing_works_and_reading_says_why_not(self, tmp_path: Path) -> None:
        source = open_gzip(Collection(CLASSES, 1).write(tmp_path, "tar.gz"))
        images, _ = entries_of(source)
        assert len(images) == 3
        for use in (lambda: source.read(images[0]), lambda: source.prepare(images, Silent())):
            with pytest.raises(SourceError, match="there is no place to keep its images; use a run directory"):
                use()

    def test_opening_a_source_writes_nothing(self, tmp_path: Path) -> None:
        path = Collection(CLASSES, 1).write(tmp_path / "source", "tar.gz")
        source = open_gzip(path, tmp_path / "kept", seek_index=True)
        assert source.warnings() == []
        assert not (tmp_path / "kept").exists()

    def test_what_was_kept_of_another_archive_is_not_taken_for_this_ones(self, tmp_path: Path) -> None:
        path = write_gzip(tmp_path / "a.tar.gz", make_tar({"n00005787_1.JPEG": b"old"}))
        (old,), _ = entries_of(open_gzip(path, tmp_path / "kept"))
        write_gzip(path, make_tar({"n00005787_1.JPEG": b"newer", "n00005787_2.JPEG": b"other"}))
        source = open_gzip(path, tmp_path / "kept")
        images, _ = entries_of(source)
        assert [source.read(image) for image in images] == [b"newer", b"other"]
        with pytest.raises(SourceError, match="not among"):
            source.read(old)

    @pytest.mark.parametrize("use", ["scan", "prepare"])
    def test_an_archive_that_was_replaced_since_it_was_listed_is_one_line(self, tmp_path: Path, use: str) -> None:
        # as when its index comes out of a folder that builds share, so that nothing of it was scanned here
        path = write_gzip(tmp_path / "a.tar.gz", make_tar({"n00005787_1.JPEG": b"old"}))
        images, _ = entries_of(open_gzip(path))
        source = open_gzip(path, tmp_path / "kept")
        (container,) = source.containers()
        write_gzip(path, make_tar({"n00005787_2.JPEG": b"new", "n00005787_1.JPEG": b"other"}))
        with pytest.raises(SourceError, match="changed since it was indexed"):
            list(source.scan(container, 0)) if use == "scan" else source.prepare(images, Silent())

    def test_an_archive_that_was_replaced_and_listed_anew_is_used(self, tmp_path: Path) -> None:
        path = write_gzip(tmp_path / "a.tar.gz", make_tar({"n00005787_1.JPEG": b"old"}))
        entries_of(open_gzip(path, tmp_path / "kept"))
        write_gzip(path, make_tar({"n00005787_1.JPEG": b"newer"}))
        images, _ = entries_of(open_gzip(path))  # another build, with which the index is shared
        source = open_gzip(path, tmp_path / "kept")
        assert list(source.containers())
        source.prepare(images, Silent())
        assert source.read(images[0]) == b"newer"

    def test_a_pass_because_the_index_for_seeking_is_empty_is_said_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(source_module, "LARGE", 10_000)
        path = Collection(CLASSES, 6).write(tmp_path / "source", "tar.gz")
        images, _ = entries_of(open_gzip(path, tmp_path / "kept"))
        progress = NotedProgress()
        open_gzip(path, tmp_path / "kept", seek_index=True).prepare(images, progress)
        (line,) = progress.warnings
        assert "is read once more, for 12 images that were not kept" in line

    def test_an_archive_that_is_not_the_indexed_one_is_one_line(self, tmp_path: Path) -> None:
        path = Collection(CLASSES, 6).write(tmp_path / "source", "tar.gz")
        source = open_gzip(path, tmp_path / "kept", per_class=1)
        images, _ = entries_of(source)
        status = path.stat()
        os.truncate(path, status.st_size // 2)
        with pytest.raises(SourceError, match="changed since it was indexed"):
            source.prepare(images, Silent())
        fresh = open_gzip(path, tmp_path / "other")  # as with an index out of a cache
        with pytest.raises(SourceError, match=r"ends before n.*: the gzip file is damaged at byte"):
            fresh.prepare(images, Silent())


def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BATCH_BYTES", 40_000)
    monkeypatch.setattr(seeking, "SPACING", 30_000)


def best_of(images: list[IndexedImage], per_class: int = 2) -> list[IndexedImage]:
    """The images of each class that come first in the draw; of those with one id the first."""
    ranked = sorted(images, key=lambda image: rank(0, image.image_id))
    classes = {
        wnid: list({image.image_id: image for image in reversed(ranked) if image.wnid == wnid}.values())
        for wnid in CLASSES
    }
    return [image for found in classes.values() for image in found[::-1][:per_class]]


def assert_best_are_kept(source: GzipSource, images: list[IndexedImage], archive: Path) -> None:
    whole = gzip.decompress(archive.read_bytes())
    for image in best_of(images):
        assert source.read(image) == whole[image.offset : image.offset + image.size]


class TestRestarts:
    @pytest.mark.parametrize("seek_index", [False, True])
    @pytest.mark.parametrize("form", ["tar.gz", "tar_of_tars.gz"])
    def test_a_scan_goes_on_after_any_batch(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, seek_index: bool
    ) -> None:
        small_batches(monkeypatch)
        collection = Collection(CLASSES, 8, faults=ALL_FAULTS)
        path = collection.write(tmp_path / "source", form)  # type: ignore[arg-type]  # both are forms
        whole = list(batches_of(open_gzip(path, tmp_path / "whole", seek_index=seek_index)))
        expected = images_in(whole), rejections_in(whole)
        assert len(whole) > 5
        for count in range(1, len(whole)):
            keep = tmp_path / f"kept-{count}"
            scan = batches_of(open_gzip(path, keep, seek_index=seek_index))
            before = [next(scan) for _ in range(count)]
            scan.close()  # type: ignore[attr-defined]  # it is a generator
            after = list(batches_of(open_gzip(path, keep, seek_index=seek_index), start=before[-1].position))
            assert (images_in(before + after), rejections_in(before + after)) == expected
            assert_best_are_kept(open_gzip(path, keep), expected[0], path)

    def test_who_goes_on_where_another_build_stopped_keeps_what_that_one_passed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small_batches(monkeypatch)
        path = Collection(CLASSES, 8).write(tmp_path / "source", "tar.gz")
        batches = list(batches_of(open_gzip(path, tmp_path / "other")))
        source = open_gzip(path, tmp_path / "kept")
        rest = list(batches_of(source, start=batches[3].position))
        assert images_in(rest) == images_in(batches[4:])
        assert_best_are_kept(source, images_in(batches), path)

    def test_with_an_index_it_is_entered_in_its_middle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        small_batches(monkeypatch)
        path = Collection(CLASSES, 8).write(tmp_path / "source", "tar.gz")
        batches = list(batches_of(open_gzip(path, tmp_path / "kept", seek_index=True)))
        content = bytearray(path.read_bytes())
        content[20_000:60_000] = bytes(40_000)  # whoever reads from the beginning meets this
        status = path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        middle = len(batches) // 2
        source = open_gzip(path, tmp_path / "kept", seek_index=True)
        rest = list(batches_of(source, start=batches[middle].position))
        assert images_in(rest) == images_in(batches[middle + 1 :])

    def test_what_a_restart_costs_is_said_beforehand(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        small_batches(monkeypatch)
        path = Collection(CLASSES, 8).write(tmp_path / "source", "tar.gz")
        source = open_gzip(path, tmp_path / "kept")
        assert source.warnings() == []
        scan = batches_of(source)
        next(scan)
        (line,) = source.warnings()
        assert "to go on, 0.0 of 0.0 GB are unpacked again, about 0 minutes at " in line
        assert "source.seek_index: true" in line
        assert open_gzip(path, tmp_path / "kept", seek_index=True).warnings() == []
        list(scan)
        assert source.warnings() == []

    def test_a_large_archive_is_announced(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar.gz"
        with path.open("wb") as file:
            file.truncate(2**31)
        (line,) = open_gzip(path, tmp_path / "kept").warnings()
        assert "whoever interrupts its 2 GB waits for them again" in line

    @pytest.mark.parametrize("seek_index", [False, True])
    def test_killed_in_mid_stream_it_lists_and_keeps_the_same(self, tmp_path: Path, seek_index: bool) -> None:
        path = Collection(CLASSES, 30).write(tmp_path / "source", "tar_of_tars.gz")
        whole = list(batches_of(open_gzip(path, tmp_path / "whole", seek_index=seek_index)))
        expected = images_in(whole)
        keep, found, position = tmp_path / "kept", [], 0
        for _ in range(3):
            receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
            process = multiprocessing.get_context("fork").Process(
                target=_scan_slowly, args=(path, keep, position, seek_index, sender.send)
            )
            process.start()
            for _ in range(3):
                batch = receiver.recv()
                found.append(batch)
                position = batch.position
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        source = open_gzip(path, keep, seek_index=seek_index)
        found += list(batches_of(source, start=position))
        assert images_in(found) == expected
        assert_best_are_kept(source, expected, path)


def _scan_slowly(path: Path, keep: Path, start: int, seek_index: bool, send: Callable[[Batch], None]) -> None:
    source_module.BATCH_BYTES = 100_000
    seeking.SPACING = 50_000
    for batch in batches_of(open_gzip(path, keep, seek_index=seek_index), start=start):
        send(batch)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "BATCH_ENTRIES", 200)

    def peak(members: int) -> int:
        path = tmp_path / f"{members}.tar.gz"
        with gzip.open(path, "wb", 1) as file:
            for number in range(members):
                wnid = CLASSES[number % len(CLASSES)]
                file.write(member(f"{wnid}/{wnid}_{number}.JPEG", 600).tobuf() + bytes(1024))
            file.write(bytes(1024))
        source = open_gzip(path, tmp_path / f"kept-{members}", per_class=32)
        tracemalloc.start()
        try:
            assert sum(len(batch.images) for batch in batches_of(source)) == members
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(5_000), peak(15_000)
    assert many < 1.2 * few
