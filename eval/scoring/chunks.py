"""Some items at a time: the predictions of model, baselines and teachers against references that are prepared once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.benchmark.storage import Benchmark, open_benchmark
from eval.metrics.base import Similarity
from eval.scoring.families import AUTO
from eval.scoring.items import PreparedTexts, choose_references, columns, score_prepared
from eval.scoring.lines import PredictionFile, Span, read_spans
from eval.scoring.predictions import Prediction, take_prediction
from eval.scoring.suite import Suite, open_suite
from eval.statistics.exact import Millionths, to_millionths
from schemas.benchmark import TEXT_FIELDS, BenchmarkItem, TextField
from schemas.errors import ConfigError

GIVEN, MISSING = "given", "missing"
"""Statuses of predictions that no parser read: those that came apart already, and those that did not come."""

CHUNK_ITEMS = 32
"""Enough that handing a chunk to a process costs little; few enough to share out a small benchmark."""


@dataclass(frozen=True)
class Job:
    """What every chunk is scored by; goes to worker processes."""

    root: Path
    """Of the benchmark ..."""
    sha256: str
    """... and the digest in its manifest."""
    tags: str
    references: tuple[str, ...]
    """Teachers whose references count."""
    predictions: Path
    baselines: tuple[Path, ...]
    bertscore: str | None
    sbert: str | None


@dataclass(frozen=True)
class Chunk:
    """Some items and where their predictions lie."""

    items: list[BenchmarkItem]
    spans: list[Span | None]
    baselines: list[list[Span | None]]
    """For each baseline."""


@dataclass
class Seen:
    """How much of the predicted texts of one field one metric saw, added up; see ``schemas.scores.Coverage``."""

    window: int
    tokens: int = 0
    scored: int = 0
    first_window: int = 0

    def add(self, other: Seen) -> None:
        """Count another chunk's texts too."""
        self.tokens += other.tokens
        self.scored += other.scored
        self.first_window += other.first_window


@dataclass(frozen=True)
class ChunkScores:
    """Scores in millionths, shape (items, columns), the columns those of the counted references."""

    statuses: list[str]
    model: Millionths
    baselines: list[Millionths]
    """For each baseline."""
    teachers: list[Millionths]
    """For each teacher, its texts against the others' references; 0 in columns that this leaves out."""
    seen: dict[tuple[str, TextField], Seen]
    """By metric and field."""


def open_job_suite(job: Job) -> Suite:
    """The suite of a job; the last one stays open in this process."""
    return _open(job.root, job.sha256, job.bertscore, job.sbert)


@functools.lru_cache(maxsize=1)
def _open(root: Path, sha256: str, bertscore: str | None, sbert: str | None) -> Suite:  # noqa: ARG001 - part of the key
    return open_suite(open_benchmark(root), _open_embeddings(bertscore, sbert) if bertscore or sbert else ())


def _open_embeddings(bertscore: str | None, sbert: str | None) -> list[Similarity]:
    from eval.metrics.embeddings import open_bertscore, open_sbert, parse_model  # noqa: PLC0415 - few ask for them

    embeddings: list[Similarity] = []
    if bertscore:
        choice = parse_model(bertscore)
        embeddings.append(open_bertscore(choice.model, revision=choice.revision, layer=choice.layer))
    if sbert:
        choice = parse_model(sbert)
        if choice.layer is not None:
            raise ConfigError(f"--sbert {sbert}: Sentence-BERT has no choice of layers", "leave #LAYER out")
        embeddings.append(open_sbert(choice.model, revision=choice.revision))
    return embeddings


def count_chunks(items: int) -> int:
    """How many chunks so many items make."""
    return -(-items // CHUNK_ITEMS)


def cut(benchmark: Benchmark, predictions: PredictionFile, baselines: Sequence[PredictionFile]) -> Iterator[Chunk]:
    """The benchmark's items in order, so many at a time."""
    for items in _batches(benchmark.items()):
        keys = [item.key for item in items]
        yield Chunk(
            items,
            [predictions.spans.get(key) for key in keys],
            [[baseline.spans.get(key) for key in keys] for baseline in baselines],
        )


def _batches(items: Iterable[BenchmarkItem]) -> Iterator[list[BenchmarkItem]]:
    batch: list[BenchmarkItem] = []
    for item in items:
        batch.append(item)
        if len(batch) == CHUNK_ITEMS:
            yield batch
            batch = []
    if batch:
        yield batch


def score_chunk(job: Job, chunk: Chunk) -> ChunkScores:
    """Score all that is known of some items. Pure; texts are prepared once, whoever is compared with them."""
    suite = open_job_suite(job)
    model = _read(job.predictions, chunk.items, chunk.spans, job.tags, suite)
    baselines = [
        _read(path, chunk.items, spans, AUTO, suite) for path, spans in zip(job.baselines, chunk.baselines, strict=True)
    ]
    prepared = _prepare(suite, chunk.items, [model, *baselines])
    names = columns(suite.metrics, job.references)

    def score(predictions: Sequence[Prediction | None], references: Sequence[str]) -> Millionths:
        rows = []
        for item, prediction in zip(chunk.items, predictions, strict=True):
            counted = choose_references(item, references)
            scores = score_prepared(item, prediction, suite, counted, prepared)
            rows.append([scores.get(name, 0.0) for name in names])
        return to_millionths(np.asarray(rows, np.float64))

    teachers = [reference.teacher for reference in chunk.items[0].references]
    return ChunkScores(
        [_status(prediction) for prediction in model],
        score(model, job.references),
        [score(predictions, job.references) for predictions in baselines],
        [
            score([_quote(item, teacher) for item in chunk.items], [each for each in teachers if each != teacher])
            for teacher in (teachers if len(teachers) > 1 else ())
        ],
        _see(suite, model, prepared),
    )


def _read(
    path: Path, items: Sequence[BenchmarkItem], spans: Sequence[Span | None], tags: str, suite: Suite
) -> list[Prediction | None]:
    lines = read_spans(path, [item.key for item in items], spans)
    return [None if line is None else take_prediction(line, tags, suite.language) for line in lines]


def _quote(item: BenchmarkItem, teacher: str) -> Prediction:
    (reference,) = choose_references(item, [teacher])
    return Prediction(item.key, reference.thinking, reference.answer, None)


def _status(prediction: Prediction | None) -> str:
    if prediction is None:
        return MISSING
    return GIVEN if prediction.status is None else prediction.status.value


def _prepare(
    suite: Suite, items: Sequence[BenchmarkItem], predictions: Sequence[Sequence[Prediction | None]]
) -> PreparedTexts:
    texts = [reference for item in items for reference in item.references]
    written = [prediction for each in predictions for prediction in each if prediction]
    return {field: suite.prepare(field, (getattr(each, field) for each in (*texts, *written))) for field in TEXT_FIELDS}


def _see(
    suite: Suite, predictions: Sequence[Prediction | None], prepared: PreparedTexts
) -> dict[tuple[str, TextField], Seen]:
    seen: dict[tuple[str, TextField], Seen] = {}
    for prediction in filter(None, predictions):
        for field in TEXT_FIELDS:
            forms = prepared[field][getattr(prediction, field)]
            for similarity, form in zip(suite.similarities, forms, strict=True):
                one = similarity.see(form)
                if one is not None:
                    for metric in similarity.metrics:
                        seen.setdefault((metric, field), Seen(one.window)).add(Seen(*one))
    return seen
