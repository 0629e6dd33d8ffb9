"""Damage to the files beside the shards, and files that have no business there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.packing.card import read_front_matter
from pipeline.packing.sidecars import render_manifest
from pipeline.progress import Silent
from pipeline.publishing.verify import Fault, verify_dataset
from pipeline.tables import write_rows
from schemas.manifest import DatasetManifest
from schemas.rejection import Rejection, RejectReason, Stage
from tests.pipeline.publishing.damage import BENCHMARK, OTHER, TRAIN, Dataset


def faults_of(dataset: Dataset) -> list[Fault]:
    return list(verify_dataset(dataset.root, Silent(), workers=1).faults)


# --- files that are missing, or too many ---


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "SHA256SUMS",
        "_info.json",
        "rejections.parquet",
        "schema/think-record-v1.schema.json",
        "LICENSE-IMAGENET.txt",
        "LICENSE-WORDNET.txt",
        "croissant.json",
        "statistics.json",
    ],
)
def test_a_missing_file_is_found(dataset: Dataset, path: str) -> None:
    (dataset.root / path).unlink()
    assert (path, "is missing") in [(fault.file, fault.fault) for fault in faults_of(dataset)]


@pytest.mark.parametrize(
    "path",
    [
        "index.jsonl",
        "train-000000.json",
        "benchmark-000000.tar",
        "data/train-00002-of-00003.tar",
        "data/.train-00000-of-00002.tar.9.tmp",
        "data/train-00000-of-00002.tar.gz",
        "eval/benchmark.tar",
        "dataset_infos.json",
        ".hidden",
        "data/.git",
    ],
)
def test_a_stray_file_is_found(dataset: Dataset, path: str) -> None:
    """Beside others: loaders take a stray ``.jsonl`` or ``.json`` for the dataset, and ignore the tars."""
    (dataset.root / path).parent.mkdir(exist_ok=True)
    (dataset.root / path).write_bytes(b"{}")
    assert [str(fault) for fault in faults_of(dataset)] == [f"{path}: is not part of the dataset; remove it"]


def test_what_git_and_the_hub_leave_behind_is_no_stray(dataset: Dataset) -> None:
    (dataset.root / ".gitattributes").write_text("*.tar filter=lfs\n")
    for folder in (".git", ".cache"):
        (dataset.root / folder).mkdir()
        (dataset.root / folder / "config").write_text("")
    assert faults_of(dataset) == []


@pytest.mark.parametrize("make_link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_only_a_real_file_is_a_shard(dataset: Dataset, make_link: Callable[[Path, Path], None], tmp_path: Path) -> None:
    """A hard link is one; a symbolic link may lead anywhere, and is not followed."""
    outside = tmp_path / "outside.tar"
    (dataset.root / TRAIN).rename(outside)
    make_link(outside, dataset.root / TRAIN)
    expected = [f"{TRAIN}: is no regular file"] if make_link is os.symlink else []
    assert [str(fault) for fault in faults_of(dataset)] == expected


def test_a_linked_folder_is_not_followed(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("")
    (dataset.root / "more").symlink_to(tmp_path / "elsewhere")
    assert [fault.file for fault in faults_of(dataset)] == ["more"]


# --- the manifest ---


def edit_manifest(dataset: Dataset, **fields: object) -> None:
    """Change the manifest, and sign it and all that follows from it."""
    dataset.write(dataset.manifest.model_copy(update=fields))


def put(**fields: object) -> Callable[[DatasetManifest], dict[str, object]]:
    return lambda _: fields


def swap_shards(manifest: DatasetManifest) -> dict[str, object]:
    return {"shards": (manifest.shards[1], manifest.shards[0], *manifest.shards[2:])}


def move_shard(path: str) -> Callable[[DatasetManifest], dict[str, object]]:
    return lambda m: {"shards": (m.shards[0].model_copy(update={"path": path}), *m.shards[1:])}


def drop_shard(manifest: DatasetManifest) -> dict[str, object]:
    return {"shards": manifest.shards[:1] + manifest.shards[2:]}


MANIFESTS: dict[str, tuple[Callable[[DatasetManifest], dict[str, object]], str]] = {
    "more-packed": (put(packed=16, selected=16, seen=16), "16 images, 15 in shards"),
    "fewer-packed": (put(packed=14), "15 images were selected, 14 packed and 0 rejected"),
    "invented-rejections": (
        put(rejected={Stage.PACK: {RejectReason.REFUSED: 1}}, selected=16),
        "its counts by stage and reason are not those of the manifest",
    ),
    "fewer-pairs": (
        lambda m: {"teachers": (m.teachers[0].model_copy(update={"pairs": 14}), m.teachers[1])},
        "pairs by teacher {'glm': 14, 'kimi': 15}",
    ),
    "a-teacher-twice": (lambda m: {"teachers": m.teachers[:1] * 2}, "does not list each teacher once"),
    "no-teacher": (put(teachers=()), "does not list each teacher once"),
    "other-version": (put(record_version="99"), "records of version 99"),
    "shards-in-other-order": (swap_shards, "names its shards otherwise than packing does"),
    "shard-dropped": (drop_shard, "names its shards otherwise than packing does"),
    "shard-outside": (move_shard("../outside.tar"), "names its shards otherwise than packing does"),
    "shard-at-an-absolute-path": (move_shard("/etc/passwd"), "names its shards otherwise than packing does"),
    "shard-is-the-manifest": (move_shard("manifest.json"), "names its shards otherwise than packing does"),
    "unknown-side-file": (lambda m: {"files": {**m.files, "../x": "0" * 64}}, "lists the side files"),
}


@pytest.mark.parametrize(("change", "fault"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_does_not_add_up_is_found(
    dataset: Dataset, change: Callable[[DatasetManifest], dict[str, object]], fault: str
) -> None:
    edit_manifest(dataset, **change(dataset.manifest))
    assert fault in " / ".join(map(str, faults_of(dataset)))


def test_a_manifest_that_is_not_signed_again_is_found(dataset: Dataset) -> None:
    data = render_manifest(dataset.manifest.model_copy(update={"config_sha256": "0" * 64}))
    dataset.replace("manifest.json", data)
    dataset.write_sums()
    assert [str(fault) for fault in faults_of(dataset)] == ["manifest.json: does not match its own checksum"]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"{}", "cannot be read"),
        (b'{"name": NaN}', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
    ids=["empty", "cut", "no-fields", "nan", "no-utf-8"],
)
def test_a_manifest_that_cannot_be_read_is_found(dataset: Dataset, data: bytes, fault: str) -> None:
    dataset.replace("manifest.json", data)
    (found,) = faults_of(dataset)
    assert (found.file, fault in found.fault) == ("manifest.json", True)


@pytest.mark.parametrize("count", ["-1", f"1{'0' * 18}0", "9" * 4300], ids=["negative", "20-digits", "4300-digits"])
@pytest.mark.parametrize("field", ["rejected", "attempts", "shard"])
def test_a_count_that_nothing_has_is_found(dataset: Dataset, field: str, count: str) -> None:
    manifest = json.loads(dataset.read("manifest.json"))
    match field:
        case "rejected":
            manifest["rejected"] = {"pack": {"refused": "COUNT", "truncated": "COUNT"}}
        case "attempts":
            manifest["teachers"][0]["attempts_by_status"] = {"ok": "COUNT", "truncated": "COUNT"}
        case _:
            manifest["shards"] = [shard | {"images": "COUNT"} for shard in manifest["shards"]]
    dataset.replace("manifest.json", json.dumps(manifest).replace('"COUNT"', count).encode())
    (found,) = faults_of(dataset)
    assert found.file == "manifest.json"
    assert found.fault.startswith("cannot be read, ")


def test_a_manifest_with_doubled_keys_is_found(dataset: Dataset) -> None:
    dataset.replace("manifest.json", dataset.read("manifest.json").replace(b"{", b'{"name": "x",', 1))
    dataset.write_sums()
    assert [fault.fault for fault in faults_of(dataset)] == ["is not written the way packing writes it"]


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07", "\x1b[2J", "a\nmanifest.json: is fine"])
def test_no_name_in_a_manifest_reaches_the_terminal_as_it_is(dataset: Dataset, name: str) -> None:
    edit_manifest(dataset, files={**dataset.manifest.files, name: "0" * 64})
    found = faults_of(dataset)
    assert found
    assert all(str(fault).isprintable() for fault in found)


# --- the checksums ---


SUMS: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "does not list README.md"),
    "line-lost": (lambda text: "".join(text.splitlines(keepends=True)[1:]), "does not list LICENSE-IMAGENET.txt"),
    "line-changed": (lambda text: "0" * 64 + text[64:], "SHA256SUMS has another checksum for it"),
    "line-added": (lambda text: text + "0" * 64 + "  zzz\n", "lists zzz, which is not part of the dataset"),
    "lines-in-other-order": (lambda text: "\n".join(text.splitlines()[::-1]) + "\n", "is not a sorted list"),
    "binary-marks": (lambda text: text.replace("  ", " *"), "is not a sorted list"),
    "comment": (lambda text: "# sums\n" + text, "is not a sorted list"),
}


@pytest.mark.parametrize(("change", "fault"), SUMS.values(), ids=SUMS)
def test_damaged_checksums_are_found(dataset: Dataset, change: Callable[[str], str], fault: str) -> None:
    dataset.replace("SHA256SUMS", change(dataset.read("SHA256SUMS").decode()).encode())
    assert fault in " / ".join(map(str, faults_of(dataset)))


@pytest.mark.parametrize("path", [TRAIN, OTHER, BENCHMARK, "README.md", "_info.json", "rejections.parquet"])
def test_a_file_that_changed_after_packing_is_found(dataset: Dataset, path: str) -> None:
    dataset.replace(path, dataset.read(path) + b" ")
    assert path in {fault.file for fault in faults_of(dataset)}


# --- the card ---


def edit_card(dataset: Dataset, change: Callable[[dict[str, object]], object]) -> None:
    """Change the card's YAML, and sign the checksums."""
    card = dataset.read("README.md").decode()
    fields = read_front_matter(card)
    change(fields)
    body = card.split("\n---\n", 1)[1]
    dataset.replace("README.md", f"---\n{yaml.safe_dump(fields, sort_keys=False)}---\n{body}".encode())
    dataset.write_sums()


def at(*path: str | int) -> Callable[[dict[str, object]], object]:
    """Put a wrong value at a place of the YAML."""

    def change(fields: dict[str, object]) -> None:
        place: object = fields
        for step in path[:-1]:
            place = place[step]  # type: ignore[index] # plain YAML data
        place[path[-1]] = "wrong"  # type: ignore[index] # plain YAML data

    return change


CARDS: dict[str, tuple[Callable[[dict[str, object]], object], str]] = {
    "num-examples": (at("dataset_info", 0, "splits", 0, "num_examples"), "its dataset_info"),
    "split-dropped": (lambda f: f["dataset_info"][0]["splits"].pop(), "its dataset_info"),  # type: ignore[index]
    "feature-type": (at("dataset_info", 0, "features", 2, "dtype"), "its dataset_info"),
    "feature-dropped": (lambda f: f["dataset_info"][0]["features"].pop(), "its dataset_info"),  # type: ignore[index]
    "no-features": (lambda f: f.pop("dataset_info"), "its dataset_info"),
    "files": (at("configs", 0, "data_files", 0, "path"), "its configs"),
    "no-configs": (lambda f: f.pop("configs"), "its configs"),
}


@pytest.mark.parametrize(("change", "fault"), CARDS.values(), ids=CARDS)
def test_a_card_that_misleads_load_dataset_is_found(
    dataset: Dataset, change: Callable[[dict[str, object]], object], fault: str
) -> None:
    edit_card(dataset, change)
    (found,) = faults_of(dataset)
    assert found.file == "README.md"
    assert found.fault == f"{fault} is not that of the manifest and the record's model"


