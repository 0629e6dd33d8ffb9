"""Everything that predictions are measured by, opened once for a benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.benchmark.storage import TFIDF_FILE, Benchmark
from eval.metrics.base import Similarity
from eval.metrics.classes import NAMING_VERSION, ClassFinder
from eval.metrics.lexical import Lexical
from eval.metrics.tfidf import read_weights
from eval.metrics.tokens import TOKENIZER_VERSION
from pipeline.files import sha256_of
from pipeline.taxonomy import load_taxonomy
from pipeline.teachers import PARSER_VERSION
from pipeline.teachers.quality import MAX_HAN, MAX_HAN_SHARE
from schemas.benchmark import TextField
from schemas.errors import DatasetError

Prepared = tuple[Any, ...]
"""One text as each of a suite's similarities wants it."""


@dataclass(frozen=True)
class Suite:
    """The metrics of one benchmark."""

    similarities: tuple[Similarity, ...]
    classes: ClassFinder
    language: str
    """That was asked for, ISO 639-1."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what :meth:`compare` gives, in order."""
        return tuple(metric for similarity in self.similarities for metric in similarity.metrics)

    @property
    def definitions(self) -> dict[str, str]:
        """What pins each metric that compares texts, by its name."""
        return {name: text for similarity in self.similarities for name, text in similarity.definitions.items()}

    def prepare(self, field: TextField, texts: Iterable[str]) -> Mapping[str, Prepared]:
        """Do once, for many texts together, what every comparison of them needs; by text."""
        distinct = list(dict.fromkeys(texts))
        columns = [similarity.prepare(field, distinct) for similarity in self.similarities]
        return dict(zip(distinct, zip(*columns, strict=True), strict=True))

    def compare(self, one: Prepared, other: Prepared) -> tuple[float, ...]:
        """How like two texts of the same field are, by every metric."""
        return tuple(
            value
            for similarity, left, right in zip(self.similarities, one, other, strict=True)
            for value in similarity.compare(left, right)
        )


def open_suite(benchmark: Benchmark, embeddings: Sequence[Similarity] = ()) -> Suite:
    """Open what a benchmark's predictions are scored by.

    Args:
        benchmark: ships the weights of its words.
        embeddings: metrics beyond the lexical ones.

    Raises:
        DatasetError: the weights are missing or damaged, or count other words than this version knows.
    """
    manifest = benchmark.manifest
    if manifest.tokenizer != TOKENIZER_VERSION:
        raise DatasetError(
            f"{benchmark.root}: its words are those of {manifest.tokenizer}; this counts {TOKENIZER_VERSION}",
            "build the benchmark again, or score with the version that built it",
        )
    check_file(benchmark, TFIDF_FILE)
    lexical = Lexical(read_weights(benchmark.tfidf_file))
    return Suite((lexical, *embeddings), ClassFinder(load_taxonomy()), manifest.prompt.language)


def check_file(benchmark: Benchmark, path: str) -> None:
    """See that a file of a benchmark is the one that its manifest lists.

    Raises:
        DatasetError: it is missing or another.
    """
    file = benchmark.root / path
    if not file.is_file() or sha256_of(file) != benchmark.manifest.files.get(path):
        raise DatasetError(f"{file}: missing or damaged", "copy or build the benchmark again")


def define(suite: Suite) -> dict[str, str]:
    """What pins each figure, by metric."""
    wordnet = f"{NAMING_VERSION}, WordNet 3.0, table {load_taxonomy().sha256[:12]}"
    return {
        **suite.definitions,
        "class_exact": f"a lemma of the class is named; {wordnet}",
        "class_ancestor": f"a lemma of a synset above the class is named; {wordnet}",
        "class_sibling": f"a lemma of another child of the class's parents is named; {wordnet}",
        "class_closeness": f"closeness of the nearest synset named, by depth; {wordnet}",
        "found_then_lost": "class_exact in thinking and not in answer",
        "format_ok": f"thinking and answer could be told apart and neither is empty; parser {PARSER_VERSION}",
        "words": f"words of {TOKENIZER_VERSION}",
        "repeated_8grams": "share of the 8-grams of words, told apart by white space, that stood before in the text",
        "han_share": "share of Han characters among the letters",
        "wrong_language": f"of English: over {MAX_HAN_SHARE} of the letters or {MAX_HAN} of them are Han, in one text",
    }
