"""All lexical metrics on texts of 1,500 words, against the packages that define them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rouge_score import tokenize as rouge_words
from rouge_score.rouge_scorer import RougeScorer
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.one_scoring import WORDS, write_text
from eval.metrics.lexical import Lexical
from eval.metrics.tfidf import fit_table

PAIRS = {"tiny": 2, "quick": 8, "full": 24}
"""Of a round that both ways score: the baseline takes a good part of a second for each."""
ROUNDS = {"tiny": 1, "quick": 3, "full": 5}
MANY = {"tiny": (20, 40), "quick": (200, 2000), "full": (1000, 20_000)}
"""Pairs that ours alone scores, in a process each: its peak memory on the many against that on the few."""

DIGITS = 6
"""To which the values of both ways must agree."""

AGAINST = "rouge-score + scikit-learn"

Pairs = Sequence[tuple[str, str]]
Values = list[tuple[float, ...]]


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:  # noqa: ARG001 - nothing is written
    """Score pairs from text to all five values, in one process; the vocabulary is fitted before the clocks start.

    Raises:
        subprocess.CalledProcessError: scoring many pairs failed; its messages stand on the standard error.
        ValueError: the values differ.
    """
    what = f"lexical metrics, {WORDS:,} words"
    raced = race(what, "pairs/s", AGAINST, _rounds(ROUNDS[scale], PAIRS[scale]), time.process_time)
    yield raced
    few, many = MANY[scale]
    small, large = _score_many(few), _score_many(many)
    rate = many / large["seconds"]
    yield Comparison(f"{what}, {many:,} pairs", "pairs/s", rate, raced.baseline, AGAINST, (rate / raced.baseline,))
    peaks = (large["bytes"] / 1e6, small["bytes"] / 1e6)
    yield Comparison(f"the same, peak memory, {many:,} pairs", "MB", *peaks, f"{few:,} pairs", (peaks[0] / peaks[1],))


def _rounds(rounds: int, size: int) -> Iterator[Round]:
    for number in range(rounds):
        pairs = [
            (write_text(2 * index), write_text(2 * index + 1)) for index in range(number * size, number * size + size)
        ]
        references = [reference for _, reference in pairs]
        yield Round(size, _ours(pairs, references), _plain(pairs, references))


def _ours(pairs: Pairs, references: Sequence[str]) -> Callable[[], Values]:
    lexical = Lexical({"thinking": fit_table(references).idf, "answer": {}})

    def work() -> Values:
        return [_rounded(lexical.compare(*lexical.prepare("thinking", pair))) for pair in pairs]

    return work


def _plain(pairs: Pairs, references: Sequence[str]) -> Callable[[], Values]:
    """What one would write first. The vectorizer is given rouge-score's words, so that all metrics count the same."""
    scorer = RougeScorer(["rouge1", "rougeL"])
    vectorizer = TfidfVectorizer(tokenizer=_words, token_pattern=None).fit(references)

    def work() -> Values:
        predicted, wanted = (vectorizer.transform(texts) for texts in zip(*pairs, strict=True))
        cosines = predicted.multiply(wanted).sum(axis=1).A1
        values = []
        for (one, other), cosine in zip(pairs, cosines, strict=True):
            rouge = scorer.score(other, one)
            first, second = set(_words(one)), set(_words(other))
            shared = len(first & second)
            sets = (shared / len(first | second), shared / min(len(first), len(second)))
            values.append(_rounded((rouge["rouge1"].fmeasure, rouge["rougeL"].fmeasure, *sets, float(cosine))))
        return values

    return work


def _words(text: str) -> list[str]:
    words: list[str] = rouge_words.tokenize(text, None)
    return words


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(value, DIGITS) for value in values)


def _score_many(pairs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.one_scoring", str(pairs)]
    output = subprocess.run(command, cwd=Path(__file__).parents[1], check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, Any] = json.loads(output)
    return found
