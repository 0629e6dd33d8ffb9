"""From the tokens alone it is known how long the thinking is, and whether a budget closed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.thinking import is_forced, split_tokens

OPENING, CLOSING = (91, 92), (91, 93, 94)
"""Of several tokens that begin alike, as Kimi's do."""

words = st.lists(st.sampled_from([1, 2, 91, 94]), max_size=12)
"""Never a whole marker: both need 92 or 93."""


@given(words, words)
def test_thinking_and_what_follows_are_counted_without_their_markers(thinking: list[int], rest: list[int]) -> None:
    assert split_tokens([*OPENING, *thinking, *CLOSING, *rest], OPENING, CLOSING) == (len(thinking), len(rest))


@given(words, words)
def test_an_opening_marker_may_stand_in_the_prompt(thinking: list[int], rest: list[int]) -> None:
    assert split_tokens([*thinking, *CLOSING, *rest], OPENING, CLOSING) == (len(thinking), len(rest))


@given(words)
def test_thinking_that_is_never_closed_goes_to_the_end(thinking: list[int]) -> None:
    assert split_tokens([*OPENING, *thinking], OPENING, CLOSING) == (len(thinking), 0)


@given(words, words)
def test_where_nothing_opens_the_thinking_it_begins_with_the_text(thinking: list[int], rest: list[int]) -> None:
    assert split_tokens([*thinking, *CLOSING, *rest], (), CLOSING) == (len(thinking), len(rest))
    assert split_tokens(thinking, (), CLOSING) == (0, len(thinking))
    assert is_forced([*thinking, *CLOSING], (), CLOSING, len(thinking))


@given(words)
def test_without_markers_nothing_is_thinking(text: list[int]) -> None:
    assert split_tokens(text, OPENING, CLOSING) == (0, len(text))


@pytest.mark.parametrize(("budget", "forced"), [(None, False), (4, False), (3, True), (1, True)])
def test_a_close_is_forced_when_the_thinking_used_its_budget_up(budget: int | None, forced: bool) -> None:
    assert is_forced([*OPENING, 1, 2, 1, *CLOSING, 2], OPENING, CLOSING, budget) is forced


def test_thinking_that_the_budget_left_open_was_not_closed_by_it() -> None:
    assert not is_forced([*OPENING, 1, 2, 1], OPENING, CLOSING, 2)
