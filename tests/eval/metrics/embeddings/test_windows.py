from __future__ import annotations

from collections import defaultdict

import hypothesis.strategies as st
from hypothesis import given

from eval.metrics.embeddings.windows import BATCH_TOKENS, Window, batches, share_out

BEGIN, END = -1, -2
"""Stand for the special tokens that a tokenizer puts around each window."""


def cut(lengths: list[int], own: int, overlap: int) -> list[Window]:
    """As a fast tokenizer cuts: a text's tokens are its numbers from 0."""
    windows = []
    for text, length in enumerate(lengths):
        start = 0
        while start < length:
            tokens = list(range(start, min(start + own, length)))
            windows.append(Window(text, [BEGIN, *tokens, END], 1, 1 + len(tokens)))
            if start + own >= length:
                break
            start += own - overlap
    return windows


@given(st.data())
def test_every_token_counts_once_and_in_order_between_one_beginning_and_one_end(data: st.DataObject) -> None:
    own = data.draw(st.integers(1, 20))
    overlap = data.draw(st.integers(0, own - 1))
    lengths = data.draw(st.lists(st.integers(0, 100), max_size=5))
    windows = cut(lengths, own, overlap)
    counted: dict[int, list[int]] = defaultdict(list)
    for window, share in zip(windows, share_out(windows, overlap), strict=True):
        counted[window.text] += window.ids[share]
    assert counted == {text: [BEGIN, *range(length), END] for text, length in enumerate(lengths) if length}


def test_a_token_counts_where_it_has_most_context() -> None:
    windows = cut([16], own=10, overlap=4)
    first, second = (window.ids[share] for window, share in zip(windows, share_out(windows, 4), strict=True))
    assert first == [BEGIN, *range(8)]
    assert second == [*range(8, 16), END]


@given(st.lists(st.integers(1, 600), max_size=60))
def test_every_window_is_in_one_batch_and_no_batch_is_too_large(lengths: list[int]) -> None:
    windows = [Window(0, [0] * length, 0, length) for length in lengths]
    made = list(batches(windows))
    assert sorted(place for batch in made for place in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[place] for place in batch) <= BATCH_TOKENS for batch in made)


def test_a_window_larger_than_a_batch_goes_alone() -> None:
    windows = [Window(0, [0] * length, 0, length) for length in (BATCH_TOKENS + 1, 5)]
    assert list(batches(windows)) == [[0], [1]]
