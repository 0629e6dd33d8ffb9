"""Score a file of predictions on a benchmark: check, measure, add up, write."""

from __future__ import annotations

import difflib
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from eval.benchmark.baselines import LABEL_ONLY, PIXELS
from eval.benchmark.storage import BASELINES_DIRECTORY, Benchmark
from eval.scoring.chunks import MISSING, ChunkScores, Job, Seen, count_chunks, cut, open_job_suite, score_chunk
from eval.scoring.families import AUTO, check_tags
from eval.scoring.figures import FACTS, Scores, list_figures, list_groups, to_table
from eval.scoring.lines import PredictionFile, check_predictions
from eval.scoring.place import ITEMS_FILE, MARKDOWN_FILE, PAGE_FILE, SUMMARY_FILE, check_place, cleared
from eval.scoring.report import render_markdown, render_page
from eval.scoring.suite import Suite, check_file, define
from eval.statistics import REPLICATES
from pipeline.files import atomic_writer, write_atomic
from pipeline.progress import Progress, Silent
from pipeline.tables import BATCH_ROWS, damage_explained
from pipeline.workers import ordered_map, resolve_workers
from schemas.base import canonical_json
from schemas.errors import ConfigError, DatasetError
from schemas.scores import SCORES_VERSION, Coverage, ScoreSummary


@dataclass(frozen=True)
class ScoreOptions:
    """What is asked of one scoring."""

    model: str
    """What the predictions' model is called."""
    tags: str = AUTO
    """Family of its thinking tags."""
    exclude_references: tuple[str, ...] = ()
    """Teachers whose references do not count, e.g. because they wrote the predictions."""
    workers: int = 0
    """Processes; 0 is one per core. Embeddings are computed in one."""
    bertscore: str | None = None
    """Model of BERTScore, ``MODEL[@REVISION][#LAYER]``; not computed when left out."""
    sbert: str | None = None
    """Model of the Sentence-BERT cosine, ``MODEL[@REVISION]``; not computed when left out."""


def score(
    benchmark: Benchmark, predictions: Path, out: Path, options: ScoreOptions, progress: Progress
) -> ScoreSummary:
    """Score predictions and write ``items.parquet``, ``report.md``, ``report.html`` and, last, ``summary.json``.

    Args:
        benchmark: what was asked.
        predictions: JSON lines, see ``eval.scoring.predictions``.
        out: folder; made where it is missing, and earlier scores in it replaced.
        options: what is asked.
        progress: hears how far the work is.

    Returns:
        What ``summary.json`` holds: the same bytes for the same inputs, on any machine with any number of workers.

    Raises:
        ConfigError: an option names what there is not, or ``out`` holds something else.
        DatasetError: the predictions are none, or not this benchmark's; or the benchmark is damaged.
        ImageNetThinkError: a worker process was killed.
    """
    check_tags(options.tags)
    _check_name(options.model)
    references = _choose_references(benchmark, options.exclude_references)
    check_place(out, predictions)
    facts = _read_facts(benchmark)
    given = check_predictions(predictions, facts["key"], progress)
    baselines = {
        name: check_predictions(benchmark.baseline_file(name), facts["key"], Silent())
        for name in (PIXELS, LABEL_ONLY)
        if _has_baseline(benchmark, name)
    }
    job = Job(
        benchmark.root,
        benchmark.manifest.sha256,
        options.tags,
        references,
        predictions,
        tuple(file.path for file in baselines.values()),
        options.bertscore,
        options.sbert,
    )
    suite = open_job_suite(job)
    with cleared(out):
        chunks = cut(benchmark, given, list(baselines.values()))
        done = ordered_map(functools.partial(score_chunk, job), chunks, _count_workers(benchmark, options))
        parts = _watch(done, benchmark, progress)
        scores = _gather(parts, facts, suite, references, list(baselines), benchmark.manifest.teachers)
        summary = _summarise(benchmark, options, scores, given, _add_seen(parts), suite)
        _write(out, scores, summary)
    return summary


def _check_name(model: str) -> None:
    if not model.strip() or not model.isprintable():
        raise ConfigError(f"{model!a} is no name for a model", "name it in printable letters")


def _choose_references(benchmark: Benchmark, excluded: Sequence[str]) -> tuple[str, ...]:
    teachers = benchmark.manifest.teachers
    for teacher in excluded:
        if teacher not in teachers:
            guess = difflib.get_close_matches(teacher, teachers, n=1)
            question = f"did you mean {guess[0]}? " if guess else ""
            raise ConfigError(
                f"{benchmark.root}: has no references by {teacher!r}", f"{question}known are {', '.join(teachers)}"
            )
    counted = tuple(teacher for teacher in teachers if teacher not in excluded)
    if not counted:
        raise ConfigError(f"{benchmark.root}: all of its references are excluded", "leave one to score against")
    return counted


