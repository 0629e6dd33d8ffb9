"""Which classes are drawn from: by release, by name, without what is excluded, leaves only."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.selection.classes import (
    PERSON,
    PILOT,
    candidates_needed,
    check_domains,
    classes_of,
    judge_class,
    wanted_classes,
)
from pipeline.taxonomy import load_taxonomy
from schemas.config import ClassList, DomainShare, SelectionConfig
from schemas.errors import ConfigError
from schemas.rejection import RejectReason

TAXONOMY = load_taxonomy()
EVERYTHING = SelectionConfig(exclude_subtrees=(), exclude_synsets=())
TENCH, FISH, CAT, TABBY = "n01440764", "n02512053", "n02121620", "n02123045"


@pytest.mark.parametrize(
    ("release", "classes"),
    [
        ("fall11", 21_841),
        ("winter21", 19_110),
        ("fall11-p", 11_221),
        ("winter21-p", 10_450),
        ("12k", 11_821),
        ("1k", 1000),
    ],
)
def test_the_lists_are_as_long_as_the_releases(release: ClassList, classes: int) -> None:
    assert len(classes_of(TAXONOMY, release)) == classes
    wanted = wanted_classes(TAXONOMY, EVERYTHING.model_copy(update={"class_list": release}))
    assert wanted == classes_of(TAXONOMY, release)


def test_without_people_winter21_and_fall11_are_the_same() -> None:
    both = [wanted_classes(TAXONOMY, SelectionConfig(class_list=release)) for release in ("fall11", "winter21")]
    assert both[0] == both[1]
    assert not both[0] & TAXONOMY.subtree(PERSON)


def test_winter21_keeps_the_people_that_are_known_to_be_in_it() -> None:
    people = classes_of(TAXONOMY, "winter21") & TAXONOMY.subtree(PERSON)
    assert people == classes_of(TAXONOMY, "winter21-p") & TAXONOMY.subtree(PERSON)
    assert len(people) == 105


def test_no_wanted_class_lies_below_a_leaf() -> None:
    leaves = wanted_classes(TAXONOMY, EVERYTHING.model_copy(update={"leaf_only": True, "class_list": "fall11"}))
    assert not any(TAXONOMY.ancestors(wnid) & leaves for wnid in leaves)
    assert len(leaves) == 17_253


def test_a_class_is_a_leaf_among_the_wanted_classes() -> None:
    judge = judge_class(TAXONOMY, SelectionConfig(leaf_only=True, classes=(FISH, TENCH, CAT)))
    assert judge(FISH) is RejectReason.NOT_A_LEAF
    assert judge(TENCH) is judge(CAT) is None
    assert judge(TABBY) is RejectReason.EXCLUDED_SYNSET
    without = SelectionConfig(leaf_only=True, classes=(FISH, TENCH), exclude_synsets=(TENCH,))
    assert judge_class(TAXONOMY, without)(FISH) is None


def test_a_list_and_a_release_together_give_what_is_in_both() -> None:
    wanted = wanted_classes(TAXONOMY, SelectionConfig(class_list="1k", classes=(FISH, TENCH)))
    assert wanted == {TENCH}


def test_an_excluded_subtree_is_excluded_whole() -> None:
    judge = judge_class(TAXONOMY, SelectionConfig(exclude_subtrees=(FISH,)))
    assert all(judge(wnid) is not None for wnid in TAXONOMY.subtree(FISH))
    assert judge(TABBY) is None


def test_a_class_that_no_release_holds_is_unknown() -> None:
    judge = judge_class(TAXONOMY, SelectionConfig())
    assert judge("n99999999") is judge("n00001740") is RejectReason.UNKNOWN_SYNSET


def test_a_configuration_that_excludes_all_that_it_asks_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="people are excluded by default"):
        judge_class(TAXONOMY, SelectionConfig(classes=(PERSON,)))
    with pytest.raises(ConfigError, match="all classes that are asked for are excluded"):
        judge_class(TAXONOMY, SelectionConfig(classes=(FISH,), class_list="1k"))


def test_an_unread_file_of_classes_is_not_passed_over() -> None:
    with pytest.raises(ConfigError, match=r"mine\.txt: was not read"):
        judge_class(TAXONOMY, SelectionConfig(classes_file=Path("mine.txt")))


def test_an_unknown_domain_is_answered_with_the_known_ones() -> None:
    config = SelectionConfig(domains={"animals": DomainShare(cap=0.5)})
    with pytest.raises(ConfigError, match=r"unknown domain 'animals'; the domains are activity, animal, artifact"):
        check_domains(TAXONOMY, config)


def test_floors_may_fill_the_whole_and_no_more() -> None:
    floors = {"animal": 0.7, "food": 0.1, "plant": 0.1, "artifact": 0.1}
    domains = {name: DomainShare(floor=floor) for name, floor in floors.items()}
    check_domains(TAXONOMY, SelectionConfig(domains=domains))
    with pytest.raises(ConfigError, match=r"floors add up to 1\.2"):
        check_domains(TAXONOMY, SelectionConfig(domains={**domains, "fungus": DomainShare(floor=0.2)}))


def test_more_candidates_are_looked_at_when_complexity_is_balanced() -> None:
    config = SelectionConfig(images=24_000)
    plain = config.model_copy(update={"balance_complexity": False})
    # 24 of a class: eight windows of twelve, and three in ten to spare
    assert candidates_needed(config, 1000) == 125
    assert candidates_needed(plain, 1000) == 32


def test_of_few_classes_the_pilot_needs_many_candidates() -> None:
    assert candidates_needed(SelectionConfig(images=4), 4) == 2 * PILOT // 4
