"""Annotations and the reader's own pictures give back what was packed, or say exactly what they do not."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.packed import open_dataset
from pipeline.packing.sidecars import REJECTIONS_FILE
from pipeline.progress import Silent
from pipeline.publishing.rejoin import RejoinOptions, forecast
from pipeline.publishing.verify import verify_dataset
from pipeline.tables import read_rows
from schemas.config import SourceConfig
from schemas.errors import ConfigError, DatasetError, RunDirectoryError
from schemas.image import Split
from schemas.rejection import Rejection, RejectReason, Stage
from tests.collections import FAULTS, FORMS, Form
from tests.collections.faults import Place
from tests.collections.photographs import decode, encode, synthetic_photograph
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.packing.world import digests
from tests.pipeline.publishing.rejoining import (
    COLLECTION,
    Published,
    annotate,
    as_webp,
    copied,
    encode_again,
    file_of,
    listing,
    put_back,
    write_copy,
)

LOSSLESS: tuple[Form, ...] = tuple(form for form in FORMS if form != "webdataset_webp")


def faults_of(root: Path) -> tuple[object, ...]:
    return verify_dataset(root, Silent(), workers=1).faults


def mtimes(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


class TestTheSameFiles:
    @pytest.mark.parametrize("form", LOSSLESS)
    def test_in_any_form_give_back_the_packed_dataset_byte_for_byte(
        self, form: Form, annotated: Published, tmp_path: Path
    ) -> None:
        report = put_back(annotated, COLLECTION.write(tmp_path / "images", form), tmp_path / "out")
        assert report.finished
        assert report.restored
        assert report.count("exact") == report.count() == len(annotated.ids) > 20
        assert digests(tmp_path / "out") == digests(annotated.packed)
        assert listing(report) == []

    def test_are_counted_by_split(self, annotated: Published, tmp_path: Path) -> None:
        report = put_back(annotated, write_copy(tmp_path / "copy"), tmp_path / "out")
        shards = annotated.dataset.manifest.shards
        assert report.splits == {
            split: {"exact": sum(shard.images for shard in shards if shard.split == split)}
            for split in ("train", "benchmark")
        }

    def test_of_a_stream_are_fetched_while_it_is_listed(self, annotated: Published, tmp_path: Path) -> None:
        progress = NotedProgress()
        source = COLLECTION.write(tmp_path / "images", "tar_of_tars.gz")
        put_back(annotated, source, tmp_path / "out", progress=progress)
        assert [task.name for task in progress.tasks if task.name in ("index", "fetch")] == ["index"]

    def test_are_all_that_is_kept_of_a_stream(self, annotated: Published, tmp_path: Path) -> None:
        source = COLLECTION.write(tmp_path / "images", "tar_of_tars.gz")
        options = RejoinOptions(str(annotated.annotations), SourceConfig(path=str(source)), tmp_path / "out")
        forecast(options, Silent())
        kept = []
        for part in (tmp_path / ".out.rejoin" / "candidates").glob("part-*.tar"):
            with tarfile.open(part) as archive:
                kept += archive.getnames()
        assert len(kept) == len(annotated.ids) < len(COLLECTION.ids)

    def test_are_not_looked_for_again_once_they_are_back(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        put_back(annotated, copy, tmp_path / "out")
        before = mtimes(tmp_path / "out")
        shutil.rmtree(copy)
        assert put_back(annotated, copy, tmp_path / "out").restored
        assert mtimes(tmp_path / "out") == before

    def test_need_not_be_the_only_ones(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        for number in range(50):
            (copy / "n01440764" / f"n01440764_{90_000 + number}.JPEG").write_bytes(b"not wanted")
        assert put_back(annotated, copy, tmp_path / "out").restored

    def test_leave_the_annotations_as_they_are(self, annotated: Published, tmp_path: Path) -> None:
        before = mtimes(annotated.annotations)
        put_back(annotated, write_copy(tmp_path / "copy"), tmp_path / "out")
        assert mtimes(annotated.annotations) == before


class TestOtherFilesOfTheSamePictures:
    def test_make_a_dataset_that_says_so(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        encode_again(copy, as_webp)
        report = put_back(annotated, copy, tmp_path / "out")
        assert report.finished
        assert not report.restored
        assert report.count("same_picture") == report.count()
        assert faults_of(tmp_path / "out") == ()
        dataset, original = open_dataset(tmp_path / "out"), annotated.dataset.manifest
        assert dataset.manifest.made_from == original.made_from
        assert dataset.manifest.packed == original.packed
        assert dataset.manifest.teachers == original.teachers
        assert dataset.statistics.image_encodings == {"rejoined": original.packed}

    def test_keep_all_else_that_the_record_says(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        changed = annotated.ids[3]
        path = file_of(copy, changed)
        path.write_bytes(encode(decode(path.read_bytes()), quality=60))
        put_back(annotated, copy, tmp_path / "out")
        ours, packed = open_dataset(tmp_path / "out"), open_dataset(annotated.packed)
        for shard in ours.shards():
            for mine, theirs in zip(ours.read(shard), packed.read(shard), strict=True):
                if mine.key == changed:
                    assert mine.jpeg == path.read_bytes()
                    assert mine.record == theirs.record.model_copy(update={"image_encoding": "rejoined"})
                else:
                    assert mine == theirs

    @pytest.mark.parametrize(
        "change",
        [
            lambda data: encode(decode(data), quality=90),
            lambda data: encode(decode(data).resize((640, 600))),
            lambda data: encode(decode(data).resize((224, 224))),
            lambda data: encode(decode(data).resize((819, 768)), "WEBP", quality=90),
        ],
        ids=["quality 90", "short edge 600", "squashed to 224", "short edge 768 as WebP"],
    )
    def test_are_known_by_their_hash(
        self, change: Callable[[bytes], bytes], annotated: Published, tmp_path: Path
    ) -> None:
        copy = write_copy(tmp_path / "copy")
        changed = [image_id for image_id in annotated.ids if int(image_id.partition("_")[2]) <= 5]
        for image_id in changed:
            path = file_of(copy, image_id)
            path.write_bytes(change(path.read_bytes()))
        report = put_back(annotated, copy, tmp_path / "out")
        assert [row.image_id for row in listing(report)] == changed
        assert report.count("same_picture") == len(changed)

    def test_only_change_the_shards_they_are_in(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        path = file_of(copy, annotated.ids[0])
        path.write_bytes(as_webp(path.read_bytes()))
        put_back(annotated, copy, tmp_path / "out")
        ours = {shard.path: shard.sha256 for shard in open_dataset(tmp_path / "out").shards()}
        theirs = {shard.path: shard.sha256 for shard in open_dataset(annotated.packed).shards()}
        assert {path for path in ours if ours[path] != theirs[path]} == {annotated.dataset.shards()[0].path}

    @pytest.mark.slow
    def test_give_the_same_bytes_on_any_number_of_workers(
        self, annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pipeline.packing.shards.IMAGES_PER_WORKER", 1)
        copy = write_copy(tmp_path / "copy")
        encode_again(copy, as_webp)
        file_of(copy, annotated.ids[5]).unlink()
        put_back(annotated, copy, tmp_path / "out", allow_missing=True, workers=2)
        again = write_copy(tmp_path / "again")
        encode_again(again, as_webp)
        file_of(again, annotated.ids[5]).unlink()
        put_back(annotated, again, tmp_path / "other", allow_missing=True)
        assert digests(tmp_path / "out") == digests(tmp_path / "other")


class TestMissingPictures:
    @pytest.fixture
    def copy(self, annotated: Published, tmp_path: Path) -> Path:
        """Lacks two pictures, has another one's picture in place of a third, and a file without a picture."""
        copy = write_copy(tmp_path / "copy")
        lost, gone, other, broken = annotated.ids[:4]
        for image_id in (lost, gone):
            file_of(copy, image_id).unlink()
        file_of(copy, other).write_bytes(synthetic_photograph("another", 99))
        file_of(copy, broken).write_bytes(b"<!DOCTYPE html>")
        return copy

    def test_leave_nothing_that_looks_finished(self, copy: Path, annotated: Published, tmp_path: Path) -> None:
        report = put_back(annotated, copy, tmp_path / "out")
        assert not report.finished
        assert (report.count("missing"), report.count("other_picture")) == (3, 1)
        assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix != ".tar"]
        with pytest.raises(DatasetError):
            open_dataset(tmp_path / "out")

    def test_are_listed_with_what_was_found_instead(self, copy: Path, annotated: Published, tmp_path: Path) -> None:
        rows = listing(put_back(annotated, copy, tmp_path / "out"))
        assert [(row.image_id, row.outcome) for row in rows] == [
            *(
                (image_id, outcome)
                for image_id, outcome in zip(
                    annotated.ids[:4], ("missing", "missing", "other_picture", "missing"), strict=True
                )
            ),
        ]
        assert rows[0].detail == "there is no file of this id"
        assert rows[2].bits is not None
        assert rows[2].bits > 4
        assert rows[3].detail.startswith("its file is unusable: not_an_image")
        assert {row.shard for row in rows} == {annotated.dataset.shards()[0].path}

    def test_are_left_out_when_that_is_allowed(self, copy: Path, annotated: Published, tmp_path: Path) -> None:
        put_back(annotated, copy, tmp_path / "out")
        report = put_back(annotated, copy, tmp_path / "out", allow_missing=True)
        assert report.finished
        assert not report.restored
        assert faults_of(tmp_path / "out") == ()
        ours, original = open_dataset(tmp_path / "out"), annotated.dataset.manifest
        assert ours.manifest.packed == original.packed - 4
        assert ours.manifest.rejected[Stage.REJOIN] == {
            RejectReason.NOT_IN_SOURCE: 3,
            RejectReason.OTHER_PICTURE: 1,
        }
        rows = list(read_rows(tmp_path / "out" / REJECTIONS_FILE, Rejection))
        before = list(read_rows(annotated.packed / REJECTIONS_FILE, Rejection))
        assert rows[: len(before)] == before
        assert [row.image_id for row in rows[len(before) :]] == annotated.ids[:4]
        assert [row.key for shard in ours.shards() for row in ours.read(shard)] == annotated.ids[4:]
        assert all(
            sum(teacher.pairs_by_rung.values()) == teacher.pairs == ours.manifest.packed
            for teacher in ours.manifest.teachers
        )

    def test_allowed_at_once_or_later_gives_the_same(self, copy: Path, annotated: Published, tmp_path: Path) -> None:
        put_back(annotated, copy, tmp_path / "out")
        put_back(annotated, copy, tmp_path / "out", allow_missing=True)
        put_back(annotated, copy, tmp_path / "at once", allow_missing=True)
        assert digests(tmp_path / "out") == digests(tmp_path / "at once")

    def test_can_come_from_a_better_copy_later(self, copy: Path, annotated: Published, tmp_path: Path) -> None:
        put_back(annotated, copy, tmp_path / "out", allow_missing=True)
        whole = mtimes(tmp_path / "out" / "data")
        report = put_back(annotated, COLLECTION.write(tmp_path / "better", "tars"), tmp_path / "out")
        assert report.restored
        assert digests(tmp_path / "out") == digests(annotated.packed)
        first = str(tmp_path / "out" / annotated.dataset.shards()[0].path)
        assert {path for path, time in mtimes(tmp_path / "out" / "data").items() if time != whole[path]} == {first}

    def test_can_be_mended_in_place(self, copy: Path, annotated: Published, tmp_path: Path) -> None:
        put_back(annotated, copy, tmp_path / "out")
        write_copy(copy)
        assert put_back(annotated, copy, tmp_path / "out").restored

    def test_take_the_finished_dataset_back_when_they_are_no_longer_allowed(
        self, copy: Path, annotated: Published, tmp_path: Path
    ) -> None:
        assert put_back(annotated, copy, tmp_path / "out", allow_missing=True).finished
        assert not put_back(annotated, copy, tmp_path / "out").finished
        assert not (tmp_path / "out" / "manifest.json").exists()

    @pytest.mark.parametrize("split", ["train", "benchmark"])
    def test_leave_neither_an_empty_shard_nor_an_empty_split(
        self, split: Split, annotated: Published, tmp_path: Path
    ) -> None:
        copy, dataset = write_copy(tmp_path / "copy"), annotated.dataset
        shards = [shard for shard in dataset.shards() if shard.split == split]
        lost = shards[:1] if split == "train" else shards
        for row in (row for shard in lost for row in dataset.read(shard)):
            file_of(copy, row.key).unlink()
        assert len(shards) > 1 or split == "benchmark"
        for _ in range(2):
            assert put_back(annotated, copy, tmp_path / "out", allow_missing=True).finished
            assert faults_of(tmp_path / "out") == ()
            found = Counter(shard.split for shard in open_dataset(tmp_path / "out").shards())
            assert found[split] == len(shards) - len(lost)
        assert put_back(annotated, write_copy(tmp_path / "better"), tmp_path / "out").restored
        assert digests(tmp_path / "out") == digests(annotated.packed)

    def test_of_which_there_are_only_such_is_one_line(self, annotated: Published, tmp_path: Path) -> None:
        copy = tmp_path / "copy" / "n01440764"
        copy.mkdir(parents=True)
        (copy / "n01440764_77777.JPEG").write_bytes(synthetic_photograph("stranger"))
        with pytest.raises(DatasetError, match=f"{copy.parent} holds none of the {len(annotated.ids)} pictures; see "):
            put_back(annotated, copy.parent, tmp_path / "out", allow_missing=True)
        assert not (tmp_path / "out" / "manifest.json").exists()


