"""Which form a path has is found by looking; what is no source is said in one sentence."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from pipeline.sources import open_source
from schemas.config import SourceConfig
from schemas.errors import SourceError
from tests.pipeline.sources.synthetic import FORMS, Form, make_collection, make_tar


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_recognised(tmp_path: Path, form: Form) -> None:
    path = make_collection(tmp_path / "source", form, ["n00005787"], per_class=1)
    assert open_source(SourceConfig(path=path)).form == form.removesuffix("_of_tars")


def test_strays_do_not_hide_the_form(tmp_path: Path) -> None:
    make_collection(tmp_path / "deep" / "er", "tree", ["n00005787"], per_class=1)
    (tmp_path / "README.md").touch()
    assert open_source(SourceConfig(path=tmp_path)).form == "tree"


def test_a_configured_form_is_taken_at_its_word(tmp_path: Path) -> None:
    path = make_collection(tmp_path, "tree", ["n00005787"], per_class=1)
    assert open_source(SourceConfig(path=path, form="tars")).form == "tars"


@pytest.mark.parametrize("form", ["tree", "tars"])
def test_a_file_is_no_folder_form(tmp_path: Path, form: Form) -> None:
    path = make_collection(tmp_path, "tar", ["n00005787"], per_class=1)
    with pytest.raises(SourceError, match=f"is a file, and source.form {form} asks for a folder"):
        open_source(SourceConfig(path=path, form=form))  # type: ignore[arg-type]  # a narrower Literal


def test_a_folder_is_no_tar(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is a folder, and source\.form tar asks for a file"):
        open_source(SourceConfig(path=tmp_path, form="tar"))


def test_a_missing_path_is_an_error_that_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone does not exist; set source\.path to a folder of images"):
        open_source(SourceConfig(path=tmp_path / "gone"))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "n00005787").mkdir()
    with pytest.raises(SourceError, match="is an empty folder"):
        open_source(SourceConfig(path=tmp_path))


def test_a_folder_of_other_things_is_an_error_that_names_some(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "taxes.pdf").touch()
    with pytest.raises(SourceError, match=r"nothing that looks like ImageNet-21k, but holiday\.jpg, taxes\.pdf"):
        open_source(SourceConfig(path=tmp_path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (bytes(10240), "is empty"), (b"<html>", "no"), (b"\xff" * 2048, "is not a tar archive")],
)
def test_a_file_that_is_no_archive_is_an_error(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "whole.tar"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=problem):
        open_source(SourceConfig(path=path))


def test_a_gzipped_archive_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "winter21_whole.tar.gz"
    path.write_bytes(gzip.compress(make_tar({"n00005787.tar": b""})))
    with pytest.raises(SourceError, match="gunzip"):
        open_source(SourceConfig(path=path))


def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        open_source(SourceConfig(path=tmp_path / "pipe"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "n00005787").mkdir(mode=0)
    with pytest.raises(SourceError, match="read permission"):
        open_source(SourceConfig(path=tmp_path))
