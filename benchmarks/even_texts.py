"""A logits processor under which every text is a valid pair, of noise, and of a length that its seed alone decides.

vLLM loads it into its own processes by name, so that both ways of a race have the same work to do, token by token.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoTokenizer
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

THINKING_SHARE = 0.75
"""Of a text's tokens; the rest is the answer."""


class EvenTexts(LogitsProcessor):  # type: ignore[misc]  # vLLM is no part of the core installation
    """Lets the model choose among ordinary tokens, and puts GLM's markers where they belong."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:  # noqa: ARG002, FBT001 - vLLM's
        tokenizer = AutoTokenizer.from_pretrained(vllm_config.model_config.tokenizer)
        markers = ["<think>", "</think>", "<answer>", "</answer>"]
        self._markers: list[int] = tokenizer.convert_tokens_to_ids(markers)
        self._special = torch.tensor(sorted(tokenizer.added_tokens_decoder), device=device)
        self._texts: dict[int, tuple[tuple[int, ...], list[int]]] = {}

    def is_argmax_invariant(self) -> bool:
        """No: it decides tokens."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow requests through the batch."""
        process_dict_updates(self._texts, batch_update, _follow)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Forbid special tokens, or prescribe the one whose turn it is."""
        logits[:, self._special] = float("-inf")
        for row, (places, written) in self._texts.items():
            if len(written) in places:
                logits[row] = float("-inf")
                logits[row, self._markers[places.index(len(written))]] = 0.0
        return logits


def marker_places(limit: int, seed: int) -> tuple[int, ...]:
    """Where in a text of half of its limit or more thinking opens and closes, and the answer does.

    The end is the last but one token of what is left of the limit: a text that reached it would count as cut off.

    >>> marker_places(64, seed=0), marker_places(64, seed=31)
    ((0, 23, 24, 30), (0, 46, 47, 61))
    """
    length = limit // 2 + seed % (limit // 2)
    answer = int(length * THINKING_SHARE)
    return 0, answer - 1, answer, length - 2


def _follow(params: SamplingParams, _: list[int] | None, written: list[int]) -> tuple[tuple[int, ...], list[int]]:
    return marker_places(params.max_tokens, params.seed), written