def test_a_card_may_say_more(dataset: Dataset) -> None:
    edit_card(dataset, lambda fields: fields.update(extra_gated_prompt="Do you agree?"))
    assert faults_of(dataset) == []


def test_a_card_without_yaml_is_found(dataset: Dataset) -> None:
    dataset.replace("README.md", b"# A dataset\n")
    dataset.write_sums()
    (found,) = faults_of(dataset)
    assert str(found) == "README.md: the card does not begin with YAML between two lines of ---"


# --- the side files ---


def sign_side_file(dataset: Dataset, path: str) -> None:
    """Give the manifest the digest of a changed side file."""
    digest = hashlib.sha256(dataset.read(path)).hexdigest()
    manifest = dataset.manifest
    manifest = manifest.model_copy(update={"files": {**manifest.files, path: digest}}).signed()
    dataset.replace("manifest.json", render_manifest(manifest))
    dataset.write_sums()


def test_wrong_counts_for_timm_are_found(dataset: Dataset) -> None:
    info = json.loads(dataset.read("_info.json"))
    info["splits"]["train"]["shard_lengths"] = [7, 5]
    dataset.replace("_info.json", json.dumps(info).encode())
    sign_side_file(dataset, "_info.json")
    assert [fault.file for fault in faults_of(dataset)] == ["_info.json"]


def test_another_schema_is_found(dataset: Dataset) -> None:
    path = "schema/think-record-v1.schema.json"
    dataset.replace(path, b"{}")
    sign_side_file(dataset, path)
    assert [fault.file for fault in faults_of(dataset)] == [path]


def test_rejections_that_the_manifest_does_not_count_are_found(dataset: Dataset) -> None:
    rejection = Rejection(image_id="", wnid="", stage=Stage.INDEX, reason=RejectReason.UNSAFE_NAME, detail="")
    write_rows(dataset.root / "rejections.parquet", [rejection], Rejection)
    sign_side_file(dataset, "rejections.parquet")
    (found,) = faults_of(dataset)
    assert str(found) == "rejections.parquet: its counts by stage and reason are not those of the manifest"


def test_rejections_that_cannot_be_read_are_found(dataset: Dataset) -> None:
    dataset.replace("rejections.parquet", b"PAR1nonsensePAR1")
    sign_side_file(dataset, "rejections.parquet")
    (found,) = faults_of(dataset)
    assert found.fault.startswith("cannot be read: ")
