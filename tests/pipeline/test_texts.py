"""Texts are compared by their words, and shown without being obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.texts import jaccard, reveal, words_of


def test_likeness_is_the_share_of_the_words_that_both_have() -> None:
    one, other = words_of("A red ball, a Dog."), words_of("a ball and a cat")
    assert one == {"a", "red", "ball", "dog"}
    assert jaccard(one, other) == 2 / 6


def test_two_texts_without_words_are_not_alike() -> None:
    assert jaccard(words_of("..."), words_of("")) == 0


@given(st.text(), st.text())
def test_likeness_lies_between_nothing_and_one_and_does_not_depend_on_the_order(one: str, other: str) -> None:
    likeness = jaccard(words_of(one), words_of(other))
    assert 0 <= likeness <= 1
    assert likeness == jaccard(words_of(other), words_of(one))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("over\rwritten\x08", r"over\rwritten\x08"),
        ("exe\u202egpj", r"exe\u202egpj"),
        ("a\u2028b\x00\x7f", r"a\u2028b\x00\x7f"),
        ("two\n\tlines", "two\n\tlines"),
        ("👩\u200d🔬 – 写真 ü", "👩\u200d🔬 – 写真 ü"),
    ],
)
def test_what_would_be_obeyed_is_written_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert reveal(text) == shown


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = reveal(text)
    assert not [each for each in shown if unicodedata.category(each) == "Cc" and each not in "\n\t"]
    assert reveal(shown) == shown
