"""One shard: what a disk in trouble and other libraries may and may not do to it."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pipeline.packed import open_dataset
from pipeline.progress import Silent
from pipeline.publishing.rejoin.annotations import single_shards
from pipeline.publishing.rejoin.compare import Missed, compare
from pipeline.publishing.rejoin.shards import ShardJob, ShardReceipt, find_receipt, write_shard
from pipeline.publishing.verify import verify_dataset
from schemas.errors import ConservationError, DatasetError, SourceError
from schemas.image import ImageRef
from schemas.manifest import ShardEntry
from schemas.rejection import RejectReason
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.packing.world import MemorySource, digests
from tests.pipeline.publishing.rejoining import (
    Published,
    copied,
    file_of,
    listing,
    put_back,
    sign,
    write_copy,
)

RECIPE = "0" * 64


@dataclass
class DiskInTrouble(MemorySource):
    """Some files give an error of the system instead of their bytes."""

    errors: dict[str, int] = field(default_factory=dict)

    def read(self, ref: ImageRef) -> bytes:
        number = self.errors.get(ref.image_id)
        if number is None:
            return super().read(ref)
        raise SourceError(f"{ref.container} cannot be read") from OSError(number, os.strerror(number))


@pytest.fixture
def source(annotated: Published, tmp_path: Path) -> DiskInTrouble:
    copy = write_copy(tmp_path / "copy")
    return DiskInTrouble({image_id: file_of(copy, image_id).read_bytes() for image_id in annotated.ids})


@pytest.fixture
def job(annotated: Published, source: DiskInTrouble, tmp_path: Path) -> ShardJob:
    dataset, manifest = annotated.dataset, annotated.dataset.manifest
    refs = {
        image_id: ImageRef(image_id=image_id, wnid=image_id[:9], container=image_id, offset=0, size=len(data))
        for image_id, data in source.files.items()
    }
    return ShardJob(
        dataset=dataset,
        shard=manifest.shards[0],
        pictured=manifest.pictured[0],
        recipe=RECIPE,
        source=source,
        refs=refs,
        target=tmp_path / "out" / "shard.tar",
        receipt=tmp_path / "receipt.json",
        listing=tmp_path / "listing.parquet",
    )


def find(job: ShardJob, recipe: str = RECIPE) -> ShardReceipt | None:
    return find_receipt(job.receipt, job.shard, job.target, job.listing, recipe)


def test_a_restored_shard_stays_whatever_the_source_is_now(job: ShardJob) -> None:
    receipt = write_shard(job)
    assert receipt.is_restored
    assert find(job, "another") == receipt
    job.target.unlink()
    assert find(job) is None


def test_a_shard_with_another_picture_is_made_again_when_the_source_has_changed(
    job: ShardJob, source: DiskInTrouble, annotated: Published
) -> None:
    del source.files[annotated.ids[0]]
    job.refs.pop(annotated.ids[0])  # type: ignore[attr-defined] # a dictionary here
    receipt = write_shard(job)
    assert receipt.outcomes == {"exact": job.shard.images - 1, "missing": 1}
    assert find(job) == receipt
    assert find(job, "another") is None


def test_a_picture_on_a_bad_sector_is_missing_until_the_next_start(
    job: ShardJob, source: DiskInTrouble, annotated: Published
) -> None:
    source.errors[annotated.ids[1]] = errno.EIO
    receipt = write_shard(job)
    assert receipt.outcomes["missing"] == 1
    assert find(job) is None
    source.errors.clear()
    assert write_shard(job).is_restored


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ESTALE])
def test_a_source_that_is_away_is_no_source_without_the_picture(
    number: int, job: ShardJob, source: DiskInTrouble, annotated: Published
) -> None:
    source.errors[annotated.ids[1]] = number
    with pytest.raises(SourceError, match="cannot be read"):
        write_shard(job)
    assert not job.target.exists()
    assert not job.receipt.exists()
    assert find(job) is None


def other(shard: ShardEntry) -> ShardEntry:
    return shard.model_copy(update={"sha256": "f" * 64})


def transcoded(annotated: Published) -> dict[str, int]:
    """Pictures that packing made JPEGs, by shard."""
    dataset = annotated.dataset
    return {
        shard.path: sum(row.record.image_encoding == "transcoded" for row in dataset.read(shard))
        for shard in dataset.shards()
    }


def test_exact_pictures_that_make_another_shard_are_never_passed_over(annotated: Published, tmp_path: Path) -> None:
    plain = {path for path, pictures in transcoded(annotated).items() if not pictures}
    assert plain
    root = copied(annotated.annotations, tmp_path / "annotations")
    pictured = annotated.dataset.manifest.pictured
    sign(root, pictured=tuple(other(shard) if shard.path in plain else shard for shard in pictured))
    with pytest.raises(ConservationError, match="has all its pictures, and is not the shard that was packed"):
        put_back(str(root), write_copy(tmp_path / "copy"), tmp_path / "out")
    assert not {path.name for path in (tmp_path / "out").rglob("*.tar")} & {Path(path).name for path in plain}
    assert not (tmp_path / "out" / "manifest.json").exists()


class TestOtherLibraries:
    """They make other JPEGs of the same PNG and WebP files; another quality does as much here."""

    @pytest.fixture
    def quality(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
        with monkeypatch.context() as patched:
            patched.setattr("pipeline.screening.picture._TRANSCODE_QUALITY", 94)
            yield patched

    @pytest.mark.usefixtures("quality")
    def test_finish_with_a_warning_and_a_dataset_that_says_so(self, annotated: Published, tmp_path: Path) -> None:
        progress, remade = NotedProgress(), sum(transcoded(annotated).values())
        report = put_back(annotated, write_copy(tmp_path / "copy"), tmp_path / "out", progress=progress)
        assert report.finished
        assert not report.restored
        assert (report.count("exact"), report.remade) == (report.count(), remade)
        assert listing(report) == []
        (warning,) = progress.warnings
        assert warning.startswith(f"{remade} transcoded pictures were made by other library versions (simplejpeg ")
        assert verify_dataset(tmp_path / "out", Silent(), workers=1).faults == ()
        made = open_dataset(tmp_path / "out")
        assert made.manifest.made_from == annotated.dataset.manifest.made_from
        assert made.statistics == open_dataset(annotated.packed).statistics

    @pytest.mark.usefixtures("quality")
    def test_change_only_the_pictures_that_they_made(self, annotated: Published, tmp_path: Path) -> None:
        put_back(annotated, write_copy(tmp_path / "copy"), tmp_path / "out")
        ours, packed = open_dataset(tmp_path / "out"), open_dataset(annotated.packed)
        for shard in packed.shards():
            for mine, theirs in zip(ours.read(shard), packed.read(shard), strict=True):
                assert mine.record == theirs.record
                assert (mine.jpeg == theirs.jpeg) == (mine.record.image_encoding != "transcoded")

    @pytest.mark.usefixtures("quality")
    def test_say_so_again_on_the_next_start_and_change_nothing(self, annotated: Published, tmp_path: Path) -> None:
        copy, warnings = write_copy(tmp_path / "copy"), []
        for _ in range(2):
            progress = NotedProgress()
            put_back(annotated, copy, tmp_path / "out", progress=progress)
            warnings.append(progress.warnings)
            made = digests(tmp_path / "out")
            warnings.append(sorted(made.values()))
        assert warnings[:2] == warnings[2:]

    def test_are_given_up_for_the_right_ones(
        self, job: ShardJob, annotated: Published, quality: pytest.MonkeyPatch
    ) -> None:
        manifest, pictures = annotated.dataset.manifest, list(transcoded(annotated).values())
        number = pictures.index(max(pictures))
        job = replace(job, shard=manifest.shards[number], pictured=manifest.pictured[number])
        receipt = write_shard(job)
        assert receipt.remade
        assert not receipt.is_restored
        assert find(job) == receipt
        assert find(job, "that of other libraries") is None
        quality.undo()
        assert write_shard(job).is_restored

    def test_that_cannot_read_a_packed_file_are_a_missing_picture(self, annotated: Published) -> None:
        dataset, data = annotated.dataset, b"\x89PNG\r\n\x1a\n and nothing that this machine can read"
        record = next(dataset.read(dataset.shards()[0])).record
        missed = compare(data, record.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()}))
        assert isinstance(missed, Missed)
        assert missed.reason is RejectReason.NOT_IN_SOURCE
        assert missed.detail.startswith("its file is the one that was packed, and cannot be read here: ")


def test_a_job_weighs_the_same_in_a_dataset_of_any_size(annotated: Published) -> None:
    dataset = annotated.dataset
    many = tuple(shard.model_copy(update={"sha256": f"{n:064x}"}) for n in range(500) for shard in dataset.shards()[:1])
    large = replace(dataset, manifest=dataset.manifest.model_copy(update={"shards": many, "pictured": many}))
    assert len(pickle.dumps(single_shards(large))) < 1.1 * len(pickle.dumps(single_shards(dataset)))


def test_annotations_that_do_not_say_how_their_shards_were_are_refused(annotated: Published, tmp_path: Path) -> None:
    root = copied(annotated.annotations, tmp_path / "annotations")
    sign(root, pictured=annotated.dataset.manifest.pictured[1:])
    with pytest.raises(DatasetError, match="says of other shards how they are with pictures"):
        put_back(str(root), tmp_path, tmp_path / "out")


def test_a_listing_is_written_even_when_all_is_exact(annotated: Published, tmp_path: Path) -> None:
    assert listing(put_back(annotated, write_copy(tmp_path / "copy"), tmp_path / "out")) == []
