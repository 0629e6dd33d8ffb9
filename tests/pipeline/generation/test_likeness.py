"""Texts are told apart by the words that are not everybody's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.generation.likeness import find_nearest

OPENING = "So, let us look at this picture step by step. First, the main subject is"
TEXTS = {
    "dog": f"{OPENING} a brown dog that lies on a green lawn beside a ball.",
    "bus": f"{OPENING} a red bus that waits at a stop in heavy rain.",
    "cup": f"{OPENING} a white cup of coffee on a wooden table.",
    "sea": f"{OPENING} the open sea under grey clouds, with one small boat.",
}


def test_another_wording_of_a_text_is_nearest_to_it() -> None:
    assert find_nearest("Got it. The picture shows a red double-decker bus, which waits in the rain.", TEXTS) == "bus"


def test_words_that_all_texts_open_with_say_nothing() -> None:
    assert find_nearest(OPENING, TEXTS) is None


def test_garbage_is_near_to_none() -> None:
    assert find_nearest("!!!! ???? \N{REPLACEMENT CHARACTER}", TEXTS) is None


def test_a_text_halfway_between_two_is_near_to_none() -> None:
    assert find_nearest("dog bus", {"one": "dog", "two": "bus", "three": "cup", "four": "sea"}) is None


def test_texts_that_are_the_same_are_one() -> None:
    assert (
        find_nearest("a dog", {"one": "dog lawn", "two": "dog lawn", "three": "bus", "four": "cup", "five": "x"})
        == "one"
    )


WORDS = st.sets(
    st.sampled_from(["red", "green", "blue", "dog", "bus", "cup", "sea", "lawn", "rain", "coffee", "boat"]), max_size=6
)
NAMED = st.lists(WORDS.map(sorted).map(" ".join), min_size=1, max_size=5, unique=True).map(
    lambda texts: {str(number): text for number, text in enumerate(texts)}
)


@given(NAMED, st.data())
def test_a_text_is_never_taken_for_another_picture_s(texts: dict[str, str], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(texts)))
    assert find_nearest(texts[key], texts) in (None, key)


@given(NAMED, WORDS.map(" ".join))
def test_the_order_of_the_pictures_does_not_matter(texts: dict[str, str], text: str) -> None:
    assert find_nearest(text, texts) == find_nearest(text, dict(reversed(texts.items())))


@given(st.sets(st.text("abcdefgh", min_size=1), min_size=2, max_size=6).map(sorted))
def test_texts_without_a_common_word_are_nearest_to_themselves(words: list[str]) -> None:
    texts = {word: f"the {word} picture" for word in words}
    assert [find_nearest(text, texts) for text in texts.values()] == words
