"""Folders of scores written by hand from the contracts: no scoring needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eval.scoring.place import ITEMS_FILE, SUMMARY_FILE
from eval.statistics import mean, to_millionths
from schemas.base import canonical_json
from schemas.scores import SCORES_VERSION, Anchors, Figure, Interval, Keys, ScoreSummary

GLM, KIMI = "glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"
TEACHERS = (GLM, KIMI)
ITEMS, CLASSES = 90, 30
FLOOR, CEILING = 0.1, 0.7


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6]) / 2**48


def write_scores(
    directory: Path,
    quality: float,
    *,
    model: str | None = None,
    references: Sequence[str] = TEACHERS,
    missing: int = 0,
    bonus: float = 0.0,
    **changes: Any,
) -> Path:
    """Write what scoring writes of one model.

    Args:
        directory: made; the model is called like it when ``model`` is left out.
        quality: what its scores come to, more or less.
        model: its name.
        references: teachers that it is held against.
        missing: items without a prediction, the last ones.
        bonus: what the first reference gives beyond the others.
        changes: of the summary.
    """
    seed = model or directory.name
    rows = [
        {
            "key": f"n{number % CLASSES + 1440764:08}_{number}",
            "wnid": f"n{number % CLASSES + 1440764:08}",
            "domain": "animal",
            "level": "image",
            "stratum": "low",
            "predicted": number < ITEMS - missing,
            "status": "ok" if number < ITEMS - missing else "missing",
            **{
                name: round(value, 6) if number < ITEMS - missing else 0.0
                for name, value in _score(seed, number, quality, references, bonus)
            },
        }
        for number in range(ITEMS)
    ]
    directory.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, directory / ITEMS_FILE)
    summary = _summarise(table, seed, references, missing).model_copy(update=changes)
    (directory / SUMMARY_FILE).write_bytes(canonical_json(summary.model_dump(mode="json")) + b"\n")
    return directory


def _score(
    seed: str, number: int, quality: float, references: Sequence[str], bonus: float
) -> Iterator[tuple[str, float]]:
    for name in ("answer_rougeL", "thinking_rougeL", "answer_tfidf"):
        item = 0.1 * chance(name, number % CLASSES) + 0.1 * chance(seed, name, number)
        single = {teacher: quality + item + (bonus if teacher == TEACHERS[0] else 0.0) for teacher in references}
        yield name, sum(single.values()) / len(single)
        yield f"{name}_best", max(single.values())
        yield from ((f"{name}@{teacher}", value) for teacher, value in single.items())
    yield "answer_class_exact", float(chance(seed, "class", number) < quality)
    yield "found_then_lost", float(chance(seed, "lost", number) > quality)
    yield "format_ok", 1.0


def _summarise(table: pa.Table, model: str, references: Sequence[str], missing: int) -> ScoreSummary:
    names = table.column_names[table.column_names.index("status") + 1 :]
    return ScoreSummary(
        scores_version=SCORES_VERSION,
        model=model,
        benchmark="small",
        benchmark_sha256="a" * 64,
        items=ITEMS,
        classes=CLASSES,
        measured_references=False,
        tags="auto",
        excluded_references=tuple(teacher for teacher in TEACHERS if teacher not in references),
        references=tuple(references),
        keys=Keys(
            lines=ITEMS - missing,
            predicted=ITEMS - missing,
            missing=missing,
            repeated=0,
            contradictory=0,
            unknown=0,
            missing_examples=(),
            repeated_examples=(),
            unknown_examples=(),
        ),
        statuses={"ok": ITEMS - missing},
        figures=tuple(_figure(name, mean(to_millionths(table.column(name).to_numpy()))) for name in names),
        groups=(),
        coverage=(),
        definitions={"rougeL": "F1 of the longest common subsequence", "tfidf": "cosine"},
        replicates=2000,
    )


def _figure(name: str, value: float) -> Figure:
    return Figure(
        name=name,
        value=value,
        interval=Interval(low=round(value - 0.02, 6), high=round(value + 0.02, 6)),
        without_missing=value,
        anchors=Anchors(floor=FLOOR, label_only=0.2, ceiling=CEILING),
        position=round((value - FLOOR) / (CEILING - FLOOR), 6),
    )
