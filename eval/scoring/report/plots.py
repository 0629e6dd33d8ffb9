"""The plots of the page: from figures and items to shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.scoring.report.columns import Millionths, Stretch
from eval.scoring.report.names import name_group, name_metric, take_apart, write_number
from eval.scoring.report.tables import list_groups, list_scores, list_statuses, name_status
from pipeline.pages.shapes import WIDTH, Bar, Curve, Dot, Key, Label, Plot, Rule, Scale, choose_ticks
from schemas.benchmark import TEXT_FIELDS, TextField
from schemas.scores import PER_UNIT, Figure, GroupFigure, Grouping, ScoreSummary

_ROW = 26.0
_TOP = 10.0
_NAMES = 200.0
"""Where a lying plot begins: left of it stand names."""
_RIGHT = 14.0
"""Room right of a plot, for half a tick's number."""
_AXIS = 26.0
"""Room below a plot, for the ticks' numbers."""

_BINS = 40
_SMALL = 420.0
"""Width of a small plot, of which several stand side by side."""
_SMALL_HEIGHT = 190.0
_SMALL_LEFT = 52.0

_SCATTER_HEIGHT = 330.0
_SCATTER_LEFT = 56.0

_ANCHORS = {"floor": "floor", "label_only": "label only", "ceiling": "ceiling"}
_ANCHOR_KEYS = [
    Key("floor", "floor", "mark"),
    Key("label-only", "label only", "mark"),
    Key("ceiling", "ceiling", "mark"),
]


def plot_scores(summary: ScoreSummary, field: TextField) -> Plot:
    """Every score of one text with its interval, between floor and ceiling."""
    figures = list_scores(summary, field)
    plot = _lying(f"{field}-plot", f"Scores of the {field}, between floor and ceiling", len(figures))
    plot.legend = [Key(f"dot-{field}", "score and interval", "dot"), *_ANCHOR_KEYS]
    across = _lay_axis(plot, _lowest(figures))
    for row, figure in enumerate(figures):
        y = _TOP + (row + 0.5) * _ROW
        for anchor in _ANCHORS:
            value = getattr(figure.anchors, anchor)
            if value is not None:
                x = across(value)
                plot.rules.append(Rule(x, y - 9, x, y + 9, anchor.replace("_", "-")))
        name = name_metric(take_apart(figure.name).metric)
        _mark(plot, across, y, figure, name)
        plot.labels.append(Label(_NAMES - 8, y + 5, name, "end"))
    plot.description = "; ".join(dot.tip for dot in plot.dots)
    return plot


def plot_groups(summary: ScoreSummary, by: Grouping, metric: str) -> Plot | None:
    """One metric of both texts, group by group; ``None`` where there are no such figures."""
    measures = [(field, f"{field}_{metric}") for field in TEXT_FIELDS]
    groups = [
        (group, figures)
        for group, _, figures in list_groups(summary, by)
        if any(name in figures for _, name in measures)
    ]
    if not groups:
        return None
    plot = _lying(f"{by}-{metric}-plot", name_metric(metric), len(groups))
    plot.legend = [Key(f"dot-{field}", field, "dot") for field in TEXT_FIELDS]
    across = _lay_axis(
        plot, min(figure.interval.low for _, figures in groups for _, name in measures if (figure := figures.get(name)))
    )
    for row, (group, figures) in enumerate(groups):
        y = _TOP + (row + 0.5) * _ROW
        words = name_group(by, group).partition(":")[0]
        for number, (field, name) in enumerate(measures):
            if name in figures:
                _mark(plot, across, y + (number - 0.5) * 10, figures[name], f"{words}, {field}")
        plot.labels.append(Label(_NAMES - 8, y + 5, words, "end"))
    plot.description = "; ".join(dot.tip for dot in plot.dots)
    return plot


