"""Which form a path has is found by looking; what is no source is said in one sentence."""

from __future__ import annotations

import bz2
import gzip
import os
from pathlib import Path

import pytest

from pipeline.sources import open_source
from schemas.config import SourceConfig
from schemas.errors import SourceError
from tests.collections import FORMS, Form, gzip_tar, make_collection, make_tar


def form_of(path: Path) -> str:
    return open_source(SourceConfig(path=str(path))).form


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_recognised(tmp_path: Path, form: Form) -> None:
    path = make_collection(tmp_path / "source", form, ["n00005787"], per_class=1)
    assert form_of(path) == form.replace("_of_tars", "").removesuffix("_webp")


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a", "a.JPEG"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_is_recognised_by_its_bytes_whatever_it_is_called(tmp_path: Path, name: str, packed: bool) -> None:
    archive = make_tar({"n00005787_1.JPEG": b"x"})
    (tmp_path / name).write_bytes(gzip_tar(archive) if packed else archive)
    assert form_of(tmp_path / name) == ("tar.gz" if packed else "tar")


def test_a_gzip_of_several_members_is_recognised(tmp_path: Path) -> None:
    archive = make_tar({"n00005787_1.JPEG": b"x"})
    (tmp_path / "a.tar.gz").write_bytes(b"".join(gzip.compress(archive[at : at + 100]) for at in range(0, 1024, 100)))
    assert form_of(tmp_path / "a.tar.gz") == "tar.gz"


def test_strays_do_not_hide_the_form(tmp_path: Path) -> None:
    make_collection(tmp_path / "deep" / "er", "tree", ["n00005787"], per_class=1)
    (tmp_path / "README.md").touch()
    (tmp_path / "classes.parquet").touch()
    assert form_of(tmp_path) == "tree"


@pytest.mark.parametrize("sidecar", ["n00005787_1.json", "n00005787_1.cls", "n00005787_1.JSON"])
def test_archives_of_images_with_sidecars_are_shards(tmp_path: Path, sidecar: str) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar({sidecar: b"{}", "n00005787_1.jpg": b"x"}))
    assert form_of(tmp_path) == "webdataset"


def test_archives_that_are_announced_are_shards(tmp_path: Path) -> None:
    (tmp_path / "_info.json").write_text("{}")
    (tmp_path / "a.tar").write_bytes(make_tar({"n00005787_1.jpg": b"x"}))
    assert form_of(tmp_path) == "webdataset"


def test_a_damaged_archive_does_not_hide_that_the_others_are_shards(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_bytes(b"?" * 2048)
    (tmp_path / "1.tar").touch()
    (tmp_path / "2.tar").write_bytes(make_tar({"n00005787_1.jpg": b"x", "n00005787_1.cls": b"7"}))
    assert form_of(tmp_path) == "webdataset"


def test_links_to_shards_are_followed_as_the_hub_s_cache_consists_of_them(tmp_path: Path) -> None:
    blob, snapshot = tmp_path / "blob", tmp_path / "snapshot"
    snapshot.mkdir()
    blob.write_bytes(make_tar({"n00005787_1.jpg": b"x", "n00005787_1.cls": b"7"}))
    (snapshot / "a.tar").symlink_to(blob)
    assert form_of(snapshot) == "webdataset"


def test_a_configured_form_is_taken_at_its_word(tmp_path: Path) -> None:
    path = make_collection(tmp_path, "tree", ["n00005787"], per_class=1)
    assert open_source(SourceConfig(path=str(path), form="tars")).form == "tars"


@pytest.mark.parametrize("form", ["tree", "tars", "webdataset", "parquet"])
def test_a_file_is_no_folder_form(tmp_path: Path, form: str) -> None:
    path = make_collection(tmp_path, "tar", ["n00005787"], per_class=1)
    with pytest.raises(SourceError, match=f"is a file, and source.form {form} asks for a folder"):
        open_source(SourceConfig(path=str(path), form=form))  # type: ignore[arg-type]  # a narrower Literal


@pytest.mark.parametrize("form", ["tar", "tar.gz"])
def test_a_folder_is_no_file_form(tmp_path: Path, form: str) -> None:
    with pytest.raises(SourceError, match=rf"is a folder, and source\.form {form} asks for a file"):
        open_source(SourceConfig(path=str(tmp_path), form=form))  # type: ignore[arg-type]  # a narrower Literal


@pytest.mark.parametrize("form", ["tree", "tars", "tar", "tar.gz"])
def test_a_form_that_the_hub_cannot_have_is_refused_without_asking_it(form: str) -> None:
    with pytest.raises(SourceError, match=f"source.form {form} cannot be read from the hub"):
        open_source(SourceConfig(path="hf://datasets/a/b", form=form))  # type: ignore[arg-type]  # one of the forms


def test_a_missing_path_is_an_error_that_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone does not exist; set source\.path to a folder of images"):
        form_of(tmp_path / "gone")


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "n00005787").mkdir()
    with pytest.raises(SourceError, match="is an empty folder"):
        form_of(tmp_path)


def test_a_folder_of_other_things_is_an_error_that_names_some(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "taxes.pdf").touch()
    with pytest.raises(SourceError, match=r"nothing that looks like ImageNet-21k, but holiday\.jpg, taxes\.pdf"):
        form_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (bytes(10240), "is empty"),
        (b"<html>", "no"),
        (b"\xff" * 2048, "is not a tar archive"),
        (gzip.compress(b"", mtime=0), "a gzip file with nothing in it"),
        (gzip.compress(bytes(10240), mtime=0), "a gzip file with nothing in it"),
        (gzip.compress(b"photograph" * 200, mtime=0), "a gzip file of something that is no tar archive"),
        (gzip.compress(b"photograph" * 200, mtime=0)[:12], "a damaged gzip file"),
        (b"\x1f\x8b" + b"?" * 600, "a damaged gzip file|cannot be read"),
        (bz2.compress(b"photograph" * 200), "bunzip2"),
        (b"PAR1" + bytes(600), "is one Parquet file; set source.path to the folder"),
        (make_tar({"n00005787_1.jpg": b"x", "n00005787_1.cls": b"7"}), "is one WebDataset shard; set source.path to"),
    ],
)
def test_a_file_that_is_no_source_is_an_error(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "whole.tar"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=problem) as caught:
        form_of(path)
    assert "\n" not in str(caught.value)


def test_a_folder_with_one_compressed_archive_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "winter21_whole.tar.gz"
    path.write_bytes(gzip_tar(make_tar({"n00005787.tar": b""})))
    with pytest.raises(SourceError, match=rf"set source\.path to {path}"):
        form_of(tmp_path)


def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        form_of(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "n00005787").mkdir(mode=0)
    with pytest.raises(SourceError, match="read permission"):
        form_of(tmp_path)


def test_an_archive_that_is_a_link_to_itself_does_not_hide_the_form(tmp_path: Path) -> None:
    path = make_collection(tmp_path, "tree", ["n00005787"], per_class=1)
    (path / "a.tar").symlink_to("a.tar")
    assert form_of(path) == "tree"


def test_a_file_that_is_no_gzip_is_not_taken_for_one(tmp_path: Path) -> None:
    path = make_collection(tmp_path, "tar", ["n00005787"], 1)
    with pytest.raises(SourceError, match=r"no gzip file, and source\.form asks for one; set source\.form to auto"):
        open_source(SourceConfig(path=str(path), form="tar.gz"))
