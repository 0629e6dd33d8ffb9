"""The generator keeps its word: every fault is what it says, and every form holds the same files."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.screening import Unusable, screen
from pipeline.tars import tar_header
from schemas.config import ScreeningConfig
from schemas.image import ImageFacts
from schemas.rejection import RejectReason
from tests.collections import ALL_FAULTS, FAULTS, FORMS, Collection, Form, collection_ids
from tests.collections.faults import number_of
from tests.collections.sparse import (
    make_header,
    write_sparse_shard,
    write_sparse_tar,
    write_sparse_tar_of_tars,
    write_wide_folder,
)

CLASSES = ("n02123045", "n07920052", "n12102133")
COLLECTION = Collection(CLASSES, per_class=2, faults=ALL_FAULTS)

NOT_FROM_ITS_OWN_BYTES = {
    RejectReason.EXACT_DUPLICATE,
    RejectReason.UNKNOWN_SYNSET,
    RejectReason.EXCLUDED_SYNSET,
}
"""Reasons that a file's content does not give."""


def contents_of(path: Path, form: Form) -> Iterator[bytes]:
    """All pictures in a form, read without any code of this project."""
    if form == "tree":
        yield from (file.read_bytes() for file in path.rglob("*") if file.is_file())
    elif form == "parquet":
        for file in path.rglob("*.parquet"):
            yield from (row["bytes"] for row in pq.read_table(file)["image"].to_pylist())
    elif path.is_dir():
        for file in path.glob("*.tar"):
            yield from members_of(file.read_bytes())
    else:
        yield from members_of(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def members_of(archive: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        for member in file:
            extracted = file.extractfile(member)
            assert extracted is not None
            data = extracted.read()
            if member.name.endswith(".tar"):
                yield from members_of(data)
            elif not member.name.endswith((".json", ".cls")):
                yield data


@pytest.mark.parametrize("form", [form for form in FORMS if form != "webdataset_webp"])
def test_every_form_holds_every_file_once_byte_for_byte(tmp_path: Path, form: Form) -> None:
    path = COLLECTION.write(tmp_path / "source", form)
    assert Counter(contents_of(path, form)) == Counter(file.data for file in COLLECTION.files)


def test_the_webp_form_holds_as_many_files(tmp_path: Path) -> None:
    path = COLLECTION.write(tmp_path, "webdataset_webp")
    assert len(list(contents_of(path, "webdataset_webp"))) == len(COLLECTION.files)


@pytest.mark.parametrize("form", FORMS)
def test_a_collection_is_the_same_bytes_every_time(tmp_path: Path, form: Form) -> None:
    trees = []
    for name in ("one", "other"):
        Collection(CLASSES, per_class=2, faults=ALL_FAULTS).write(tmp_path / name, form)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        trees.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in files])
    assert trees[0] == trees[1]


@pytest.mark.parametrize("fault", [name for name in FAULTS if FAULTS[name].at_index is None])
def test_a_faulty_file_is_judged_as_its_fault_says(fault: str) -> None:
    (data,) = (file.data for file in COLLECTION.files if f"_{number_of(fault)}." in file.name)
    verdict = screen(data, ScreeningConfig())
    reason = FAULTS[fault].at_selection
    if reason is None or reason in NOT_FROM_ITS_OWN_BYTES:
        assert isinstance(verdict, ImageFacts), verdict
    else:
        assert isinstance(verdict, Unusable)
        assert verdict.reason is reason


