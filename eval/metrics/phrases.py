"""Names of things in running text: found word by word, in singular and plural, the longest where names overlap."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, TypeVar

from eval.metrics.tokens import tokenize

Meaning = TypeVar("Meaning")

Phrase = tuple[str, ...]
"""The words of a name, each in the singular."""

IRREGULAR: Mapping[str, str] = MappingProxyType(
    {
        "calves": "calf",
        "children": "child",
        "dwarves": "dwarf",
        "feet": "foot",
        "geese": "goose",
        "halves": "half",
        "hooves": "hoof",
        "knives": "knife",
        "leaves": "leaf",
        "loaves": "loaf",
        "mice": "mouse",
        "oxen": "ox",
        "people": "person",
        "scarves": "scarf",
        "sheaves": "sheaf",
        "shelves": "shelf",
        "teeth": "tooth",
        "thieves": "thief",
        "wives": "wife",
        "wolves": "wolf",
        "cacti": "cactus",
        "fungi": "fungus",
    }
)
"""Singulars of plurals that no rule below reaches, alone or at the end of a word: "bookshelves", "dormice"."""

_ALONE: Mapping[str, str] = MappingProxyType({"men": "man", "lice": "louse"})
"""The same, of words that end others: "slice" is no louse."""

UNCHANGED = frozenset({"atlas", "canvas", "does", "lens", "rhinoceros"})
"""No plurals, though they look it. "Does" is nearly always the verb, and no female deer."""

_ACCENTS = re.compile("[\u0300-\u036f]")
_IRREGULAR_END = re.compile(f"(?:{'|'.join(IRREGULAR)})$")
_SHORTEST = 4
"""Letters of the shortest word that is changed: "gas", "bus" and "his" are no plurals."""
_SIBILANTS_AND_E = ("se", "xe", "ze", "che", "she")


@functools.lru_cache(maxsize=65_536)
def singular(word: str) -> str:
    """One form for the singular and the plural of an English noun; not always a word, but the same for both.

    A plural in "-es" does not tell whether its singular ends in "e" ("horses", "boxes"), nor one in "-ies" whether in
    "y" ("collies", "berries"), nor one in "-us" or "-is" whether it is one ("emus", "cactus"). The singular is
    therefore put into the same form: "horse" and "horses" are both "hors", "cactus" and "cactuses" both "cactu".
    """
    word = _ALONE.get(word, word)
    if len(word) < _SHORTEST or word in UNCHANGED:
        return word
    if end := _IRREGULAR_END.search(word):
        word = word[: end.start()] + IRREGULAR[end[0]]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if len(word) < _SHORTEST:
        return word
    if word.endswith("men"):
        return f"{word[:-2]}an"
    if word.endswith("ie"):
        return f"{word[:-2]}y"
    if word.endswith(_SIBILANTS_AND_E) or (word.endswith("oe") and len(word) > _SHORTEST):
        word = word[:-1]
    return word[:-1] if len(word) >= _SHORTEST and word.endswith(("us", "is")) else word


def to_phrase(text: str) -> Phrase:
    """The words of a name or a text, each in the singular and without accents, which WordNet writes nowhere."""
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return tuple(map(singular, tokenize(text)))


class PhraseTable(Generic[Meaning]):
    """Names and what each means.

    Args:
        meanings: by name, none of which is empty.
    """

    def __init__(self, meanings: Mapping[Phrase, Meaning]) -> None:
        by_first: defaultdict[str, list[tuple[Phrase, Meaning]]] = defaultdict(list)
        for phrase, meaning in sorted(meanings.items(), key=lambda entry: -len(entry[0])):
            by_first[phrase[0]].append((phrase, meaning))
        self._by_first = dict(by_first)
        """Longest first."""

    def find(self, words: Phrase) -> Iterator[Meaning]:
        """Meanings of the names in a text, in order; a name inside a longer one is none."""
        reach = 0
        for start, word in enumerate(words):
            for phrase, meaning in self._by_first.get(word, ()):
                end = start + len(phrase)
                if words[start:end] == phrase:
                    if end > reach:
                        reach = end
                        yield meaning
                    break


def parts(phrase: Sequence[str]) -> Iterator[Phrase]:
    """Every run of words inside a name that is shorter than the whole."""
    for length in range(1, len(phrase)):
        for start in range(len(phrase) - length + 1):
            yield tuple(phrase[start : start + length])
