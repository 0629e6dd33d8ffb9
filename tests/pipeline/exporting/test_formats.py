"""What the rows of each format look like, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.exporting import FORMATS, ExportOptions, export
from pipeline.progress import Silent
from tests.pipeline.exporting.cases import CASES, GOLDEN, render
from tests.pipeline.exporting.world import picture_of, read_rows
from tests.pipeline.packing.world import World


@pytest.mark.parametrize("name", CASES)
def test_rows_are_those_of_the_golden_file(name: str, world: World, tmp_path: Path) -> None:
    assert render(CASES[name], world.out, tmp_path / "out") == (GOLDEN / f"{name}.json").read_text()


def test_every_golden_file_has_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_has_the_sources_own_picture(name: str, world: World, tmp_path: Path) -> None:
    report = export(world.out, tmp_path / "out", ExportOptions(format=name), Silent())
    rows = read_rows(tmp_path / "out")
    assert len(rows) == report.counts.rows == 24
    for row in rows:
        key = (row.get("id") or row["extra_info"]["id"]).partition("/")[0]
        assert picture_of(tmp_path / "out", row) == world.source.files[key]


def test_an_image_lies_on_disk_once_however_many_teachers_it_has(world: World, tmp_path: Path) -> None:
    export(world.out, tmp_path / "out", ExportOptions(format="swift"), Silent())
    assert len(list((tmp_path / "out" / "images").rglob("*.jpg"))) == 12


def test_no_folder_of_pictures_has_more_than_ten_thousand_entries(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.exporting.storage.PICTURES_PER_FOLDER", 2)
    export(world.out, tmp_path / "out", ExportOptions(format="swift"), Silent())
    folders = {path.parent for path in (tmp_path / "out" / "images").rglob("*.jpg")}
    assert [len(list(folder.iterdir())) for folder in folders] == [2] * 6  # three parts of four images
    for row in read_rows(tmp_path / "out"):
        assert picture_of(tmp_path / "out", row)


def test_rows_of_verl_are_numbered_across_parts_without_gaps(world: World, tmp_path: Path) -> None:
    export(world.out, tmp_path / "out", ExportOptions(format="verl"), Silent())
    assert [row["extra_info"]["index"] for row in read_rows(tmp_path / "out")] == list(range(24))
