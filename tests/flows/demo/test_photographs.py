"""The demo's input is real, attributed, and holds one of every fault that a collection can have."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from flows.demo import add_damaged_files, lay_out_photographs
from flows.demo.damage import ODD_FILES, OddFile
from flows.demo.photographs import NEAR_DUPLICATE, PHOTOGRAPHS
from pipeline.progress import Silent
from pipeline.screening import Unusable, screen
from pipeline.sources import build_index, open_source
from pipeline.sources.entries import identify
from pipeline.taxonomy import load_taxonomy
from schemas.config import ScreeningConfig, SourceConfig
from schemas.errors import ConfigError
from schemas.image import ImageFacts
from schemas.rejection import RejectReason

AT_THE_INDEX = {RejectReason.NOT_AN_IMAGE_ID}
AMONG_OTHERS = {RejectReason.EXACT_DUPLICATE, RejectReason.UNKNOWN_SYNSET}
"""Reasons that a file's own bytes do not give."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    lay_out_photographs(root)
    return root


@pytest.fixture(scope="module")
def damaged_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("damaged")
    lay_out_photographs(root)
    add_damaged_files(root)
    return root


def facts_of(path: Path) -> ImageFacts:
    facts = screen(path.read_bytes(), ScreeningConfig())
    assert isinstance(facts, ImageFacts), f"{path}: {facts}"
    return facts


def test_two_dozen_usable_photographs_lie_in_eleven_classes_that_are_not_excluded(tree: Path) -> None:
    people = load_taxonomy().subtree("n00007846")
    images = [path for path in tree.rglob("*.JPEG") if path.parent.name not in people]
    assert len(images) == 24
    assert len({path.parent.name for path in images}) == 11
    for path in images:
        facts_of(path)


def test_the_person_subtree_is_there_to_be_excluded(tree: Path) -> None:
    people = load_taxonomy().subtree("n00007846")
    assert [path.name for path in tree.iterdir() if path.name in people] == ["n09818022"]


def test_every_class_is_one_of_imagenet_21k(tree: Path) -> None:
    taxonomy = load_taxonomy()
    for path in tree.iterdir():
        assert not path.is_dir() or "fall11" in taxonomy[path.name].releases


def test_numbers_lie_beyond_those_of_imagenet(damaged_tree: Path) -> None:
    for path in damaged_tree.rglob("*.JPEG"):
        image_id, wnid = identify(path.name) or ("", "")
        assert int(image_id.removeprefix(f"{wnid}_")) > 900_000
        assert path.parent.name == wnid


def test_some_files_are_png_in_jpeg_clothing(tree: Path) -> None:
    formats = {facts_of(path).format for path in tree.rglob("*.JPEG")}
    assert formats == {"JPEG", "PNG"}


def test_one_file_is_a_near_duplicate_of_another(tree: Path) -> None:
    (copy,) = tree.rglob(f"*_{NEAR_DUPLICATE}.JPEG")
    original = copy.with_name("n04407435_900010.JPEG")
    assert copy.read_bytes() != original.read_bytes()
    distance = (int(facts_of(copy).phash, 16) ^ int(facts_of(original).phash, 16)).bit_count()
    assert distance <= ScreeningConfig().near_duplicate_bits


def test_every_photograph_names_author_licence_and_source(tree: Path) -> None:
    sources = (tree / "SOURCES.md").read_text()
    for photograph in PHOTOGRAPHS:
        assert f"| {photograph.author} | {photograph.licence} | {photograph.source} |" in sources


def test_photographs_and_damage_are_the_same_bytes_every_time(damaged_tree: Path, tmp_path: Path) -> None:
    lay_out_photographs(tmp_path)
    add_damaged_files(tmp_path)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(damaged_tree) for path in damaged_tree.rglob("*") if path.is_file())
    for path in files:
        assert (tmp_path / path).read_bytes() == (damaged_tree / path).read_bytes()


def test_laying_out_twice_changes_nothing(tmp_path: Path) -> None:
    lay_out_photographs(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    lay_out_photographs(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize("odd", ODD_FILES, ids=lambda odd: odd.path)
def test_every_odd_file_has_the_fault_it_was_made_with(damaged_tree: Path, odd: OddFile) -> None:
    verdict = screen((damaged_tree / odd.path).read_bytes(), ScreeningConfig())
    if odd.reason is None or odd.reason in AMONG_OTHERS:
        assert isinstance(verdict, ImageFacts)
    elif odd.reason not in AT_THE_INDEX:
        assert isinstance(verdict, Unusable)
        assert verdict.reason is odd.reason


def test_odd_files_that_are_usable_are_odd_in_different_ways(damaged_tree: Path) -> None:
    facts = [facts_of(damaged_tree / odd.path) for odd in ODD_FILES if odd.reason is None]
    assert [fact.gzipped for fact in facts].count(True) == 1
    assert len({fact.normalised for fact in facts}) == 3  # nothing to do, CMYK, orientation


def test_one_file_is_an_exact_duplicate(damaged_tree: Path) -> None:
    (odd,) = (odd for odd in ODD_FILES if odd.reason is RejectReason.EXACT_DUPLICATE)
    data = (damaged_tree / odd.path).read_bytes()
    same = [path for path in damaged_tree.rglob("*.JPEG") if path.read_bytes() == data]
    assert len(same) == 2


def test_the_index_takes_the_images_and_rejects_the_strays(damaged_tree: Path, tmp_path: Path) -> None:
    summary = build_index(open_source(SourceConfig(path=str(damaged_tree))), tmp_path, Silent())
    assert summary.form == "tree"
    assert summary.rejected == {RejectReason.NOT_AN_IMAGE_ID: 2}  # README.txt and SOURCES.md
    assert summary.images == len(list(damaged_tree.rglob("*.JPEG")))


@pytest.mark.parametrize("package", ["skimage", "sklearn", "matplotlib"])
def test_a_missing_package_is_an_error_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))
    with pytest.raises(ConfigError, match=rf"{package}, which is not installed; install imagenet-think\[demo\]"):
        lay_out_photographs(tmp_path)
