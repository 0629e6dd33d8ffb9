"""A packed dataset of two teachers who differ, and what an export holds, read without our code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.pipeline.packing.world import GLM, KIMI, World, make_completion, make_world

ANSWERS = {GLM: "A tench – a fish.\n\nIt lies on *grass*.", KIMI: 'A fish called "tench".'}


def make_dataset(directory: Path, train: int = 12, benchmark: int = 3, images_per_shard: int = 5) -> World:
    """A packed world.

    GLM thinks in 20 tokens and answers in 9, Kimi in 15 + n of image n and in 4: from the sixth image on Kimi is the
    longer one, at the fifth both are the same.
    """
    world = make_world(directory, train, benchmark)
    world.images_per_shard = images_per_shard
    for results in world.results:
        results.completions = [
            make_completion(
                image.ref.image_id,
                results.name,
                f"{results.name} looks at {image.ref.image_id}:\n1. scales\n2. fins → a fish|{ANSWERS[results.name]}",
            ).model_copy(
                update={
                    "thinking_tokens": 20 if results.name == GLM else 15 + number,
                    "answer_tokens": 9 if results.name == GLM else 4,
                }
            )
            for number, image in enumerate(world.images)
        ]
    world.pack()
    return world


def read_rows(out: Path) -> list[dict[str, Any]]:
    """All rows of an export, in order, whatever they are stored as."""
    rows: list[dict[str, Any]] = []
    for path in sorted([*out.glob("data/*"), *out.glob("train.json")]):
        if path.suffix == ".parquet":
            rows += pq.read_table(path).to_pylist()
        elif path.suffix == ".jsonl":
            rows += [json.loads(line) for line in path.read_bytes().splitlines()]
        else:
            rows += json.loads(path.read_bytes())
    return rows


def picture_of(out: Path, row: dict[str, Any]) -> bytes:
    """The bytes of a row's picture."""
    picture = row["image"] if "image" in row else row["images"][0]
    if isinstance(picture, str):
        return (out / picture).read_bytes()
    data = picture["bytes"]
    assert isinstance(data, bytes)
    return data


def files(out: Path) -> dict[str, bytes]:
    """Every file of an export, by path."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
