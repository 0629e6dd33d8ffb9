"""Damage to what only some editions have: the list of releases, the terms, what the manifest says of pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.packed import open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions import Changes, describe_release, stage_release
from pipeline.publishing.verify import Fault, verify_dataset
from schemas.manifest import DatasetManifest, Edition
from tests.pipeline.packing.world import World
from tests.pipeline.publishing.damage import Dataset


@pytest.fixture(scope="module")
def releases(packed: World, tmp_path_factory: pytest.TempPathFactory) -> dict[Edition, Path]:
    """The second release of both editions. Read only."""
    folder, dataset = tmp_path_factory.mktemp("releases"), open_dataset(packed.out)
    editions: tuple[Edition, ...] = ("pictures", "annotations")
    for edition in editions:
        staged = stage_release(dataset, folder / edition, edition, Placement(), Silent(), workers=1)
        older = staged.manifest.model_copy(update={"name": "older", "packed": 14}).signed()
        history = describe_release(staged.manifest, Changes(2, 1, 3), describe_release(older, Changes(14, 0, 0)))
        placement = Placement("lab/think", history)
        stage_release(dataset, folder / edition, edition, placement, Silent(), workers=1)
    return {edition: folder / edition for edition in editions}


@pytest.fixture
def published(releases: dict[Edition, Path], tmp_path: Path) -> Dataset:
    """A copy to damage of the edition without pictures."""
    return Dataset(shutil.copytree(releases["annotations"], tmp_path / "published"))


def faults_of(dataset: Dataset) -> list[str]:
    found: tuple[Fault, ...] = verify_dataset(dataset.root, Silent(), workers=1).faults
    return [str(fault) for fault in found]


@pytest.mark.parametrize("edition", ["pictures", "annotations"])
def test_a_second_release_passes(releases: dict[Edition, Path], edition: Edition) -> None:
    report = verify_dataset(releases[edition], Silent(), workers=1)
    assert report.ok, report.faults


# --- the list of releases ---


def test_releases_that_the_checksums_do_not_list_are_found(published: Dataset) -> None:
    published.write_sums()
    assert faults_of(published) == ["SHA256SUMS: does not list releases.json"]


def test_releases_that_are_listed_but_gone_are_found(published: Dataset) -> None:
    (published.root / "releases.json").unlink()
    assert faults_of(published) == ["SHA256SUMS: lists releases.json, which is not part of the dataset"]


def edit_newest(**fields: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda releases: releases[0].update(fields)


RELEASES: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "none": (list.clear, "cannot be read"),
    "no-count": (lambda releases: releases[0].pop("added"), "cannot be read"),
    "negative": (edit_newest(added=-1), "cannot be read"),
    "other-edition": (edit_newest(edition="pictures"), "its newest release is not what the manifest describes"),
    "other-content": (
        edit_newest(manifest_sha256="0" * 64, id="0" * 12),
        "its newest release is not what the manifest describes",
    ),
    "other-id": (edit_newest(id="0" * 12), "has a release whose id is not the beginning of its manifest's checksum"),
    "more-added": (edit_newest(added=3), "its images are not those of the one before, plus added, minus removed"),
    "history-lost": (lambda releases: releases.pop(), "its images are not those of the one before"),
    "in-other-order": (list.reverse, "its newest release is not what the manifest describes"),
}


@pytest.mark.parametrize(("change", "fault"), RELEASES.values(), ids=RELEASES)
def test_releases_that_do_not_add_up_are_found(
    published: Dataset, change: Callable[[list[dict[str, Any]]], object], fault: str
) -> None:
    content = json.loads(published.read("releases.json"))
    change(content["releases"])
    published.replace("releases.json", (json.dumps(content, indent=2) + "\n").encode())
    assert any(line.startswith("releases.json: ") and fault in line for line in faults_of(published))


def test_releases_written_in_another_form_are_found(published: Dataset) -> None:
    published.replace("releases.json", json.dumps(json.loads(published.read("releases.json"))).encode())
    assert "releases.json: is not written the way publishing writes it" in faults_of(published)


# --- the terms, and the Croissant metadata ---


def test_pictures_without_the_terms_are_found(dataset: Dataset) -> None:
    (dataset.root / "LICENSE-IMAGENET.txt").unlink()
    assert faults_of(dataset) == ["LICENSE-IMAGENET.txt: is missing"]


def test_softened_terms_are_found(dataset: Dataset) -> None:
    softened = dataset.read("LICENSE-IMAGENET.txt").replace(b"non-commercial", b"any")
    dataset.replace("LICENSE-IMAGENET.txt", softened)
    assert "LICENSE-IMAGENET.txt: does not say what the manifest and the record's model say" in faults_of(dataset)


def test_the_terms_have_no_business_where_there_are_no_pictures(published: Dataset) -> None:
    published.replace("LICENSE-IMAGENET.txt", b"terms")
    assert faults_of(published) == ["LICENSE-IMAGENET.txt: is not part of the dataset; remove it"]


def test_croissant_metadata_of_another_dataset_is_found(dataset: Dataset) -> None:
    content = json.loads(dataset.read("croissant.json"))
    content["distribution"][0]["sha256"] = "0" * 64
    dataset.replace("croissant.json", (json.dumps(content, indent=2) + "\n").encode())
    assert "croissant.json: does not say what the manifest and the record's model say" in faults_of(dataset)


# --- what the manifest says of pictures ---


def put(**fields: object) -> Callable[[DatasetManifest], dict[str, object]]:
    return lambda _: fields


EDITED: dict[str, tuple[Callable[[DatasetManifest], dict[str, object]], str]] = {
    "no-origin": (put(made_from=None), "does not say which dataset with pictures it was made from"),
    "pictured-lost": (put(pictured=()), "does not list the same shards with pictures"),
    "pictured-shorter": (lambda m: {"pictured": m.pictured[1:]}, "does not list the same shards with pictures"),
    "pictured-elsewhere": (
        lambda m: {"pictured": (m.pictured[0].model_copy(update={"path": "../x.tar"}), *m.pictured[1:])},
        "does not list the same shards with pictures",
    ),
    "an-undue-preview": (
        lambda m: {"preview": m.shards[0].model_copy(update={"path": "preview/preview-00000-of-00001.tar"})},
        "lists a preview although none is due",
    ),
}


@pytest.mark.parametrize(("change", "fault"), EDITED.values(), ids=EDITED)
def test_a_manifest_that_contradicts_its_edition_is_found(
    published: Dataset, change: Callable[[DatasetManifest], dict[str, object]], fault: str
) -> None:
    published.write(published.manifest.model_copy(update=change(published.manifest)))
    assert f"manifest.json: {fault}" in faults_of(published)


def test_pictures_that_are_listed_twice_are_found(dataset: Dataset) -> None:
    dataset.write(dataset.manifest.model_copy(update={"pictured": dataset.manifest.shards}))
    assert "manifest.json: lists shards with pictures apart, although its own have them" in faults_of(dataset)


def test_pictures_in_an_edition_without_are_found(dataset: Dataset) -> None:
    manifest = dataset.manifest
    claim = {"edition": "annotations", "made_from": manifest.sha256, "pictured": manifest.shards}
    dataset.write(manifest.model_copy(update=claim))
    assert any("has the members cls, jpg, json instead of cls, json" in line for line in faults_of(dataset))
