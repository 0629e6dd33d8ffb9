"""Words are those of rouge-score where that package has any, and those of every other script besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import tokenize as rouge

from eval.metrics.tokens import tokenize


@given(st.text(st.characters(max_codepoint=127)))
def test_on_ascii_the_words_are_those_of_rouge_score(text: str) -> None:
    assert tokenize(text) == rouge.tokenize(text, stemmer=None)


@given(st.text())
def test_words_are_the_same_in_any_case_of_ascii_and_never_empty(text: str) -> None:
    words = tokenize(text)
    assert all(words)
    assert tokenize(" ".join(words)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\t", []),
        ("!?.., —", []),
        ("Café au lait", ["café", "au", "lait"]),
        ("Cafe\u0301", ["café"]),
        ("ＦＵＬＬ ｗｉｄｔｈ", ["full", "width"]),
        ("собака бежит", ["собака", "бежит"]),
        ("كلب كبير", ["كلب", "كبير"]),
        ("कुत्ता", ["कुत्ता"]),
        ("一只狗", ["一", "只", "狗"]),
        ("犬がいる", ["犬", "が", "い", "る"]),
        ("개가 달린다", ["개가", "달린다"]),
        ("3 dogs狗2", ["3", "dogs", "狗", "2"]),
        ("🐕 dog", ["dog"]),
        ("❤\ufe0f", []),
        ("1\ufe0f\u20e3 dog ✔\ufe0f", ["1", "dog"]),
        ("葛\U000e0100", ["葛"]),
        ("\u0301 a", ["a"]),
    ],
)
def test_every_script_has_words(text: str, words: list[str]) -> None:
    assert tokenize(text) == words
