"""What a text says of a class: the class itself, something above it, something beside it, or nothing."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.classes import NO_NAMES, NOTHING, ClassFinder, ClassMention
from eval.metrics.phrases import singular, to_phrase
from pipeline.taxonomy import load_taxonomy
from schemas.errors import ConfigError

TENCH, DOG, HUSKY, TABBY, SEA_SLUG, TREE_FROG = (
    "n01440764",
    "n02084071",
    "n02110185",
    "n02123045",
    "n01950731",
    "n01644373",
)
COLLIE, STRAWBERRY, WOLF = "n02106030", "n07745940", "n02114100"
PORTIERE, BATHER = "n03986857", "n09843602"
MAN, BUN, NECKTIE, LINE = "n10287213", "n07680932", "n03815615", "n03670849"
ATOM_BOMB, OPERATING_ROOM = "n02753044", "n03850245"
FINDER = ClassFinder(load_taxonomy())
CLASSES = [wnid for wnid in load_taxonomy() if load_taxonomy().label(wnid) is not None]

SAME = pytest.approx


@pytest.mark.parametrize(
    ("wnid", "text"),
    [
        (TENCH, "A tench."),
        (TENCH, "It is TINCA TINCA, I think"),
        (SEA_SLUG, "two sea slugs on a rock"),
        (SEA_SLUG, "two sea-slugs on a rock"),
        (HUSKY, "Siberian huskies pull a sled"),
        (COLLIE, "Collies herd"),
        (STRAWBERRY, "fresh strawberries"),
        (WOLF, "wolves at night"),
        (TABBY, "the tabby’s tail"),
        (PORTIERE, "a portière in a doorway"),
    ],
)
def test_any_lemma_in_singular_or_plural_names_the_class(wnid: str, text: str) -> None:
    assert FINDER.find(wnid, text) == ClassMention(exact=True, ancestor=False, sibling=False, closeness=1.0)


def test_a_lemma_above_the_class_is_an_ancestor_the_closer_the_deeper() -> None:
    # Depths in nodes: tench 17, cyprinid 16, fish 11
    cyprinid, fish = (FINDER.find(TENCH, text) for text in ("a cyprinid", "a fish"))
    assert cyprinid == ClassMention(exact=False, ancestor=True, sibling=False, closeness=2 * 16 / (17 + 16))
    assert fish == ClassMention(exact=False, ancestor=True, sibling=False, closeness=2 * 11 / (17 + 11))


def test_a_lemma_of_another_class_below_the_same_parent_is_a_sibling() -> None:
    # Tench and carp both have 17 nodes, their parent cyprinid 16
    found = FINDER.find(TENCH, "a carp")
    assert found == ClassMention(exact=False, ancestor=False, sibling=True, closeness=2 * 16 / (17 + 17))


def test_closeness_is_that_of_the_nearest_synset_named() -> None:
    alone = FINDER.find(TENCH, "a cyprinid").closeness
    assert FINDER.find(TENCH, "a fish, a carp, a cyprinid") == ClassMention(
        exact=False, ancestor=True, sibling=True, closeness=alone
    )
    assert FINDER.find(TENCH, "a fish, a tench").closeness == 1.0


@pytest.mark.parametrize("text", ["an object", "a living thing", "some organism", "an artifact", "the entity"])
def test_synsets_that_hold_nearly_everything_do_not_count(text: str) -> None:
    assert FINDER.find(TENCH, text) == NOTHING


@pytest.mark.parametrize("text", ["", " ", "?!", "魚", "a bicycle", "hotdogs", "dogmatic", "fishing"])
def test_nothing_is_found_in_a_text_without_a_name_and_not_in_the_midst_of_a_word(text: str) -> None:
    assert FINDER.find(DOG, text) == NOTHING
    assert FINDER.find(TENCH, text) == NOTHING


def test_a_name_inside_a_longer_one_of_something_else_is_no_mention() -> None:
    assert FINDER.find(DOG, "a hot dog in a bun") == NOTHING
    assert FINDER.find(DOG, "a hot dog and a dog").exact


@pytest.mark.parametrize(
    ("wnid", "text"),
    [(MAN, "a man's hat"), (BUN, "a roll on a plate"), (NECKTIE, "a tie in dark blue"), (LINE, "a line across")],
)
def test_a_name_next_to_a_small_word_is_a_mention_though_a_longer_name_is_written_so(wnid: str, text: str) -> None:
    assert FINDER.find(wnid, text).exact  # men's, roll-on, tie-in, A-line


@pytest.mark.parametrize(("wnid", "name"), [(ATOM_BOMB, "atom bomb"), (OPERATING_ROOM, "operating room")])
def test_a_lemma_that_reads_as_a_small_word_is_not_looked_for(wnid: str, name: str) -> None:
    assert FINDER.find(wnid, f"an {name}").exact
    assert not FINDER.find(wnid, "a bomb or a room").exact


def test_a_name_inside_that_of_a_kind_of_it_is_a_mention() -> None:
    assert FINDER.find(HUSKY, "a hunting dog") == FINDER.find(HUSKY, "a dog")
    assert FINDER.find(HUSKY, "a dog").ancestor


def test_people_are_persons() -> None:
    assert FINDER.find(BATHER, "people on a beach") == FINDER.find(BATHER, "a person on a beach")
    assert FINDER.find(BATHER, "a person").ancestor


def test_of_overlapping_names_that_count_the_longest_wins() -> None:
    assert not FINDER.find(TREE_FROG, "a tree frog").ancestor
    assert FINDER.find(TREE_FROG, "a tree frog, which is a frog").ancestor


def test_a_name_that_the_class_shares_with_a_neighbour_is_its_own() -> None:
    tree_toad = "n01650167"  # "tree frog" is its second lemma
    assert FINDER.find(tree_toad, "a tree frog") == FINDER.find(TREE_FROG, "a tree frog")


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ConfigError, match="n00000000"):
        FINDER.find("n00000000", "a dog")


@given(st.sampled_from(CLASSES), st.text(max_size=20), st.text(max_size=20))
def test_every_class_is_found_by_each_of_its_lemmas_within_any_text(wnid: str, before: str, after: str) -> None:
    for lemma in load_taxonomy()[wnid].lemmas:
        if to_phrase(lemma)[0] in NO_NAMES:
            continue
        found = FINDER.find(wnid, f"{before} xyzzy {lemma} xyzzy {after}")
        assert found.exact
        assert found.closeness == 1.0


@given(st.sampled_from(CLASSES), st.sampled_from(CLASSES))
def test_a_closeness_says_that_something_was_named_and_is_1_for_the_class_alone(wnid: str, other: str) -> None:
    found = FINDER.find(wnid, f"A picture of a {load_taxonomy()[other].lemmas[0]}.")
    assert (found.closeness > 0) == (found.exact or found.ancestor or found.sibling)
    assert (found.closeness == 1.0) == found.exact


def test_a_finder_travels_between_processes() -> None:
    finder = pickle.loads(pickle.dumps(FINDER))
    assert finder.find(TENCH, "a carp") == FINDER.find(TENCH, "a carp")


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"),
        ("box", "boxes"),
        ("horse", "horses"),
        ("glass", "glasses"),
        ("iris", "irises"),
        ("cactus", "cactuses"),
        ("cactus", "cacti"),
        ("berry", "berries"),
        ("pie", "pies"),
        ("cookie", "cookies"),
        ("collie", "collies"),
        ("shoe", "shoes"),
        ("potato", "potatoes"),
        ("canoe", "canoes"),
        ("lens", "lenses"),
        ("match", "matches"),
        ("fisherman", "fishermen"),
        ("leaf", "leaves"),
        ("glove", "gloves"),
        ("gas", "gases"),
        ("mouse", "mice"),
        ("dormouse", "dormice"),
        ("goose", "geese"),
        ("bookshelf", "bookshelves"),
        ("louse", "lice"),
        ("man", "men"),
        ("corgi", "corgis"),
        ("caribou", "caribous"),
        ("emu", "emus"),
        ("house", "houses"),
        ("bus", "buses"),
        ("atlas", "atlases"),
        ("rhinoceros", "rhinoceroses"),
    ],
)
def test_the_plural_has_the_form_of_the_singular(one: str, many: str) -> None:
    assert singular(one) == singular(many)


@pytest.mark.parametrize(
    ("one", "other"), [("does", "doe"), ("his", "hi"), ("dens", "dense"), ("to", "toe"), ("slice", "louse")]
)
def test_words_that_only_look_like_a_plural_stay_apart(one: str, other: str) -> None:
    assert singular(one) != singular(other)


@given(st.text(max_size=40))
def test_a_phrase_has_a_form_for_each_word_and_none_is_empty(text: str) -> None:
    assert all(to_phrase(text))
