"""The release whose pictures were all squashed is warned about, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.sources import IndexOptions, build_index
from tests.fakes.listed_source import ListedSource, image
from tests.fakes.noted_progress import NotedProgress


def index(out: Path, place: Path | str, sides: list[int | None]) -> tuple[bool, list[str]]:
    progress = NotedProgress()
    source = ListedSource({"a": [image(f"n00005787_{number}", side=side) for number, side in enumerate(sides)]})
    summary = build_index(source, out, progress, IndexOptions(place=str(place)))
    return summary.resized, progress.warnings


@pytest.mark.parametrize(
    "sides", [[224], [224] * 9 + [500], [224, 224, 100], [224] * 95 + [300] * 5, [224, 100], [224, None, None]]
)
def test_it_is_known_by_its_sizes(tmp_path: Path, sides: list[int | None]) -> None:
    is_resized, warnings = index(tmp_path, tmp_path / "copy", sides)
    assert is_resized
    (warning,) = warnings
    assert "squashed to 224x224" in warning
    assert "winter21_whole.tar.gz" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("sides", [[500], [None], [224, 500], [224] * 8 + [500] * 2, [224, 100, 100], [100]])
def test_others_are_not_taken_for_it(tmp_path: Path, sides: list[int | None]) -> None:
    assert index(tmp_path, tmp_path / "copy", sides) == (False, [])


@pytest.mark.parametrize("name", ["imagenet21k_resized", "copy/imagenet21k_train", "copy/imagenet21k_small_classes"])
def test_it_is_known_by_its_names_before_anything_is_scanned(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    place = tmp_path / name.partition("/")[0]
    is_resized, warnings = index(tmp_path / "index", place, [None])
    assert is_resized
    assert len(warnings) == 1


def test_names_alone_do_not_count_against_sizes(tmp_path: Path) -> None:
    (tmp_path / "imagenet21k_resized").mkdir()
    is_resized, warnings = index(tmp_path / "index", tmp_path / "imagenet21k_resized", [500, 400])
    assert not is_resized
    assert len(warnings) == 1
