"""What to know before using the dataset, in the fields of Croissant's responsible-AI vocabulary.

The vocabulary: https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html. The words are in
``responsible_ai.yaml``; every number comes from the manifest and the statistics.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jinja2
import yaml

from pipeline.packing.card_numbers import PERSON
from schemas.completion import PairStatus
from schemas.manifest import DatasetManifest, TeacherEntry
from schemas.statistics import DatasetStatistics


def describe_responsibly(manifest: DatasetManifest, statistics: DatasetStatistics) -> dict[str, Any]:
    """The ``rai:`` properties of a dataset's Croissant metadata."""
    values = {"manifest": manifest, "statistics": statistics, "people": statistics.domains.get(PERSON, 0)}
    words = {
        name: [_fill_in(text, values) for text in texts] if isinstance(texts, list) else _fill_in(texts, values)
        for name, texts in _read_words().items()
    }
    teachers = {
        "dataAnnotationPlatform": sorted({teacher.engine for teacher in manifest.teachers}),
        "dataAnnotationAnalysis": list(_analyse(manifest, statistics)),
        "machineAnnotationTools": [_describe_teacher(teacher) for teacher in manifest.teachers],
    }
    return {f"rai:{name}": value for name, value in sorted((words | teachers).items())}


@functools.cache
def _read_words() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(
        resources.files(__package__).joinpath("responsible_ai.yaml").read_text("utf-8")
    )
    return words


def _fill_in(text: str, values: dict[str, Any]) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - becomes JSON, never HTML
    environment.filters["count"] = "{:,}".format
    return environment.from_string(text).render(values)


def _analyse(manifest: DatasetManifest, statistics: DatasetStatistics) -> Iterator[str]:
    for teacher in manifest.teachers:
        attempts, valid = teacher.attempts_by_status, teacher.attempts_by_status.get(PairStatus.OK, 0)
        yield (
            f"{teacher.name}: {valid:,} of {sum(attempts.values()):,} attempts on the selected images "
            f"gave valid texts; {teacher.pairs:,} are here."
        )
    for lengths in statistics.teachers:
        thinking, answer = lengths.thinking_tokens.p50, lengths.answer_tokens.p50
        yield f"{lengths.teacher}: median thinking {thinking:,} tokens, median answer {answer:,} tokens."


def _describe_teacher(teacher: TeacherEntry) -> str:
    asked = teacher.identity
    return (
        f"{asked.model} at {asked.revision}, {asked.dtype}, temperature {asked.temperature:g}, top_p {asked.top_p:g}, "
        f"top_k {asked.top_k}, repetition_penalty {asked.repetition_penalty:g}"
    )
