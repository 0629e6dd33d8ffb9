"""From the scores of all items to figures: means, intervals, anchors, groups. Exact, so in any order the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pyarrow as pa

from eval.scoring.chunks import MISSING
from eval.scoring.items import CLASS_METRICS, columns
from eval.statistics import Resampler, mean
from eval.statistics.exact import Millionths
from schemas.benchmark import LEVELS, TEXT_FIELDS
from schemas.image import Stratum
from schemas.scores import GROUPINGS, PER_UNIT, Anchors, Figure, GroupFigure, Grouping

FACTS = ("key", "wnid", "domain", "level", "stratum")
"""Columns of ``items.parquet`` that the benchmark gives."""

_NEARER_IS_BETTER = ("class_exact", "class_ancestor", "class_closeness")
"""Class metrics that have a place between floor and ceiling, as all similarities do: to name a sibling is no merit."""

_ORDERS: dict[Grouping, tuple[str, ...]] = {"level": LEVELS, "stratum": get_args(Stratum)}
"""Groups that have an order of their own."""


@dataclass(frozen=True)
class Scores:
    """All items' scores in millionths, shape (items, columns)."""

    facts: dict[str, list[str]]
    """Of every item, by the names in ``FACTS``."""
    statuses: list[str]
    metrics: tuple[str, ...]
    """That compare two texts."""
    references: tuple[str, ...]
    """Teachers whose references count."""
    model: Millionths
    floor: Millionths | None
    label_only: Millionths | None
    teachers: dict[str, Millionths]
    """Each teacher's texts against the others' references; empty with one teacher."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return columns(self.metrics, self.references)

    @property
    def is_predicted(self) -> list[bool]:
        """For every item, whether there is a prediction."""
        return [status != MISSING for status in self.statuses]


def to_table(scores: Scores) -> pa.Table:
    """The rows of ``items.parquet``: facts, what became of the item, scores."""
    values = {name: scores.model[:, place] / PER_UNIT for place, name in enumerate(scores.names)}
    named = {**scores.facts, "predicted": scores.is_predicted, "status": scores.statuses, **values}
    schema = pa.schema(
        [pa.field(name, pa.string(), nullable=False) for name in FACTS]
        + [pa.field("predicted", pa.bool_(), nullable=False), pa.field("status", pa.string(), nullable=False)]
        + [pa.field(name, pa.float64(), nullable=False) for name in scores.names]
    )
    return pa.table(named, schema=schema)


def list_figures(scores: Scores) -> tuple[Figure, ...]:
    """One figure for each column."""
    intervals = Resampler(scores.facts["wnid"]).intervals(scores.model)
    predicted = scores.model[np.asarray(scores.is_predicted, bool)]
    placed = set(_list_placed(scores))
    figures = []
    for place, name in enumerate(scores.names):
        value, anchors = mean(scores.model[:, place]), _anchor(scores, place, name)
        figures.append(
            Figure(
                name=name,
                value=value,
                interval=intervals[place],
                without_missing=mean(predicted[:, place]) if len(predicted) else None,
                anchors=anchors,
                position=_locate(value, anchors) if name in placed else None,
            )
        )
    return tuple(figures)


def list_groups(scores: Scores) -> tuple[GroupFigure, ...]:
    """The main figures of every level, domain and tercile of complexity."""
    names = [f"{field}_{metric}" for field in TEXT_FIELDS for metric in (*scores.metrics, *CLASS_METRICS)]
    places = [scores.names.index(name) for name in (*names, "format_ok")]
    return tuple(
        figure
        for by in GROUPINGS
        for group in _list_groups(by, scores.facts[by])
        for figure in _measure_group(scores, by, group, places)
    )


def _list_groups(by: Grouping, values: Sequence[str]) -> list[str]:
    held, order = set(values), _ORDERS.get(by)
    return sorted(held) if order is None else [group for group in order if group in held]


def _measure_group(scores: Scores, by: Grouping, group: str, places: Sequence[int]) -> Iterator[GroupFigure]:
    rows = [row for row, value in enumerate(scores.facts[by]) if value == group]
    values = scores.model[np.ix_(rows, places)]
    intervals = Resampler([scores.facts["wnid"][row] for row in rows]).intervals(values)
    for column, place in enumerate(places):
        yield GroupFigure(
            by=by,
            group=group,
            items=len(rows),
            name=scores.names[place],
            value=mean(values[:, column]),
            interval=intervals[column],
        )


def _list_placed(scores: Scores) -> Iterator[str]:
    """Not the best of the references: a teacher has one fewer to be best at than a model."""
    for name in columns(scores.metrics, scores.references):
        metric = name.partition("@")[0].partition("_")[2]
        if metric in scores.metrics or metric in _NEARER_IS_BETTER:
            yield name


def _anchor(scores: Scores, place: int, name: str) -> Anchors:
    teachers = list(scores.teachers)
    above = [
        values[:, place]
        for teacher, values in scores.teachers.items()
        if name in columns(scores.metrics, [each for each in teachers if each != teacher])
    ]
    return Anchors(
        floor=None if scores.floor is None else mean(scores.floor[:, place]),
        label_only=None if scores.label_only is None else mean(scores.label_only[:, place]),
        ceiling=mean(np.concatenate(above)) if above else None,
    )


def _locate(value: float, anchors: Anchors) -> float | None:
    if anchors.floor is None or anchors.ceiling is None or anchors.ceiling <= anchors.floor:
        return None
    return round((value - anchors.floor) / (anchors.ceiling - anchors.floor), 6)
