"""What ``datasets``, which most trainers read through, makes of an export: the folder as it is, in both modes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import Features, Image, List, Value, load_dataset

from pipeline.exporting import FORMATS, ExportOptions, export
from pipeline.progress import Silent
from tests.pipeline.packing.world import GLM, World, make_completion, make_world


def load(out: Path, cache: Path, split: str = "train") -> list[dict[str, Any]]:
    """All rows, found to be the same in both modes."""
    rows = load_dataset(str(out), split=split, cache_dir=str(cache))
    streamed = load_dataset(str(out), split=split, streaming=True)
    assert rows.features == streamed.features or streamed.features is None
    plain = [_plain(row) for row in rows]
    assert plain == [_plain(row) for row in streamed]
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.size if hasattr(value, "size") else value


@pytest.mark.parametrize("name", FORMATS)
def test_the_folder_is_a_dataset_of_its_rows_alone(name: str, world: World, tmp_path: Path) -> None:
    export(world.out, tmp_path / "out", ExportOptions(format=name), Silent())
    assert len(load(tmp_path / "out", tmp_path / "cache")) == 24


@pytest.mark.parametrize("name", FORMATS)
def test_the_benchmark_is_a_split_of_that_name(name: str, world: World, tmp_path: Path) -> None:
    export(world.out, tmp_path / "out", ExportOptions(format=name, split="benchmark"), Silent())
    assert len(load(tmp_path / "out", tmp_path / "cache", "benchmark")) == 6


@pytest.mark.parametrize(("name", "part"), [("swift", "data"), ("trl", "data")])
def test_a_part_without_rows_does_no_harm(name: str, part: str, tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 4, 0)
    world.images_per_shard = 2
    del world.results[1]
    world.pack()
    kept = sorted((world.out / "data").iterdir())[1].read_bytes()
    bad = "<image> </think>|A fish."
    world.results[0].completions = [
        each if each.image_id.encode() in kept else make_completion(each.image_id, GLM, bad)
        for each in world.results[0].completions
    ]
    world.pack()
    export(world.out, tmp_path / "out", ExportOptions(format=name), Silent())
    assert len(list((tmp_path / "out" / part).iterdir())) == 2
    assert len(load(tmp_path / "out", tmp_path / "cache")) == 2


def test_rows_of_trl_are_typed_and_their_pictures_decode(world: World, tmp_path: Path) -> None:
    export(world.out, tmp_path / "out", ExportOptions(format="trl"), Silent())
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    text = Value("string")
    assert rows.features == Features(
        {"id": text, "images": List(Image()), "messages": List({"role": text, "content": text}), "teacher": text}
    )
    assert rows[0]["images"][0].size == (24, 16)


def test_reasoning_content_is_a_field_of_the_assistant_alone(world: World, tmp_path: Path) -> None:
    options = ExportOptions(format="trl", preference="longer", thinking="reasoning_content")
    export(world.out, tmp_path / "out", options, Silent())
    row = load(tmp_path / "out", tmp_path / "cache")[0]
    assert row["prompt"][0]["reasoning_content"] is None
    assert row["chosen"][0]["reasoning_content"].startswith(f"{row['chosen_teacher']} looks at")


def test_no_row_group_holds_more_pictures_than_a_reader_likes(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 130, 0)
    world.images_per_shard = 200
    world.pack()
    export(world.out, tmp_path / "out", ExportOptions(format="trl"), Silent())
    (part,) = (tmp_path / "out" / "data").iterdir()
    with pq.ParquetFile(io.BytesIO(part.read_bytes())) as file:
        sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert sizes == [100, 100, 60]
