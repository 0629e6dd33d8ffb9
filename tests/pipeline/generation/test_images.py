"""The selection as generation reads it: in order, whole or in part."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.generation import SelectedImages
from pipeline.selection import SELECTION_FILE
from pipeline.tables import read_rows
from schemas.errors import RunDirectoryError
from schemas.image import SelectedImage


def test_images_come_in_the_order_of_the_draw_as_often_as_they_are_wanted(selected: Path) -> None:
    images = SelectedImages(selected / SELECTION_FILE)
    rows = list(read_rows(selected / SELECTION_FILE, SelectedImage))
    for _ in range(2):
        assert [(image.ref, image.sha256) for image in images] == [(row.ref, row.facts.sha256) for row in rows]


def test_some_images_come_in_the_same_order(selected: Path, ids: list[str]) -> None:
    wanted = [ids[7], ids[2], "n99999999_1"]
    images = SelectedImages(selected / SELECTION_FILE, wanted)
    assert [image.ref.image_id for image in images] == [ids[2], ids[7]]
    assert not list(SelectedImages(selected / SELECTION_FILE, []))


def test_ids_alone_are_the_same(selected: Path, ids: list[str]) -> None:
    assert list(SelectedImages(selected / SELECTION_FILE).ids()) == ids


def test_a_selection_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="missing or damaged"):
        list(SelectedImages(tmp_path / SELECTION_FILE))
