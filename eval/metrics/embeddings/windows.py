"""Long texts in windows that a model can take, and windows in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

BATCH_TOKENS = 8192
"""Tokens, padding included, that a model gets at once: some hundred megabytes of activations in a large encoder."""


class Window(NamedTuple):
    """Some consecutive tokens of one text, as a model takes them."""

    text: int
    """Place of the text among those that were cut together."""
    ids: list[int]
    """With the special tokens that the tokenizer puts before and after."""
    start: int
    """Where among them the text's own tokens begin ..."""
    stop: int
    """... and end."""


def cut_windows(tokenizer: Any, texts: Sequence[str], size: int, overlap: int) -> list[Window]:
    """Split texts into windows, those of one text in order; a text without tokens has none.

    Args:
        tokenizer: one of transformers' fast ones.
        texts: of any length.
        size: tokens of a window, the special ones included; all windows of a text but the last are full.
        overlap: tokens of the text that a window shares with the next.
    """
    if not texts:
        return []
    cut = tokenizer(
        list(texts),
        truncation=True,
        max_length=size,
        stride=overlap,
        return_overflowing_tokens=True,
        return_special_tokens_mask=True,
        verbose=False,
    )
    windows = []
    for text, ids, added in zip(
        cut["overflow_to_sample_mapping"], cut["input_ids"], cut["special_tokens_mask"], strict=True
    ):
        if not all(added):
            windows.append(Window(int(text), ids, added.index(0), len(added) - added[::-1].index(0)))
    return windows


def share_out(windows: Sequence[Window], overlap: int) -> list[slice]:
    """Which tokens count in each window, so that each token of a text counts once.

    Where two windows overlap, each keeps the half that it sees with more context. Special tokens count where the text
    begins and where it ends.
    """
    shares = []
    for place, window in enumerate(windows):
        is_first = place == 0 or windows[place - 1].text != window.text
        is_last = place + 1 == len(windows) or windows[place + 1].text != window.text
        start = 0 if is_first else window.start + overlap // 2
        stop = len(window.ids) if is_last else window.stop - (overlap - overlap // 2)
        shares.append(slice(start, stop))
    return shares


def batches(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Places of windows that go through a model together: the longest first, so that little is padded."""
    batch: list[int] = []
    for place in sorted(range(len(windows)), key=lambda place: (-len(windows[place].ids), place)):
        if batch and (len(batch) + 1) * len(windows[batch[0]].ids) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def pad(windows: Sequence[Window], padding: int, device: Any) -> dict[str, Any]:
    """Windows as a model's input: ``input_ids`` and ``attention_mask``, tensors of shape (windows, longest)."""
    import torch  # noqa: PLC0415 - only in the embeddings extra

    longest = max(len(window.ids) for window in windows)
    ids = [window.ids + [padding] * (longest - len(window.ids)) for window in windows]
    mask = [[1] * len(window.ids) + [0] * (longest - len(window.ids)) for window in windows]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }
