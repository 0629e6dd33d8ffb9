"""The scores of one item: its texts against the references, its class in them, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from eval.metrics.tokens import tokenize
from eval.scoring.predictions import Prediction
from eval.scoring.suite import Prepared, Suite
from pipeline.teachers.quality import han_share, is_wrong_language, repeated_8grams
from schemas.benchmark import TEXT_FIELDS, BenchmarkItem, Reference, TextField
from schemas.completion import PairStatus
from schemas.scores import PER_UNIT

BEST = "_best"
"""Ends the name of a column that holds the best of the references, where the mean has no ending."""

CLASS_METRICS = ("class_exact", "class_ancestor", "class_sibling", "class_closeness")
_WRITING = ("words", "repeated_8grams")
_TOGETHER = ("found_then_lost", "format_ok", "han_share", "wrong_language")
"""Of thinking and answer together."""

PreparedTexts = Mapping[TextField, Mapping[str, Prepared]]

_WELL_FORMED = frozenset({PairStatus.OK, PairStatus.REPETITION, PairStatus.WRONG_LANGUAGE})
"""Statuses that blame the substance of a text, not its form."""


def columns(metrics: Sequence[str], references: Sequence[str]) -> tuple[str, ...]:
    """Names of an item's scores, in order.

    Args:
        metrics: that compare two texts.
        references: teachers whose references count.
    """
    return (*(name for field in TEXT_FIELDS for name in _field_columns(field, metrics, references)), *_TOGETHER)


def _field_columns(field: TextField, metrics: Sequence[str], references: Sequence[str]) -> list[str]:
    endings = ("", BEST, *(f"@{teacher}" for teacher in references))
    compared = (metric + ending for metric in metrics for ending in endings)
    return [f"{field}_{name}" for name in (*compared, *CLASS_METRICS, *_WRITING)]


def score_item(
    item: BenchmarkItem, prediction: Prediction | None, suite: Suite, references: Sequence[str] | None = None
) -> dict[str, float]:
    """Score one prediction.

    Args:
        item: what was asked.
        prediction: what was answered; every score of ``None`` is 0.
        suite: of the item's benchmark.
        references: teachers whose references count; all when left out.

    Returns:
        The scores, in whole millionths, by the names and in the order of :func:`columns`.
    """
    counted = choose_references(item, references)
    texts: list[Reference | Prediction] = [*counted, *([prediction] if prediction else [])]
    prepared = {field: suite.prepare(field, (getattr(each, field) for each in texts)) for field in TEXT_FIELDS}
    return score_prepared(item, prediction, suite, counted, prepared)


def choose_references(item: BenchmarkItem, teachers: Sequence[str] | None) -> list[Reference]:
    """An item's references that count, in its order."""
    return [reference for reference in item.references if teachers is None or reference.teacher in teachers]


def score_prepared(
    item: BenchmarkItem,
    prediction: Prediction | None,
    suite: Suite,
    references: Sequence[Reference],
    prepared: PreparedTexts,
) -> dict[str, float]:
    """As :func:`score_item`, of texts that were prepared before."""
    teachers = [each.teacher for each in references]
    if prediction is None:
        return dict.fromkeys(columns(suite.metrics, teachers), 0.0)
    scores: dict[str, float] = {}
    named: dict[TextField, bool] = {}
    for field in TEXT_FIELDS:
        text: str = getattr(prediction, field)
        mention = suite.classes.find(item.wnid, text)
        named[field] = mention.exact
        values = (
            *_liken(suite, text, [getattr(each, field) for each in references], prepared[field]),
            *map(float, mention),
            float(len(tokenize(text))),
            repeated_8grams(text),
        )
        scores |= zip(_field_columns(field, suite.metrics, teachers), values, strict=True)
    scores["found_then_lost"] = float(named["thinking"] and not named["answer"])
    scores["format_ok"] = float(_is_well_formed(prediction))
    scores["han_share"] = han_share(f"{prediction.thinking}\n{prediction.answer}")
    scores["wrong_language"] = float(
        any(is_wrong_language(text, suite.language) for text in (prediction.thinking, prediction.answer))
    )
    return {name: round(value * PER_UNIT) / PER_UNIT for name, value in scores.items()}


def _liken(suite: Suite, text: str, references: Sequence[str], prepared: Mapping[str, Prepared]) -> Iterator[float]:
    """By every metric: the mean over the references, the best of them, and each."""
    compared = [suite.compare(prepared[text], prepared[reference]) for reference in references]
    for values in zip(*compared, strict=True):
        yield math.fsum(values) / len(values)
        yield max(values)
        yield from values


def _is_well_formed(prediction: Prediction) -> bool:
    told_apart = prediction.status is None or prediction.status in _WELL_FORMED
    return told_apart and bool(prediction.thinking.strip()) and bool(prediction.answer.strip())