def _read_facts(benchmark: Benchmark) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {name: [] for name in FACTS}
    for path in benchmark.data_files:
        check_file(benchmark, path.relative_to(benchmark.root).as_posix())
        with damage_explained(path, DatasetError, "copy or build the benchmark again"), pq.ParquetFile(path) as file:
            table = file.read(list(FACTS))
        for name in FACTS:
            facts[name] += table.column(name).to_pylist()
    return facts


def _has_baseline(benchmark: Benchmark, name: str) -> bool:
    path = f"{BASELINES_DIRECTORY}/{name}.jsonl"
    if path not in benchmark.manifest.files:
        return False
    check_file(benchmark, path)
    return True


def _count_workers(benchmark: Benchmark, options: ScoreOptions) -> int:
    if options.bertscore or options.sbert:
        return 1  # torch takes all cores by itself, and a model lies in memory once
    return min(resolve_workers(options.workers), count_chunks(benchmark.manifest.items))


def _watch(parts: Iterable[ChunkScores], benchmark: Benchmark, progress: Progress) -> list[ChunkScores]:
    done = []
    with progress.task("score", benchmark.manifest.items, "items") as task:
        for part in parts:
            done.append(part)
            task.advance(len(part.statuses))
    return done


def _gather(
    parts: Sequence[ChunkScores],
    facts: dict[str, list[str]],
    suite: Suite,
    references: tuple[str, ...],
    baselines: Sequence[str],
    teachers: Sequence[str],
) -> Scores:
    beside = {name: np.vstack([part.baselines[place] for part in parts]) for place, name in enumerate(baselines)}
    return Scores(
        facts=facts,
        statuses=[status for part in parts for status in part.statuses],
        metrics=suite.metrics,
        references=references,
        model=np.vstack([part.model for part in parts]),
        floor=beside.get(PIXELS),
        label_only=beside.get(LABEL_ONLY),
        teachers={
            teacher: np.vstack([part.teachers[place] for part in parts])
            for place, teacher in enumerate(teachers if len(teachers) > 1 else ())
        },
    )


def _add_seen(parts: Iterable[ChunkScores]) -> tuple[Coverage, ...]:
    total: dict[tuple[str, str], Seen] = {}
    for part in parts:
        for (metric, field), seen in part.seen.items():
            total.setdefault((metric, field), Seen(seen.window)).add(seen)
    return tuple(
        Coverage(
            metric=metric,
            field=field,
            window=seen.window,
            tokens=seen.tokens,
            scored=seen.scored,
            first_window=seen.first_window,
        )
        for (metric, field), seen in sorted(total.items())
    )


def _summarise(
    benchmark: Benchmark,
    options: ScoreOptions,
    scores: Scores,
    given: PredictionFile,
    coverage: tuple[Coverage, ...],
    suite: Suite,
) -> ScoreSummary:
    manifest = benchmark.manifest
    return ScoreSummary(
        scores_version=SCORES_VERSION,
        model=options.model,
        benchmark=manifest.name,
        benchmark_sha256=manifest.sha256,
        items=manifest.items,
        classes=len(set(scores.facts["wnid"])),
        measured_references=any(
            writer.is_measured for writer in manifest.references if writer.teacher in scores.references
        ),
        tags=options.tags,
        excluded_references=tuple(each for each in manifest.teachers if each in options.exclude_references),
        references=scores.references,
        keys=given.keys,
        statuses=dict(sorted(Counter(status for status in scores.statuses if status != MISSING).items())),
        figures=list_figures(scores),
        groups=list_groups(scores),
        coverage=coverage,
        definitions=define(suite),
        replicates=REPLICATES,
    )


def _write(out: Path, scores: Scores, summary: ScoreSummary) -> None:
    items = to_table(scores)
    with atomic_writer(out / ITEMS_FILE) as file:
        pq.write_table(items, file, row_group_size=BATCH_ROWS, compression="zstd")
    write_atomic(out / MARKDOWN_FILE, render_markdown(summary))
    write_atomic(out / PAGE_FILE, render_page(summary, items))
    write_atomic(out / SUMMARY_FILE, canonical_json(summary.model_dump(mode="json")) + b"\n")
