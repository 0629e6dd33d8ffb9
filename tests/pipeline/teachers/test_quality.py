from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.teachers.quality import (
    MAX_COMPRESSION,
    MAX_HAN_SHARE,
    MAX_REPEATED_8GRAMS,
    compression,
    han_share,
    is_loop,
    is_wrong_language,
    repeated_8grams,
    score,
)
from tests.pipeline.teachers.texts import ANSWER, CHINESE, SOFT_LOOP, THINKING, VERBATIM_LOOP


@pytest.mark.parametrize("prose", [THINKING, ANSWER, f"{THINKING}\n\n{ANSWER}"])
def test_prose_lies_far_below_the_limits_on_loops(prose: str) -> None:
    assert compression(prose) < 3.3 < MAX_COMPRESSION
    assert repeated_8grams(prose) < 0.07 < MAX_REPEATED_8GRAMS
    assert not is_loop(prose)


@pytest.mark.parametrize("loop", [VERBATIM_LOOP, SOFT_LOOP, "the dog " * 50, "汉" * 500])
def test_loops_lie_far_above_a_limit(loop: str) -> None:
    tail = loop[len(loop) // 2 :]
    assert compression(tail) > 8 or repeated_8grams(tail) > 0.8
    assert is_loop(loop)


def test_a_loop_is_seen_by_its_second_half_where_prose_before_it_hides_it() -> None:
    late_loop = f"{THINKING}\n{ANSWER} " + "The ball is red, and so the ball must be red. " * 40
    assert compression(late_loop) < MAX_COMPRESSION
    assert repeated_8grams(late_loop) < MAX_REPEATED_8GRAMS
    assert is_loop(late_loop)


def test_a_draft_that_the_answer_repeats_once_is_no_loop() -> None:
    assert not is_loop(f"{THINKING}\n{THINKING}")


def test_repeats_beyond_the_compression_window_are_seen_as_8grams() -> None:
    words = [f"{number:05d}" for number in range(2_000)]
    chapters = " ".join(words * 6)
    assert compression(chapters) < MAX_COMPRESSION
    assert repeated_8grams(chapters) == pytest.approx(5 / 6, abs=0.01)


def test_repeated_8grams_counts_those_that_stood_before() -> None:
    assert repeated_8grams("a b c d e f g") == 0
    assert repeated_8grams("a b c d e f g h") == 0
    assert repeated_8grams("a b c d e f g h a b c d e f g h") == pytest.approx(1 / 9)


def test_han_share_is_of_the_letters_alone() -> None:
    assert han_share("") == 0
    assert han_share("café 123 👍") == 0
    assert han_share("汉字 ab, 12!") == pytest.approx(0.5)
    assert han_share("\U0003134f") == 1


def test_english_may_quote_a_sign_but_not_turn_chinese() -> None:
    assert not is_wrong_language(f"{ANSWER} The sign reads 茶.", "en")
    assert is_wrong_language(f"{ANSWER} {CHINESE}", "en")
    assert not is_wrong_language(CHINESE, "zh")
    assert 0 < MAX_HAN_SHARE < 0.05


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_can_be_scored(text: str) -> None:
    scores = score(text)
    assert scores == score(text)
    assert 0 <= scores.repeated_8grams <= 1
    assert 0 <= scores.han_share <= 1
    assert scores.compression >= 0
    assert isinstance(is_loop(text), bool)


def test_a_long_text_with_a_whole_sentence_of_chinese_is_mixed_whatever_its_share() -> None:
    text = "the quick brown fox jumps over the lazy dog " * 800 + "这是一张照片" * 9
    assert han_share(text) < 0.02
    assert is_wrong_language(text, "en")