def plot_statuses(summary: ScoreSummary) -> Plot:
    """The items by what the parser made of them."""
    counts = list_statuses(summary)
    plot = _lying("statuses-plot", "Items by status", len(counts))
    ticks = choose_ticks(summary.items)
    across = Scale(0, ticks[-1], _NAMES, WIDTH - _RIGHT - 10)
    _lay_ticks(plot, across, [(tick, f"{tick:,.0f}") for tick in ticks])
    for row, (status, count) in enumerate(counts):
        y = _TOP + row * _ROW
        style = "missing" if status == "missing" else "bar"
        tip = f"{name_status(status)}: {count:,}"
        plot.bars.append(Bar(across.start, y + 5, across(count) - across.start, _ROW - 10, style, tip))
        plot.labels.append(Label(_NAMES - 8, y + 18, status.replace("_", " "), "end"))
    plot.description = "; ".join(bar.tip for bar in plot.bars)
    return plot


def plot_distribution(figure: Figure, values: Millionths, missing: int) -> Plot:
    """How one measure of the predicted items is spread; those without a prediction stand on the bar of zero."""
    field, metric, _ = take_apart(figure.name)
    low = -PER_UNIT if len(values) and values.min() < 0 else 0
    places = np.clip((values - low) * _BINS // (PER_UNIT - low), 0, _BINS - 1)
    counts = np.bincount(places, minlength=_BINS).tolist()
    plot = Plot(f"{figure.name}-plot", name_metric(metric), "", _SMALL_HEIGHT, _SMALL)
    bottom = _SMALL_HEIGHT - _AXIS
    zero = (0 - low) * _BINS // (PER_UNIT - low)
    ticks = choose_ticks(max([*counts, counts[zero] + missing]), 3)
    up = Scale(0, ticks[-1], bottom, _TOP + 6)
    across = Scale(low / PER_UNIT, 1, _SMALL_LEFT, _SMALL - _RIGHT)
    for tick in ticks:
        plot.rules.append(Rule(across.start, up(tick), across.end, up(tick), "grid"))
        plot.labels.append(Label(across.start - 6, up(tick) + 5, f"{tick:,.0f}", "end"))
    for tick in _unit_ticks(across.low):
        plot.labels.append(Label(across(tick), _SMALL_HEIGHT - 6, f"{tick:.1f}", "middle"))
    width = (across.end - across.start) / _BINS
    for number, count in enumerate(counts):
        if count:
            start = across.low + number * (1 - across.low) / _BINS
            tip = f"{start:.3f} to {start + (1 - across.low) / _BINS:.3f}: {count:,}"
            box = (across.start + number * width, up(count), width - 0.8, bottom - up(count))
            plot.bars.append(Bar(*box, f"bar-{field}", tip))
    if missing:
        top = up(counts[zero] + missing)
        box = (across.start + zero * width, top, width - 0.8, up(counts[zero]) - top)
        plot.bars.append(Bar(*box, "missing", f"no prediction: {missing:,}"))
    for anchor in _ANCHORS:
        value = getattr(figure.anchors, anchor)
        if value is not None:
            plot.rules.append(Rule(across(value), _TOP, across(value), bottom, anchor.replace("_", "-")))
    plot.description = f"{len(values):,} predicted items, {missing:,} without a prediction; mean {figure.value:.4f}."
    return plot


@dataclass(frozen=True, slots=True)
class Points:
    """Some items, and what all of them come to."""

    words: Millionths
    values: Millionths
    stretches: Sequence[Stretch]
    column: int
    """Which of a stretch's means belongs to the values."""


def plot_lengths(name: str, points: Points) -> Plot:
    """Words of thinking against a score, on a logarithmic scale, with the mean of every tenth of the items."""
    field, metric, _ = take_apart(name)
    title = f"{name_metric(metric)} of the {field} by words of thinking"
    plot = Plot(f"{name}-length-plot", title, "", _SCATTER_HEIGHT)
    plot.legend = [Key(f"point-{field}", "an item", "dot"), Key("trend", "mean of the items of such a length", "line")]
    ends = [(each.shortest, each.longest) for each in points.stretches] or [(0, 1)]
    low, high = ends[0][0], max(ends[-1][1], ends[0][0] + 1)
    across = Scale(math.log1p(low), math.log1p(high), _SCATTER_LEFT, WIDTH - _RIGHT)
    bottom = _SCATTER_HEIGHT - _AXIS - 20
    values = points.values.tolist()
    lowest = min([0, *values]) / PER_UNIT
    up = Scale(-1.0 if lowest < 0 else 0.0, 1.0, bottom, _TOP)
    for tick in _unit_ticks(up.low):
        plot.rules.append(Rule(across.start, up(tick), across.end, up(tick), "grid"))
        plot.labels.append(Label(across.start - 8, up(tick) + 5, f"{tick:.1f}", "end"))
    for tick in choose_word_ticks(low, high):
        plot.labels.append(Label(across(math.log1p(tick)), bottom + 18, f"{tick:,}", "middle"))
    plot.labels.append(Label((across.start + across.end) / 2, _SCATTER_HEIGHT - 6, "words of thinking", "middle"))
    plot.dots = [
        Dot(across(math.log1p(words // PER_UNIT)), up(value / PER_UNIT), style=f"point-{field}", radius=2.5)
        for words, value in zip(points.words.tolist(), values, strict=True)
    ]
    plot.curves = [Curve(_draw_trend(points, across, up), "trend")] if len(points.stretches) > 1 else []
    plot.description = "; ".join(
        f"{each.shortest:,} to {each.longest:,} words: {each.means[points.column]:.4f}" for each in points.stretches
    )
    return plot


_TICKS = ((3.5, (1,)), (2.0, (1, 3)), (0.7, (1, 2, 5)), (0.0, tuple(range(1, 10))))
"""How a power of ten is cut: from so many of them on, by these factors."""


def choose_word_ticks(low: int, high: int) -> list[int]:
    """Round numbers of words between two, about four to eight, for a logarithmic scale."""
    decades = math.log10((high + 1) / (low + 1))
    factors = next(factors for least, factors in _TICKS if decades >= least)
    ticks = [0, *(factor * 10**power for power in range(len(str(high))) for factor in factors)]
    return [tick for tick in ticks if low <= tick <= high] or [low, high]


def _draw_trend(points: Points, across: Scale, up: Scale) -> str:
    middles = [
        (across(math.log1p((each.shortest + each.longest) / 2)), up(each.means[points.column]))
        for each in points.stretches
    ]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in middles)


def _mark(plot: Plot, across: Scale, y: float, figure: Figure | GroupFigure, of: str) -> None:
    """A score as a dot on its interval; ``of`` says what it is the score of."""
    field = take_apart(figure.name).field or TEXT_FIELDS[-1]
    low, high = across(figure.interval.low), across(figure.interval.high)
    plot.rules.append(Rule(low, y, high, y, f"span-{field}"))
    plot.dots.append(Dot(across(figure.value), y, f"{of}: {write_number(figure.name, figure.value)}", f"dot-{field}"))


def _lying(name: str, title: str, rows: int) -> Plot:
    return Plot(name, title, "", _TOP + max(rows, 1) * _ROW + _AXIS)


def _lay_axis(plot: Plot, lowest: float) -> Scale:
    across = Scale(-1.0 if lowest < 0 else 0.0, 1.0, _NAMES, WIDTH - _RIGHT)
    _lay_ticks(plot, across, [(tick, f"{tick:.1f}") for tick in _unit_ticks(across.low)])
    return across


def _lay_ticks(plot: Plot, across: Scale, ticks: Sequence[tuple[float, str]]) -> None:
    for tick, words in ticks:
        x = across(tick)
        plot.rules.append(Rule(x, _TOP, x, plot.height - _AXIS + 4, "grid"))
        plot.labels.append(Label(x, plot.height - 6, words, "middle"))


def _unit_ticks(low: float) -> list[float]:
    """Fifths of the units that scores lie in."""
    return [number / 5 for number in range(-5 if low < 0 else 0, 6)]


def _lowest(figures: Sequence[Figure]) -> float:
    anchors = [figure.anchors for figure in figures]
    held = [value for each in anchors for value in (each.floor, each.label_only, each.ceiling) if value is not None]
    return min([0.0, *held, *(figure.interval.low for figure in figures)])
