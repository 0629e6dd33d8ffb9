# ruff: noqa: INP001 - remote code: copied into checkpoints, never imported from here
"""A tokenizer on a tiktoken vocabulary, with the file, the class and the imports of Moonshot's public repositories.

Where the import of ``bytes_to_unicode`` fails, it fails for the public checkpoint as well: newer transformers keep the
function elsewhere. ``pipeline.engines.vllm.plugins`` mends that.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import ClassVar

import tiktoken
from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode
from transformers.tokenization_utils import PreTrainedTokenizer

PIECES = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""What is tokenized apart: words with the blank before them, numbers, punctuation, white space."""


class TikTokenTokenizer(PreTrainedTokenizer):  # type: ignore[misc]  # transformers is no part of the core
    """Splits text into byte sequences of a ranked vocabulary.

    Within transformers a token is spelled with one printable letter per byte, in GPT-2's way.

    Args:
        vocab_file: lines of a token in base64 and its rank, which is its id.
        kwargs: special tokens and whatever else is transformers' own.
    """

    vocab_files_names: ClassVar = {"vocab_file": "tiktoken.model"}
    model_input_names: ClassVar = ["input_ids", "attention_mask"]

    def __init__(self, vocab_file: str, **kwargs: object) -> None:
        self.vocab_file = vocab_file
        lines = (line.split() for line in Path(vocab_file).read_bytes().splitlines())
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        self.model = tiktoken.Encoding("tiny", pat_str=PIECES, mergeable_ranks=ranks, special_tokens={})
        self._letters = bytes_to_unicode()
        self._bytes = {letter: byte for byte, letter in self._letters.items()}
        self._ids = {"".join(self._letters[byte] for byte in token): rank for token, rank in ranks.items()}
        self._tokens = {rank: token for token, rank in self._ids.items()}
        super().__init__(**kwargs)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones left out."""
        return len(self._ids)

    def get_vocab(self) -> dict[str, int]:
        """Every token's id."""
        return {**self._ids, **self.get_added_vocab()}

    def _tokenize(self, text: str, **_: object) -> list[str]:
        return [self._tokens[rank] for rank in self.model.encode_ordinary(text)]

    def _convert_token_to_id(self, token: str) -> int | None:
        return self._ids.get(token, self.unk_token_id)

    def _convert_id_to_token(self, index: int) -> str | None:
        return self._tokens.get(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Join ordinary tokens; bytes that are not UTF-8 become U+FFFD."""
        return bytes(self._bytes[letter] for letter in "".join(tokens)).decode("utf-8", "replace")

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        """Copy the vocabulary's file."""
        target = Path(save_directory, f"{filename_prefix}-tiktoken.model" if filename_prefix else "tiktoken.model")
        if target.resolve() != Path(self.vocab_file).resolve():
            shutil.copyfile(self.vocab_file, target)
        return (str(target),)
