"""Whether a thinking budget closed the thinking, told from the tokens."""

from __future__ import annotations

from collections.abc import Sequence


def is_forced(tokens: Sequence[int], opening: Sequence[int], closing: Sequence[int], budget: int | None) -> bool:
    """Whether the thinking was closed because it had used up its budget.

    vLLM counts the tokens after the last opening marker, wherever that is, and writes the closing one when the budget
    is reached (its ``ThinkingBudgetState``), so a thinking that is that long did not end by itself.

    Args:
        tokens: ids of the text.
        opening: ids of the marker that opens the thinking.
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


def _find(tokens: Sequence[int], marker: Sequence[int], start: int) -> int:
    places = range(start, len(tokens) - len(marker) + 1)
    return next((at for at in places if _stands_at(tokens, marker, at)), -1)


def _find_end_of_last(tokens: Sequence[int], marker: Sequence[int], end: int) -> int:
    places = range(end - len(marker), -1, -1)
    return next((at + len(marker) for at in places if _stands_at(tokens, marker, at)), -1)


def _stands_at(tokens: Sequence[int], marker: Sequence[int], at: int) -> bool:
    return tuple(tokens[at : at + len(marker)]) == tuple(marker)
