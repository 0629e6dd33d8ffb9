"""Names of things in running text: found word by word, in singular and plural, the longest where names overlap."""

from __future__ import annotations

import functools
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
        "men": "man",
        "children": "child",
        "feet": "foot",
        "teeth": "tooth",
        "geese": "goose",
        "mice": "mouse",
        "oxen": "ox",
        "calves": "calf",
        "halves": "half",
        "hooves": "hoof",
        "knives": "knife",
        "leaves": "leaf",
        "loaves": "loaf",
        "scarves": "scarf",
        "shelves": "shelf",
        "wolves": "wolf",
        "cacti": "cactus",
        "fungi": "fungus",
        # no plurals, though they look it, or plurals that do not look it
        "atlas": "atlas",
        "canvas": "canvas",
        "does": "does",
        "lens": "lens",
        "emus": "emu",
        "gnus": "gnu",
        "kiwis": "kiwi",
        "menus": "menu",
        "skis": "ski",
        "taxis": "taxi",
    }
)
"""Singulars of plurals that no rule below reaches. "Does" is nearly always the verb, and no female deer."""

_SHORTEST = 4
"""Letters of the shortest word that is changed: "gas", "bus" and "his" are no plurals."""
_SINGULAR_IN_S = ("ss", "us", "is")
_SIBILANTS_AND_E = ("se", "xe", "ze", "che", "she")


@functools.lru_cache(maxsize=65_536)
def singular(word: str) -> str:
    """One form for the singular and the plural of an English noun; not always a word, but the same for both.

    A plural in "-es" does not tell whether its singular ends in "e" ("horses", "boxes"), nor one in "-ies" whether in
    "y" ("collies", "berries"). The singular is therefore put into the same form: "horse" and "horses" are both "hors".
    """
    if word in IRREGULAR or len(word) < _SHORTEST:
        return IRREGULAR.get(word, word)
    if word.endswith("s") and not word.endswith(_SINGULAR_IN_S):
        word = word[:-1]
    if len(word) < _SHORTEST:
        return word
    if word.endswith("men"):
        return f"{word[:-2]}an"
    if word.endswith("ie"):
        return f"{word[:-2]}y"
    if word.endswith(_SIBILANTS_AND_E) or (word.endswith("oe") and len(word) > _SHORTEST):
        return word[:-1]
    return word


def to_phrase(text: str) -> Phrase:
    """The words of a name or a text, each in the singular."""
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
