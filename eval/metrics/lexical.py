"""The metrics that compare words alone: ROUGE-1, ROUGE-L, Jaccard, overlap coefficient and TF-IDF cosine.

Their exact definitions stand in docs/metrics.md. All are computed from whole numbers and exactly rounded sums, so that
a value is the same on any machine and does not depend on which text comes first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType

from rapidfuzz.distance import LCSseq

from eval.metrics.base import Seen
from eval.metrics.tokens import TOKENIZER_VERSION, tokenize
from schemas.benchmark import TextField

METRICS = ("rouge1", "rougeL", "jaccard", "overlap", "tfidf")

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "rouge1": f"F1 of words in common, each as often as both texts hold it; words: {TOKENIZER_VERSION}",
        "rougeL": f"F1 of the longest common subsequence of words over the whole text; words: {TOKENIZER_VERSION}",
        "jaccard": f"words in common over words in either text, as sets; words: {TOKENIZER_VERSION}",
        "overlap": f"words in common over words of the text that has fewer, as sets; words: {TOKENIZER_VERSION}",
        "tfidf": "cosine of TF-IDF vectors, raw counts, smoothed idf fitted on the benchmark's references of the same "
        f"kind of text; words: {TOKENIZER_VERSION}",
    }
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the comparisons of one text need."""

    tokens: Sequence[str]
    counts: Mapping[str, int]
    weights: Mapping[str, float]
    """Count times idf of each word that the vocabulary holds."""
    square: float
    """Squared length of the vector of weights."""


class Lexical:
    """The five metrics, which share one preparation of a text.

    Args:
        weights: inverse document frequency of each word, by kind of text: see :func:`eval.metrics.tfidf.read_weights`.
    """

    metrics = METRICS
    definitions = DEFINITIONS

    def __init__(self, weights: Mapping[TextField, Mapping[str, float]]) -> None:
        self._weights = weights

    def prepare(self, field: TextField, texts: Sequence[str]) -> list[Words]:
        """Split texts into words, count and weigh them."""
        idf = self._weights[field]
        return [_weigh(tokenize(text), idf) for text in texts]

    def compare(self, one: Words, other: Words) -> tuple[float, float, float, float, float]:
        """How like two texts are, in the order of ``metrics``, each in [0, 1]; all 0 where a text has no words."""
        shared = one.counts.keys() & other.counts.keys()
        if not shared:
            return 0.0, 0.0, 0.0, 0.0, 0.0
        length = len(one.tokens) + len(other.tokens)
        together = sum(min(one.counts[word], other.counts[word]) for word in shared)
        fewer, more = sorted((len(one.counts), len(other.counts)))
        return (
            2 * together / length,
            2 * _longest_common_subsequence(one.tokens, other.tokens, shared) / length,
            len(shared) / (fewer + more - len(shared)),
            len(shared) / fewer,
            _cosine(one, other),
        )

    def see(self, prepared: Words) -> Seen | None:  # noqa: ARG002 - the signature is that of every similarity
        """All of a text counts."""
        return None


def _weigh(tokens: list[str], idf: Mapping[str, float]) -> Words:
    counts = Counter(tokens)
    weights = {word: count * idf[word] for word, count in counts.items() if word in idf}
    return Words(tokens, counts, weights, math.fsum(weight * weight for weight in weights.values()))


def _longest_common_subsequence(one: Sequence[str], other: Sequence[str], shared: AbstractSet[str]) -> int:
    """Words that both texts hold in the same order, gaps allowed.

    Words of one text alone are dropped first, as they are in no common subsequence. Whole numbers stand for the rest,
    since RapidFuzz compares longer strings by their hashes, which is not quite exact.
    """
    numbers = {word: number for number, word in enumerate(shared)}
    return LCSseq.similarity(
        [numbers[word] for word in one if word in numbers], [numbers[word] for word in other if word in numbers]
    )


def _cosine(one: Words, other: Words) -> float:
    """Of the vectors of weights. Rounding may carry it past 1 for vectors of all but one direction: never further."""
    if not one.weights or not other.weights:
        return 0.0
    product = math.fsum(one.weights[word] * other.weights[word] for word in one.weights.keys() & other.weights.keys())
    return min(1.0, product / math.sqrt(one.square * other.square))
