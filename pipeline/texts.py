"""What several rooms ask about texts: how like they are, and how they can be shown without being obeyed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set as AbstractSet

_WORD = re.compile(r"\w+")

_JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners: some scripts and composed emoji need them, and they reorder nothing."""

_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""General categories of characters that act on their surroundings instead of being seen."""


def words_of(text: str) -> frozenset[str]:
    """The different words of a text, whatever their case."""
    return frozenset(_WORD.findall(text.casefold()))


def jaccard(one: AbstractSet[str], other: AbstractSet[str]) -> float:
    """Jaccard's index of two sets: the share of all their members that is in both; 0 for two empty sets."""
    return len(one & other) / len(one | other) if one or other else 0.0


def reveal(text: str) -> str:
    r"""Write out what a terminal or a browser would obey: a control character becomes ``\x1b``, or ``\u202e``.

    Line feeds and tabs stay, and so do joiners. Text that needs none of this comes back as it is.
    """
    if text.isprintable():
        return text
    return "".join(each if _is_shown(each) else each.encode("unicode_escape").decode() for each in text)


def _is_shown(character: str) -> bool:
    return character in "\n\t" or character in _JOINERS or unicodedata.category(character) not in _UNSHOWN
