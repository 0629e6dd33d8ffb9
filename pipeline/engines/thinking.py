"""How long the thinking is, and whether a budget closed it, told from the tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence


def is_forced(tokens: Sequence[int], opening: Sequence[int], closing: Sequence[int], budget: int | None) -> bool:
    """Whether the thinking was closed because it had used up its budget.

    vLLM counts the tokens after the last opening marker, wherever that is, and writes the closing one when the budget
    is reached (its ``ThinkingBudgetState``), so a thinking that is that long did not end by itself.

    Args:
        tokens: ids of the text.
        opening: ids of the marker that opens the thinking; none where it begins with the text.
        closing: ids of the one that closes it.
        budget: tokens of thinking that were allowed.

    >>> is_forced([7, 1, 2, 3, 8, 5], [7], [8], 3), is_forced([7, 1, 2, 8, 5], [7], [8], 3)
    (True, False)
    """
    if budget is None:
        return False
    end = _find(tokens, closing, 0)
    while end >= 0:
        begin = _find_end_of_last(tokens, opening, end)
        if begin >= 0 and end - begin >= budget:
            return True
        end = _find(tokens, closing, end + 1)
    return False


def split_tokens(tokens: Sequence[int], opening: Sequence[int], closing: Sequence[int]) -> tuple[int, int]:
    """How many tokens of a text are thinking, and how many follow it; its two markers are neither.

    The thinking ends at the first closing marker, and begins after the last opening one before it or, where a template
    has written that one already, with the text. Without any marker nothing is thinking.

    Args:
        tokens: ids of the text.
        opening: ids of the marker that opens the thinking; none where it begins with the text.
        closing: ids of the one that closes it.

    >>> split_tokens([7, 1, 2, 3, 8, 5], [7], [8]), split_tokens([1, 2], [7], [8]), split_tokens([7, 1], [7], [8])
    ((3, 1), (0, 2), (1, 0))
    """
    end = _find(tokens, closing, 0)
    if end >= 0:
        begin = max(0, _find_end_of_last(tokens, opening, end))
        return end - begin, len(tokens) - end - len(closing)
    begin = _find(tokens, opening, 0)
    return (len(tokens) - begin - len(opening), 0) if begin >= 0 else (0, len(tokens))


def _find(tokens: Sequence[int], marker: Sequence[int], start: int) -> int:
    if not marker:
        return -1
    with contextlib.suppress(ValueError):  # of index(), which is far faster than a loop over thousands of tokens
        while not _stands_at(tokens, marker, at := tokens.index(marker[0], start)):
            start = at + 1
        return at
    return -1


def _find_end_of_last(tokens: Sequence[int], marker: Sequence[int], end: int) -> int:
    if not marker:
        return 0
    places = range(end - len(marker), -1, -1)
    return next((at + len(marker) for at in places if _stands_at(tokens, marker, at)), -1)


def _stands_at(tokens: Sequence[int], marker: Sequence[int], at: int) -> bool:
    return tuple(tokens[at : at + len(marker)]) == tuple(marker)
