"""Held-out images: by subtree, by synset, by image, and never apart from their near-duplicates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.selection.splits import hold_groups_together, judge_holdout
from pipeline.taxonomy import load_taxonomy
from schemas.config import HoldoutConfig
from schemas.errors import ConfigError
from schemas.image import Holdout

TENCH, GOLDFISH, TABBY = "n01440764", "n01443537", "n02123045"
FISH = "n02512053"


def shares(synset: float = 0.0, image: float = 0.0) -> HoldoutConfig:
    return HoldoutConfig(synset_share=synset, image_share=image)


def test_everything_below_a_held_out_subtree_is_held_out() -> None:
    judge = judge_holdout(load_taxonomy(), HoldoutConfig(subtrees=(FISH,), synset_share=0.0, image_share=0.0), 0)
    assert judge(f"{TENCH}_1", TENCH) == judge(f"{GOLDFISH}_1", GOLDFISH) == "subtree"
    assert judge(f"{TABBY}_1", TABBY) == "none"


def test_an_unknown_subtree_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="n99999999"):
        judge_holdout(load_taxonomy(), HoldoutConfig(subtrees=("n99999999",)), 0)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.9])
def test_the_shares_held_out_are_those_asked_for(share: float) -> None:
    synsets = judge_holdout(load_taxonomy(), shares(synset=share), 0)
    images = judge_holdout(load_taxonomy(), shares(image=share), 0)
    names = [f"n{number:08}" for number in range(20_000)]
    assert sum(synsets(f"{name}_1", name) == "synset" for name in names) / 20_000 == pytest.approx(share, abs=0.015)
    assert sum(images(f"{name}_1", name) == "image" for name in names) / 20_000 == pytest.approx(share, abs=0.015)


def test_a_held_out_synset_is_held_out_whole() -> None:
    judge = judge_holdout(load_taxonomy(), shares(synset=0.5), 0)
    for name in [f"n{number:08}" for number in range(50)]:
        assert len({judge(f"{name}_{number}", name) for number in range(20)}) == 1


def test_another_seed_holds_out_others() -> None:
    names = [f"n{number:08}_1" for number in range(1000)]
    held = [
        {name for name in names if judge_holdout(load_taxonomy(), shares(image=0.2), seed)(name, name[:9]) == "image"}
        for seed in (0, 1)
    ]
    assert held[0] != held[1]


HOLDOUTS: st.SearchStrategy[list[tuple[Holdout, str]]] = st.lists(
    st.tuples(st.sampled_from(["none", "none", "image", "synset", "subtree"]), st.sampled_from("abcd"))
)


@given(HOLDOUTS)
def test_near_duplicates_are_never_apart(images: list[tuple[Holdout, str]]) -> None:
    before, groups = [holdout for holdout, _ in images], [group for _, group in images]
    after = hold_groups_together(before, groups)
    train = {group for holdout, group in zip(after, groups, strict=True) if holdout == "none"}
    benchmark = {group for holdout, group in zip(after, groups, strict=True) if holdout != "none"}
    assert not train & benchmark
    # and nothing that was held out has come back
    assert all(old in (new, "none") for new, old in zip(after, before, strict=True))
