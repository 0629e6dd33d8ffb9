"""Texts the length of a teacher's, from the definitions that ship with the taxonomy: real words, no two texts alike."""

from __future__ import annotations

import functools
import random

from pipeline.taxonomy import load_taxonomy

THINKING_CHARACTERS = 3200
ANSWER_CHARACTERS = 800
"""Together the 4 kB that teachers write of a photograph on average."""


def write_pair(seed: int) -> tuple[str, str]:
    """A thinking and an answer, always the same for a seed."""
    generator = random.Random(seed)
    return _write(generator, THINKING_CHARACTERS), _write(generator, ANSWER_CHARACTERS)


def write_words(seed: int, words: int) -> str:
    """A text of so many words between white space, always the same for a seed."""
    # no sentence has fewer than four
    sentences = random.Random(seed).choices(_sentences(), k=words // 4 + 1)
    return " ".join(" ".join(sentences).split(maxsplit=words)[:words])


def _write(generator: random.Random, characters: int) -> str:
    # no definition is as short as 16 characters for long: more sentences than are needed, cut to length
    return " ".join(generator.choices(_sentences(), k=characters // 16))[:characters].strip()


@functools.cache
def _sentences() -> tuple[str, ...]:
    taxonomy = load_taxonomy()
    synsets = (taxonomy[wnid] for wnid in taxonomy)
    return tuple(f"Could it be {synset.lemmas[0]}? That is {synset.definition}." for synset in synsets)
