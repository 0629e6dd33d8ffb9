"""The words that every lexical metric compares.

On ASCII text they are those of the rouge-score package without stemming: runs of letters and digits, in lower case.
That package drops everything else, so that Japanese has no words at all and "é" breaks a word in two; here a word is a
run of letters and digits of any script with their marks, and scripts that put no spaces between words count by the
character.
"""

from __future__ import annotations

import re
import unicodedata

import regex

TOKENIZER_VERSION = "unicode-words-1"
"""Raised whenever any text may fall into other words."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_MARK = r"[\p{Mn}\p{Mc}--\uFE00-\uFE0F\U000E0100-\U000E01EF]"
"""No variation selector, which emoji and keycaps are written with: these are no words, and no part of one."""
_WORD = regex.compile(
    rf"[[\p{{L}}\p{{N}}]&&[{_UNSPACED}]]{_MARK}*+|"
    rf"[[\p{{L}}\p{{N}}]--[{_UNSPACED}]][[\p{{L}}\p{{N}}{_MARK}]--[{_UNSPACED}]]*+",
    regex.V1,
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
