"""The report as one page for the browser: nothing is fetched, nothing runs."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jinja2
import pyarrow as pa

from eval.scoring.report import plots
from eval.scoring.report.columns import Stretch, cut_by_length, read_column, sample_places, take_quantiles
from eval.scoring.report.explain import describe_coverage, explain, introduce, warn
from eval.scoring.report.names import (
    SPREAD,
    harmless,
    name_grouping,
    name_measure,
    name_metric,
    take_apart,
    write_number,
)
from eval.scoring.report.tables import NUMBERS, Table, list_scores, tabulate
from pipeline import pages
from pipeline.pages.shapes import Plot
from schemas.benchmark import TEXT_FIELDS, TextField
from schemas.scores import GROUPINGS, Figure, Grouping, ScoreSummary

_PACKAGE = "eval.scoring.report"
_QUANTILES = {"least": 0.0, "10 %": 0.1, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "90 %": 0.9, "most": 1.0}
_DRAWN_BY_GROUP = ("rougeL", "bertscore", "class_exact")
"""Headlines that are drawn by level, domain and complexity; the tables have the others."""
_DRAWN_BY_LENGTH = ("rougeL", "bertscore")
_BY_LENGTH = (*_DRAWN_BY_LENGTH, "class_exact")
_LENGTH = "thinking_words"
_POINTS = 2000
"""Items that a plot shows one by one: as many as the eye can tell apart, in some 150 kB."""


def render_page(summary: ScoreSummary, items: pa.Table) -> bytes:
    """One HTML document with its style and its plots inside; the same scores, the same bytes.

    Args:
        summary: of the scores.
        items: ``items.parquet``: a row for each item, with the columns that the summary's figures are named after.
    """
    shown = harmless(summary)
    style = "\n".join((pages.report_style(), pages.read_asset(_PACKAGE, "page.css")))
    predicted = items.filter(items.column("predicted"))
    stretches = _cut_by_length(shown, predicted)
    tables = [
        *tabulate(shown),
        *(_tabulate_distribution(shown, predicted, field) for field in TEXT_FIELDS),
        _tabulate_lengths(shown, stretches),
    ]
    text = _load_template().render(
        policy=pages.allow_only(style),
        style=style,
        summary=shown,
        introduction=introduce(shown),
        explanation=explain(shown),
        warnings=warn(shown),
        coverage=describe_coverage(shown),
        fields=TEXT_FIELDS,
        groupings={by: name_grouping(by) for by in GROUPINGS},
        tables={table.name: table for table in tables if table.rows},
        scores={field: plots.plot_scores(shown, field) for field in TEXT_FIELDS},
        groups={by: _plot_groups(shown, by) for by in GROUPINGS},
        distributions={field: _plot_distributions(shown, predicted, field) for field in TEXT_FIELDS},
        lengths=_plot_lengths(shown, predicted, stretches),
        statuses=plots.plot_statuses(shown),
        sampled=_POINTS if predicted.num_rows > _POINTS else None,
    )
    return pages.finish(text)


def _plot_groups(summary: ScoreSummary, by: Grouping) -> list[Plot]:
    drawn = (plots.plot_groups(summary, by, metric) for metric in _DRAWN_BY_GROUP)
    return [plot for plot in drawn if plot is not None]


def _spread(summary: ScoreSummary, field: TextField) -> list[Figure]:
    """Figures of which a distribution says more than the mean: those that are no shares of yes and no."""
    return [figure for figure in list_scores(summary, field) if take_apart(figure.name).metric in SPREAD]


def _plot_distributions(summary: ScoreSummary, predicted: pa.Table, field: TextField) -> list[Plot]:
    return [
        plots.plot_distribution(figure, read_column(predicted, figure.name), summary.keys.missing)
        for figure in _spread(summary, field)
    ]


def _tabulate_distribution(summary: ScoreSummary, predicted: pa.Table, field: TextField) -> Table:
    rows = [
        (
            name_metric(take_apart(figure.name).metric),
            *(
                write_number(figure.name, value)
                for value in take_quantiles(read_column(predicted, figure.name), list(_QUANTILES.values()))
            ),
        )
        for figure in _spread(summary, field)
        if predicted.num_rows
    ]
    headings = ("metric", *(f"{NUMBERS}{name}" for name in _QUANTILES))
    title = f"{field.capitalize()}: this share of the predicted items scores so much or less"
    return Table(f"{field}-distribution", title, headings, tuple(rows))


def _list_by_length(summary: ScoreSummary, metrics: Sequence[str]) -> list[str]:
    held = {figure.name for figure in summary.figures}
    names = [f"{field}_{metric}" for metric in metrics for field in TEXT_FIELDS]
    return [name for name in names if name in held]


def _cut_by_length(summary: ScoreSummary, predicted: pa.Table) -> list[Stretch]:
    columns = [read_column(predicted, name) for name in _list_by_length(summary, _BY_LENGTH)]
    return cut_by_length(predicted.column("key").to_pylist(), read_column(predicted, _LENGTH), columns)


def _plot_lengths(summary: ScoreSummary, predicted: pa.Table, stretches: Sequence[Stretch]) -> list[Plot]:
    places = sample_places(predicted.column("key").to_pylist(), _POINTS)
    words, listed = read_column(predicted, _LENGTH)[places], _list_by_length(summary, _BY_LENGTH)
    return [
        plots.plot_lengths(
            name, plots.Points(words, read_column(predicted, name)[places], stretches, listed.index(name))
        )
        for name in _list_by_length(summary, _DRAWN_BY_LENGTH)
        if predicted.num_rows
    ]


def _tabulate_lengths(summary: ScoreSummary, stretches: Sequence[Stretch]) -> Table:
    names = _list_by_length(summary, _BY_LENGTH)
    rows = (
        (
            f"{each.shortest:,} to {each.longest:,}",
            f"{each.items:,}",
            *(write_number(name, mean) for name, mean in zip(names, each.means, strict=True)),
        )
        for each in stretches
    )
    headings = ("words of thinking", ">items", *(f"{NUMBERS}{name_measure(name)}" for name in names))
    return Table("lengths", "Predicted items by length of the thinking", headings, tuple(rows))


@functools.cache
def _load_template() -> jinja2.Template:
    return pages.open_template(_PACKAGE, "page.html", {})
