from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from huggingface_hub import constants

from pipeline.progress import Silent
from pipeline.publishing.verify import Fault, VerifyReport, verify_dataset
from pipeline.publishing.verify.readers import READERS
from pipeline.publishing.verify.report import MAX_FAULTS_PER_FILE, Findings
from schemas.errors import DatasetError
from tests.pipeline.packing.world import (
    TENCH,
    World,
    digests,
    gzipped,
    make_completion,
    make_image,
    make_jpeg,
    make_png,
    make_world,
)
from tests.pipeline.publishing.damage import OTHER, TRAIN, Dataset


def verify(root: Path) -> VerifyReport:
    return verify_dataset(root, Silent(), workers=1)


def test_a_sound_dataset_passes_every_check(dataset: Dataset) -> None:
    report = verify(dataset.root)
    assert report.ok, report.faults
    assert report.skipped == ()
    assert report.checks == {
        "manifest": 1,
        "files": 13,
        "checksums": 12,
        "rejections": 0,
        "card entries": 2,
        "shards": 3,
        "tar members": 45,
        "records and pictures": 15,
        "distinct keys": 15,
        "records counted again": 15,
        "rows read by datasets": 15,
        "rows read by datasets streaming": 15,
        "rows read by webdataset": 15,
    }


def test_every_kind_of_picture_and_text_passes(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    turned = make_jpeg(0, (16, 24), orientation=6)
    for number, (data, image_format) in enumerate(
        [(turned, "JPEG"), (gzipped(make_jpeg(1)), "JPEG"), (make_png(2), "PNG")]
    ):
        image_id = world.images[number].ref.image_id
        world.source.files[image_id] = data
        world.images[number] = make_image(image_id, data, number, image_format=image_format)  # type: ignore[arg-type]
    world.results[0].completions[3] = make_completion(
        world.images[3].ref.image_id, "glm", "思考 👀\n\t\x00|" + "long " * 200_000
    )
    world.pack()
    assert verify(world.out).faults == ()


def test_a_dataset_without_a_benchmark_passes(tmp_path: Path) -> None:
    world = make_world(tmp_path, train=2, benchmark=0)
    world.pack()
    assert verify(world.out).faults == ()


def test_workers_find_the_same(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.packing.shards.IMAGES_PER_WORKER", 1)
    dataset.edit_member("jpg", lambda data: data[:-40])
    alone = verify(dataset.root)
    assert not alone.ok
    assert verify_dataset(dataset.root, Silent(), workers=2) == alone


def test_a_fault_names_shard_and_key(dataset: Dataset) -> None:
    key = dataset.edit_record(lambda record: record.update(depth="deep"))
    dataset.sign()
    assert verify(dataset.root).faults == (
        Fault(file=TRAIN, key=key, fault="json: depth Input should be a valid integer"),
    )


def test_libraries_are_not_asked_to_read_what_is_known_to_be_broken(dataset: Dataset) -> None:
    dataset.edit_member("jpg", lambda data: data[:-40])
    report = verify(dataset.root)
    assert report.skipped == ("counting the records again", "reading with datasets and webdataset")
    assert not any(check.startswith("rows read by") for check in report.checks)


def test_verification_changes_nothing_and_leaves_nothing_behind(dataset: Dataset) -> None:
    before = digests(dataset.root.parent)
    environment = dict(os.environ)
    verify(dataset.root)
    assert digests(dataset.root.parent) == before
    assert list(dataset.root.parent.iterdir()) == [dataset.root]
    assert dict(os.environ) == environment


def test_copies_of_killed_verifications_go_and_those_of_running_ones_stay(dataset: Dataset) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    left, running = (dataset.root.parent / f".imagenet-think-verify-{pid}-x" for pid in (finished.pid, os.getppid()))
    left.mkdir()
    running.mkdir()
    assert verify(dataset.root).ok
    assert not left.exists()
    assert running.exists()


def test_nothing_goes_over_the_network(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert verify(dataset.root).ok


def test_the_libraries_settings_are_put_back(dataset: Dataset) -> None:
    before = library_settings()
    verify(dataset.root)
    assert library_settings() == before


def library_settings() -> tuple[object, ...]:
    config = datasets.config
    return (
        config.HF_HUB_OFFLINE,
        constants.HF_HUB_OFFLINE,
        config.MAX_SHARD_SIZE,
        datasets.are_progress_bars_disabled(),
    )


def test_a_full_load_in_many_files_is_read_in_order(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.publishing.verify.readers._PREPARED_FILE_SIZE", "1KB")
    assert verify(dataset.root).ok


@pytest.mark.parametrize("name", ["a b", "ü", "50%", "a#b", "q?", "star*", "{1,2}", ".hidden"])
def test_an_odd_folder_name_does_not_matter(packed: World, tmp_path: Path, name: str) -> None:
    assert verify(shutil.copytree(packed.out, tmp_path / name)).ok


@pytest.mark.parametrize("name", ["a[1]", "a::b"])
def test_a_folder_that_datasets_cannot_read_is_told_from_damage(packed: World, tmp_path: Path, name: str) -> None:
    faults = verify(shutil.copytree(packed.out, tmp_path / name)).faults
    assert [str(fault).partition(" fails")[0] for fault in faults] == ["datasets", "datasets streaming"]
    assert all("move the dataset" in fault.fault for fault in faults)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such folder"):
        verify(tmp_path / "nowhere")


def test_a_dataset_that_was_never_finished_says_so(tmp_path: Path) -> None:
    report = verify(tmp_path)
    assert [str(fault) for fault in report.faults] == [
        "manifest.json: is missing: packing did not finish, or this is no dataset; pack again"
    ]


def test_an_image_in_two_shards_is_found(dataset: Dataset) -> None:
    stolen = dataset.members(TRAIN)[:3]
    dataset.rewrite(OTHER, dataset.members(OTHER)[:-3] + stolen)
    dataset.sign()
    assert [(fault.file, fault.key) for fault in verify(dataset.root).faults] == [(OTHER, dataset.keys[TRAIN][0])]


@pytest.mark.parametrize("name", READERS)
def test_what_a_library_gives_is_held_against_what_was_packed(
    packed: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    read = READERS[name]
    lies = {
        "gives something else than what lies in the shard": lambda rows: [b"?", *rows[1:]],
        "gives no row of this sample, nor of those after it": lambda rows: rows[:-1],
        "gives more rows than the shards hold": lambda rows: [*rows, b"?"],
    }
    for fault, lie in lies.items():
        with monkeypatch.context() as patch:
            patch.setattr(
                "pipeline.publishing.verify.readers.READERS",
                {name: lambda root, manifest, lie=lie: (row for row in lie(list(read(root, manifest))))},
            )
            assert [found.fault for found in verify(packed.out).faults] == [f"{name} {fault}"]


def test_the_first_faults_of_a_file_stand_for_the_rest() -> None:
    findings = Findings()
    for number in range(MAX_FAULTS_PER_FILE + 7):
        findings.blame("shard", f"fault {number}")
    findings.blame("other", "fault")
    report = findings.report("here")
    assert len(report.faults) == MAX_FAULTS_PER_FILE + 1
    assert report.more_faults == 7


def test_a_report_round_trips_through_json() -> None:
    findings = Findings()
    findings.count("shards", 3)
    findings.blame("data/a.tar", "is missing", f"{TENCH}_1")
    report = findings.report("here")
    assert VerifyReport.model_validate_json(report.model_dump_json()) == report
