"""A leak from the benchmark into train is found, whatever its kind, and nothing else is called one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import Leak, check_holdout, find_leaks
from pipeline.tables import write_rows
from schemas.errors import ConservationError
from schemas.image import Holdout, ImageFacts, ImageRef, SelectedImage

CLASSES = ["n01440764", "n02123045"]


def image(number: int, holdout: Holdout = "none", wnid: str = CLASSES[0], **others: int) -> SelectedImage:
    """Image ``number``, with the bytes and the near-duplicate group of its own number unless others are named."""
    return SelectedImage(
        order=number,
        ref=ImageRef(image_id=f"{wnid}_{number}", wnid=wnid, container="a.tar", offset=0, size=1),
        facts=ImageFacts(
            width=300,
            height=300,
            bytes=1,
            sha256=f"{others.get('content', number):064x}",
            phash="0" * 16,
            complexity=1.0,
            format="JPEG",
            gzipped=False,
            greyscale=False,
            sharpness=100.0,
            normalised=(),
        ),
        split="train" if holdout == "none" else "benchmark",
        holdout=holdout,
        stratum="low",
        weight=1.0,
        blurred=False,
        duplicate_group=f"{CLASSES[0]}_{others.get('group', number)}",
    )


def leaks(tmp_path: Path, *images: SelectedImage) -> list[Leak]:
    write_rows(tmp_path / "selection.parquet", images, SelectedImage)
    return list(find_leaks(tmp_path / "selection.parquet"))


def test_a_held_out_image_of_a_trained_class_is_no_leak(tmp_path: Path) -> None:
    assert leaks(tmp_path, image(1), image(2, "image")) == []


@pytest.mark.parametrize("holdout", ["synset", "subtree"])
def test_a_held_out_class_may_not_be_trained_on(holdout: Holdout, tmp_path: Path) -> None:
    assert leaks(tmp_path, image(1), image(2, holdout)) == [Leak(f"{CLASSES[0]}_2", "synset")]
    assert leaks(tmp_path, image(1), image(2, holdout, CLASSES[1])) == []


def test_the_same_bytes_in_train_are_a_leak(tmp_path: Path) -> None:
    assert leaks(tmp_path, image(1), image(2, "image", content=1)) == [Leak(f"{CLASSES[0]}_2", "bytes")]


def test_a_near_duplicate_in_train_is_a_leak(tmp_path: Path) -> None:
    assert leaks(tmp_path, image(2, "image", group=1), image(1)) == [Leak(f"{CLASSES[0]}_2", "near_duplicate")]


def test_duplicates_inside_a_split_are_no_leak(tmp_path: Path) -> None:
    assert leaks(tmp_path, image(1, "image", group=1), image(2, "image", group=1), image(3), image(4, group=3)) == []


def test_a_selection_that_leaks_is_refused_with_the_image_s_name(tmp_path: Path) -> None:
    leaks(tmp_path, image(1), image(2, "image", content=1))
    with pytest.raises(ConservationError, match=rf"{CLASSES[0]}_2 leaks into train \(bytes\)"):
        check_holdout(tmp_path / "selection.parquet")


IMAGES = st.builds(
    lambda holdout, wnid, content, group: (holdout, wnid, content, group),
    st.sampled_from(["none", "image", "synset"]),
    st.sampled_from(CLASSES),
    st.integers(0, 5),
    st.integers(0, 5),
)


@given(st.lists(IMAGES, max_size=8))
def test_leaks_are_those_of_comparing_all_pairs(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[Holdout, str, int, int]]
) -> None:
    images = [
        image(number, holdout, wnid, content=content, group=group)
        for number, (holdout, wnid, content, group) in enumerate(drawn)
    ]
    expected = set()
    for held in images:
        for trained in images:
            if held.split == "benchmark" and trained.split == "train":
                shared = {
                    "bytes": held.facts.sha256 == trained.facts.sha256,
                    "near_duplicate": held.duplicate_group == trained.duplicate_group,
                    "synset": held.holdout == "synset" and held.ref.wnid == trained.ref.wnid,
                }
                expected |= {Leak(held.ref.image_id, kind) for kind, is_shared in shared.items() if is_shared}
    assert set(leaks(tmp_path_factory.mktemp("leaks"), *images)) == expected