def test_usable_files_are_odd_in_the_way_they_are_called() -> None:
    facts = {
        fault: verdict
        for fault in FAULTS
        for file in COLLECTION.files
        if f"_{number_of(fault)}." in file.name
        and isinstance(verdict := screen(file.data, ScreeningConfig()), ImageFacts)
    }
    for image_format in ("PNG", "GIF", "WEBP", "BMP"):
        assert facts[f"{image_format.lower()}_named_jpeg"].format == image_format
    assert facts["gzip_named_jpeg"].gzipped
    assert facts["greyscale"].greyscale
    assert facts["cmyk"].normalised
    assert (facts["sideways"].width, facts["sideways"].height) == (240, 256)
    original = screen(COLLECTION.photograph(f"{COLLECTION.id_of('near_duplicate')[:9]}_1"), ScreeningConfig())
    assert isinstance(original, ImageFacts)
    distance = (int(facts["near_duplicate"].phash, 16) ^ int(original.phash, 16)).bit_count()
    assert distance <= ScreeningConfig().near_duplicate_bits


def test_expectations_add_up() -> None:
    expected = COLLECTION.expected
    assert expected.files == len(COLLECTION.files) == 2 * len(CLASSES) + len(ALL_FAULTS)
    assert expected.files == len(expected.ids) + expected.at_index.total()
    assert len(expected.ids) == expected.usable + expected.at_selection.total()
    assert len(set(expected.ids)) == len(expected.ids)


def test_without_faults_there_are_only_ordinary_photographs() -> None:
    collection = Collection(CLASSES, per_class=2)
    assert list(collection.ids) == collection_ids(CLASSES, 2)
    assert collection.expected.usable == len(collection.ids)


def test_a_fault_switched_on_alone_makes_the_same_id_as_among_others() -> None:
    alone = Collection(CLASSES, per_class=2, faults=["gzip_named_jpeg"])
    assert set(alone.ids) - set(collection_ids(CLASSES, 2)) == {COLLECTION.id_of("gzip_named_jpeg")}


def test_real_photographs_are_usable_and_another_seed_cuts_others() -> None:
    one, other = (Collection(CLASSES, per_class=4, seed=seed, pictures="real") for seed in (0, 1))
    for file in one.files:
        assert isinstance(screen(file.data, ScreeningConfig()), ImageFacts)
    assert {file.data for file in one.files}.isdisjoint(file.data for file in other.files)


def test_shards_say_what_timm_s_do(tmp_path: Path) -> None:
    Collection(CLASSES, per_class=2).write(tmp_path, "webdataset")
    split = json.loads((tmp_path / "_info.json").read_text())["splits"]["train"]
    assert split["num_samples"] == sum(split["shard_lengths"]) == 6
    for name, length in zip(split["filenames"], split["shard_lengths"], strict=True):
        with tarfile.open(tmp_path / name) as shard:
            names = shard.getnames()
            assert [member.rpartition(".")[2] for member in names] == ["cls", "jpg", "json"] * length
            sidecar = shard.extractfile(names[2])
            assert sidecar is not None
            fields = json.loads(sidecar.read())
        assert fields["class_name"] == names[2][:9]
        assert (fields["width"], fields["height"]) == (256, 240)


def test_a_header_made_fast_is_that_of_the_packer() -> None:
    for name, size in (("a", 0), ("n01440764/n01440764_999999.JPEG", 88_000), ("x" * 100, 8**11 - 1)):
        assert make_header(name, size) == tar_header(name, size)


def test_sparse_archives_have_all_their_members_and_take_little_space(tmp_path: Path) -> None:
    write_sparse_tar(tmp_path / "flat.tar", 300)
    write_sparse_tar_of_tars(tmp_path / "nested.tar", 300, classes=3)
    write_sparse_shard(tmp_path / "shard.tar", 300)
    for name, members in (("flat.tar", 300), ("nested.tar", 3), ("shard.tar", 900)):
        with tarfile.open(tmp_path / name) as archive:
            assert len(archive.getnames()) == members
        stat = (tmp_path / name).stat()
        assert stat.st_blocks * 512 < stat.st_size / 4


def test_a_wide_folder_has_as_many_files_as_asked_for(tmp_path: Path) -> None:
    write_wide_folder(tmp_path / "wide", 200)
    assert len(list((tmp_path / "wide").iterdir())) == 200
