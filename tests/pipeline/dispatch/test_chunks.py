"""A chunk's name follows from its rows, and its file gives them back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dispatch import chunk_file, claim_run_id, read_chunk
from pipeline.dispatch.chunks import name_chunk, read_failures, write_chunk
from schemas.chunk import ChunkImage
from schemas.completion import PairStatus
from schemas.errors import RunDirectoryError

IMAGES = st.builds(
    ChunkImage,
    image_id=st.integers(0, 99).map(lambda number: f"n01440764_{number}"),
    last_attempt=st.integers(0, 4),
    spent=st.integers(0, 31),
    status=st.none() | st.sampled_from(PairStatus),
    failures=st.integers(0, 5),
)
TEACHER = "glm-4.1v-9b-thinking"


def image(number: int, failures: int = 0) -> ChunkImage:
    return ChunkImage(image_id=f"n01440764_{number}", last_attempt=0, spent=0, status=None, failures=failures)


@given(images=st.lists(IMAGES, max_size=8))
def test_rows_come_back_as_they_were_in_their_order(
    images: list[ChunkImage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    chunks = tmp_path_factory.mktemp("chunks")
    key = write_chunk(chunks, TEACHER, images)
    assert read_chunk(chunk_file(chunks, TEACHER, key)) == images


@given(images=st.lists(IMAGES, min_size=1, max_size=8))
def test_the_same_work_has_the_same_key_and_any_other_another(images: list[ChunkImage]) -> None:
    key = name_chunk(TEACHER, images)
    assert key == name_chunk(TEACHER, list(images))
    assert len(key) == 16
    others = [name_chunk("another", images), name_chunk(TEACHER, images[1:])]
    first = images[0].model_copy(update={"failures": images[0].failures + 1})
    assert key not in [*others, name_chunk(TEACHER, [first, *images[1:]])]


def test_failures_are_read_of_every_chunk_and_of_this_teacher_alone(tmp_path: Path) -> None:
    write_chunk(tmp_path, TEACHER, [image(1), image(2, failures=1)])
    write_chunk(tmp_path, TEACHER, [image(2, failures=2)])
    write_chunk(tmp_path, "another", [image(3, failures=4)])
    assert sorted(read_failures(tmp_path, TEACHER)) == [("n01440764_2", 1), ("n01440764_2", 2)]


def test_a_run_directory_keeps_its_id_and_another_has_another(tmp_path: Path) -> None:
    first = claim_run_id(tmp_path / "one")
    assert claim_run_id(tmp_path / "one") == first
    assert claim_run_id(tmp_path / "two") != first


def test_a_damaged_id_is_named(tmp_path: Path) -> None:
    claim_run_id(tmp_path)
    (tmp_path / "run-id").write_text("half")
    with pytest.raises(RunDirectoryError, match="run-id: damaged"):
        claim_run_id(tmp_path)


def test_a_chunk_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    path = chunk_file(tmp_path, TEACHER, "0" * 16)
    with pytest.raises(RunDirectoryError, match="missing or damaged"):
        read_chunk(path)
