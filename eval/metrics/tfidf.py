"""Cosine of TF-IDF vectors over a vocabulary that was fitted once, on the benchmark's references, and ships with it.

Definition: scikit-learn's ``TfidfVectorizer`` with its defaults (raw counts, smoothed idf
``ln((1 + n) / (1 + df)) + 1``, Euclidean norm) and the words of :mod:`eval.metrics.tokens`. Thinking and answers have a
table each, since what is a rare word in the one is a phrase in the other. Words that no reference holds are left out,
as ``transform`` does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from eval.metrics.tokens import tokenize
from pipeline.tables import damage_explained, write_rows
from schemas.base import Contract, Count
from schemas.benchmark import TextField
from schemas.errors import DatasetError


class TfidfRow(Contract):
    """One word of one kind of text."""

    field: TextField
    token: str
    documents: Count
    """Reference texts that hold it."""
    idf: float
    """Its weight; kept, since logarithms differ in their last digit from one machine to another."""


@dataclass(frozen=True)
class TfidfTable:
    """Document frequencies of one kind of text."""

    documents: int
    counts: Mapping[str, int]
    """Texts that hold each word."""

    @cached_property
    def idf(self) -> Mapping[str, float]:
        """Weight of each word."""
        return {word: math.log((1 + self.documents) / (1 + count)) + 1 for word, count in self.counts.items()}


def fit_table(texts: Iterable[str]) -> TfidfTable:
    """Count in how many texts each word occurs."""
    counts: Counter[str] = Counter()
    documents = 0
    for text in texts:
        counts.update(set(tokenize(text)))
        documents += 1
    return TfidfTable(documents, dict(sorted(counts.items())))


def write_tables(path: Path, tables: Mapping[TextField, TfidfTable]) -> None:
    """Write the tables of a benchmark, whole or not at all."""
    rows = (
        TfidfRow(field=field, token=token, documents=count, idf=table.idf[token])
        for field, table in tables.items()
        for token, count in table.counts.items()
    )
    write_rows(path, rows, TfidfRow)


def read_weights(path: Path) -> Mapping[TextField, Mapping[str, float]]:
    """The weight of each word, by kind of text.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    with (
        damage_explained(path, DatasetError, "copy or build the benchmark again"),
        pq.ParquetFile(path) as file,
    ):
        columns = file.read(["field", "token", "idf"])
        weights: dict[TextField, dict[str, float]] = {"thinking": {}, "answer": {}}
        for field, token, idf in zip(*(column.to_pylist() for column in columns.columns), strict=True):
            weights[field][token] = idf
    return weights