class TestHostileFiles:
    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ("bomb", "its file is unusable: bomb, 65000 x 65000 pixels; at most 64000000 in all"),
            ("truncated", "its file is unusable: decode_error, "),
            ("tiny", "its file is unusable: too_small, 31 x 24 pixels; at least 224 a side"),
            ("empty", "its file is unusable: empty, the file has no bytes"),
            ("cut_gzip", "its file is unusable: decode_error, "),
        ],
    )
    def test_are_missing_pictures(self, fault: str, said: str, annotated: Published, tmp_path: Path) -> None:
        copy, image_id = write_copy(tmp_path / "copy"), annotated.ids[0]
        path = file_of(copy, image_id)
        data = path.read_bytes()
        path.write_bytes(FAULTS[fault].make(Place(image_id[:9], image_id, data, image_id, data)).data)
        rows = listing(put_back(annotated, copy, tmp_path / "out"))
        assert [(row.image_id, row.outcome) for row in rows] == [(image_id, "missing")]
        assert rows[0].detail.startswith(said)

    def test_that_are_too_large_are_not_read(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        os.truncate(file_of(copy, annotated.ids[0]), 2**40)
        rows = listing(put_back(annotated, copy, tmp_path / "out"))
        assert [row.detail for row in rows] == [f"its file has {2**40} bytes; at most {32 * 2**20}"]


class TestDamagedAnnotations:
    def test_are_noticed_before_any_work(self, annotated: Published, tmp_path: Path) -> None:
        root = copied(annotated.annotations, tmp_path / "annotations")
        shard = root / annotated.dataset.shards()[0].path
        shard.write_bytes(shard.read_bytes().replace(b"picture", b"pasture", 1))
        with pytest.raises(DatasetError, match=f"{shard}: has another checksum than its manifest says; fetch it again"):
            put_back(str(root), tmp_path / "no such source", tmp_path / "out")

    @pytest.mark.parametrize("path", ["manifest.json", REJECTIONS_FILE, "data/train-00000-of-00004.tar"])
    def test_may_lack_a_file(self, path: str, annotated: Published, tmp_path: Path) -> None:
        root = copied(annotated.annotations, tmp_path / "annotations")
        (root / path).unlink()
        with pytest.raises(DatasetError, match=path):
            put_back(str(root), write_copy(tmp_path / "copy"), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_are_not_a_dataset_with_pictures(self, annotated: Published, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="has its pictures; name a folder or a repository of annotations"):
            put_back(str(annotated.packed), tmp_path, tmp_path / "out")


class TestPlaces:
    def test_another_s_folder_is_not_written_to(self, annotated: Published, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "diary.txt").write_text("mine")
        with pytest.raises(ConfigError, match="out is not empty; choose an empty or new folder as --out"):
            put_back(annotated, tmp_path, tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_a_file_is_no_folder(self, annotated: Published, tmp_path: Path) -> None:
        (tmp_path / "out").touch()
        with pytest.raises(ConfigError, match="out is a file"):
            put_back(annotated, tmp_path, tmp_path / "out")

    @pytest.mark.parametrize("out", ["file/out", "o" * 300])
    def test_that_cannot_be_made_are_one_line(self, out: str, annotated: Published, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(RunDirectoryError, match=r"cannot be written \(.*\); choose another --out"):
            put_back(annotated, tmp_path, tmp_path / out)

    def test_the_annotations_folder_is_not_written_to(self, annotated: Published, tmp_path: Path) -> None:
        for out in (annotated.annotations, annotated.annotations / "out", annotated.annotations.parent):
            with pytest.raises(ConfigError, match="one lies in the other"):
                put_back(annotated, tmp_path, out)

    def test_one_place_serves_one_release(self, annotated: Published, tmp_path: Path) -> None:
        copy = write_copy(tmp_path / "copy")
        encode_again(copy, as_webp)
        put_back(annotated, copy, tmp_path / "out")
        other = annotate(tmp_path / "out", tmp_path / "other")
        with pytest.raises(ConfigError, match="of other annotations, or of another release"):
            put_back(str(other), copy, tmp_path / "out")

    def test_two_processes_do_not_work_in_one(self, annotated: Published, tmp_path: Path) -> None:
        class Meddling(NotedProgress):
            def warn(self, text: str) -> None:
                raise AssertionError(text)

            def task(self, name: str, total: int | None, unit: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
                if name == "rejoin":
                    with pytest.raises(RunDirectoryError, match=f"process {os.getpid()} puts pictures back there"):
                        put_back(annotated, copy, tmp_path / "out")
                return super().task(name, total, unit)

        copy = write_copy(tmp_path / "copy")
        assert put_back(annotated, copy, tmp_path / "out", progress=Meddling()).restored


def test_a_rejoined_dataset_can_be_published_and_rejoined_again(annotated: Published, tmp_path: Path) -> None:
    copy = write_copy(tmp_path / "copy")
    encode_again(copy, as_webp)
    file_of(copy, annotated.ids[0]).unlink()
    put_back(annotated, copy, tmp_path / "once", allow_missing=True)
    annotations = annotate(tmp_path / "once", tmp_path / "annotations")
    file_of(copy, annotated.ids[1]).unlink()
    report = put_back(str(annotations), copy, tmp_path / "twice", allow_missing=True)
    assert report.count("same_picture") == len(annotated.ids) - 2
    assert faults_of(tmp_path / "twice") == ()
    assert open_dataset(tmp_path / "twice").manifest.rejected[Stage.REJOIN] == {RejectReason.NOT_IN_SOURCE: 2}


def test_originals_take_the_place_of_rejoined_pictures(annotated: Published, tmp_path: Path) -> None:
    copy = write_copy(tmp_path / "copy")
    encode_again(copy, as_webp)
    put_back(annotated, copy, tmp_path / "once")
    annotations = annotate(tmp_path / "once", tmp_path / "annotations")
    report = put_back(str(annotations), write_copy(tmp_path / "originals"), tmp_path / "twice")
    assert report.count("exact") == report.count()
    assert not report.restored
    assert faults_of(tmp_path / "twice") == ()
    shards = {shard.path: shard.sha256 for shard in open_dataset(annotated.packed).shards()}
    assert {shard.path: shard.sha256 for shard in open_dataset(tmp_path / "twice").shards()} == shards


@pytest.mark.parametrize("writes", [0, 3, 10, 25, 40])
def test_a_disk_that_fills_leaves_nothing_that_looks_whole_and_is_gone_on_from(
    writes: int, annotated: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, sync, calls = write_copy(tmp_path / "copy"), os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            put_back(annotated, copy, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert put_back(annotated, copy, tmp_path / "out").restored
    assert digests(tmp_path / "out") == digests(annotated.packed)


def test_a_dry_run_counts_what_the_copy_lists_and_puts_nothing_back(annotated: Published, tmp_path: Path) -> None:
    copy = write_copy(tmp_path / "copy")
    file_of(copy, annotated.ids[0]).unlink()
    options = RejoinOptions(str(annotated.annotations), SourceConfig(path=str(copy)), tmp_path / "out")
    found = forecast(options, Silent())
    assert found.form == "tree"
    assert sum(found.images.values()) == len(annotated.ids)
    assert sum(found.listed.values()) == len(annotated.ids) - 1
    assert found.bytes == sum(file_of(copy, image_id).stat().st_size for image_id in annotated.ids[1:])
    assert not (tmp_path / "out").exists()
    assert not put_back(annotated, copy, tmp_path / "out").finished


def test_the_work_folder_keeps_no_picture_of_a_stream_once_all_is_done(annotated: Published, tmp_path: Path) -> None:
    put_back(annotated, COLLECTION.write(tmp_path / "images", "tar.gz"), tmp_path / "out")
    work = tmp_path / ".out.rejoin"
    assert sorted(path.name for path in work.iterdir()) == [
        "annotations.sha256",
        "lock",
        "parts",
        "receipts",
        "rejoin.parquet",
    ]


def test_the_world_has_every_way_in_which_a_picture_becomes_a_jpeg(annotated: Published) -> None:
    assert set(open_dataset(annotated.packed).statistics.image_encodings) == {"source", "unwrapped", "transcoded"}
