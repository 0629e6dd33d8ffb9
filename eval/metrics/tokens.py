"""The words that every lexical metric compares.

On ASCII text they are those of the rouge-score package without stemming: runs of letters and digits, in lower case.
That package drops everything else, so that Japanese has no words at all and "é" breaks a word in two; here a word is a
run of letters, marks and digits of any script, and scripts that put no spaces between words count by the character.
"""

from __future__ import annotations

import re
import unicodedata

import regex

TOKENIZER_VERSION = "unicode-words-1"
"""Raised whenever any text may fall into other words."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[[\p{{L}}\p{{N}}]&&[{_UNSPACED}]]\p{{M}}*+|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]++", regex.V1
)


def tokenize(text: str) -> list[str]:
    """The words of a text, in order and in lower case; none of them is empty.

    Compatibility forms are folded first (NFKC): full-width letters, ligatures and combining accents are as their plain
    forms. Linear in the text.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    words: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return words
