"""The report's tables, as text: Markdown, the page and the terminal each show these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from eval.scoring.report.names import (
    BEST,
    CLASS_RECALL,
    NOTHING,
    SIMILARITIES,
    name_group,
    name_grouping,
    name_measure,
    name_metric,
    take_apart,
    write_interval,
    write_number,
    write_position,
)
from schemas.benchmark import TEXT_FIELDS, TextField
from schemas.scores import GROUPINGS, Figure, GroupFigure, Grouping, ScoreSummary

HEADLINES = ("rougeL", "tfidf", "bertscore", "sbert", "class_exact")
"""Metrics that stand for the others where room is short: by level, by domain, by complexity."""

NUMBERS = ">"
"""Begins the heading of a column of numbers."""

_SCORE = (">score", ">95 % interval", ">without missing", ">floor", ">label only", ">ceiling", ">position")


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Its text is harmless if the summary is, and not escaped."""

    name: str
    """Unique in a report."""
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Headings, and whether numbers stand below them."""
        return [(heading.removeprefix(NUMBERS), heading.startswith(NUMBERS)) for heading in self.headings]


def list_scores(summary: ScoreSummary, field: TextField) -> list[Figure]:
    """What one text scores: its likeness to the references, on average over them, then the class's recall."""
    figures = {figure.name: figure for figure in summary.figures}
    names = [f"{field}_{metric}" for metric in (*SIMILARITIES, *CLASS_RECALL)]
    return [figures[name] for name in names if name in figures]


def list_behaviour(summary: ScoreSummary) -> list[Figure]:
    """All else: format, found-then-lost, length, repetition, language."""
    measures = [(figure, take_apart(figure.name)) for figure in summary.figures]
    scores = {*SIMILARITIES, *CLASS_RECALL}
    return [figure for figure, (field, metric, _) in measures if field is None or metric not in scores]


def list_groups(summary: ScoreSummary, by: Grouping) -> list[tuple[str, int, dict[str, GroupFigure]]]:
    """Groups in the summary's order: name, items, and figures by measure."""
    groups: dict[str, tuple[int, dict[str, GroupFigure]]] = {}
    for figure in summary.groups:
        if figure.by == by:
            groups.setdefault(figure.group, (figure.items, {}))[1][figure.name] = figure
    return [(group, items, figures) for group, (items, figures) in groups.items()]


def tabulate(summary: ScoreSummary) -> list[Table]:
    """All tables that a summary fills, in the order of a report."""
    tables: list[Table] = []
    for field in TEXT_FIELDS:
        tables += [tabulate_scores(summary, field), tabulate_references(summary, field)]
    tables.append(tabulate_behaviour(summary))
    tables += [tabulate_groups(summary, by) for by in GROUPINGS]
    tables += [tabulate_keys(summary), tabulate_statuses(summary), tabulate_coverage(summary)]
    definitions = tuple((name_metric(metric), text) for metric, text in summary.definitions.items())
    tables.append(Table("definitions", "What pins the metrics", ("metric", "definition"), definitions))
    return [table for table in tables if table.rows]


def tabulate_scores(summary: ScoreSummary, field: TextField) -> Table:
    """One text's scores, with floor and ceiling."""
    rows = [(name_metric(take_apart(figure.name).metric), *_score(figure)) for figure in list_scores(summary, field)]
    return _drop_empty(Table(f"{field}-scores", f"{field.capitalize()}: scores", ("metric", *_SCORE), tuple(rows)))


def tabulate_behaviour(summary: ScoreSummary) -> Table:
    """Everything that is measured without the references."""
    rows = [(name_measure(figure.name), *_score(figure)) for figure in list_behaviour(summary)]
    return _drop_empty(Table("behaviour", "Format, length, repetition, language", ("measure", *_SCORE), tuple(rows)))


def tabulate_references(summary: ScoreSummary, field: TextField) -> Table:
    """One text's likeness to each teacher's reference, to all on average and to the best; empty with one reference."""
    figures = {figure.name: figure for figure in summary.figures}
    names = [name for metric in SIMILARITIES if (name := f"{field}_{metric}") in figures]
    wanted = ("", *(f"@{teacher}" for teacher in summary.references), f"_{BEST}")
    rows = (
        (
            name_metric(take_apart(name).metric),
            *(write_number(name, figure.value if (figure := figures.get(name + end)) else None) for end in wanted),
        )
        for name in names
    )
    headings = ("metric", ">mean", *(f">{teacher}" for teacher in summary.references), ">best for each item")
    title = f"{field.capitalize()}: reference by reference"
    return Table(f"{field}-references", title, headings, tuple(rows) if len(summary.references) > 1 else ())


def tabulate_groups(summary: ScoreSummary, by: Grouping) -> Table:
    """The headlines of both texts, group by group."""
    groups = list_groups(summary, by)
    names = [f"{field}_{metric}" for field in TEXT_FIELDS for metric in HEADLINES]
    measures = [name for name in names if any(name in figures for _, _, figures in groups)]
    rows = (
        (name_group(by, group), f"{items:,}", *(_group(figures.get(name)) for name in measures))
        for group, items, figures in groups
    )
    headings = (name_grouping(by), ">items", *(f">{name_measure(name)}" for name in measures))
    return Table(f"{by}-groups", f"By {name_grouping(by)}", headings, tuple(rows))


def tabulate_keys(summary: ScoreSummary) -> Table:
    """What the file of predictions holds."""
    keys = summary.keys
    rows: list[tuple[str, int, Sequence[str]]] = [
        ("lines of the file", keys.lines, ()),
        ("items predicted", keys.predicted, ()),
        ("items missing, which count as zero", keys.missing, keys.missing_examples),
        ("lines repeating a key, of which the first counts", keys.repeated, keys.repeated_examples),
        ("of these, lines that say something else", keys.contradictory, ()),
        ("lines with a key that the benchmark does not hold", keys.unknown, keys.unknown_examples),
    ]
    written = ((what, f"{count:,}", list_examples(examples, count)) for what, count, examples in rows)
    return Table("keys", "Predictions", ("what", ">count", "such as"), tuple(written))


def tabulate_statuses(summary: ScoreSummary) -> Table:
    """What the parser made of the predicted items."""
    rows = ((name_status(status), f"{count:,}") for status, count in list_statuses(summary))
    return Table("statuses", "What became of the items", ("status", ">items"), tuple(rows))


def tabulate_coverage(summary: ScoreSummary) -> Table:
    """How much of the texts the embedding metrics saw."""
    rows = (
        (
            name_metric(each.metric),
            each.field,
            *(f"{count:,}" for count in (each.window, each.tokens, each.scored, each.first_window)),
        )
        for each in summary.coverage
    )
    headings = ("metric", "text", ">tokens at once", ">tokens in all", ">scored", ">in the first window")
    return Table("coverage", "What the embedding metrics saw, in their models' tokens", headings, tuple(rows))


def list_statuses(summary: ScoreSummary) -> list[tuple[str, int]]:
    """Items by status, the most frequent first, those without a prediction at the end."""
    counts = sorted(summary.statuses.items(), key=lambda each: (-each[1], each[0]))
    missing = [("missing", summary.keys.missing)] if summary.keys.missing else []
    return [(status, count) for status, count in counts if count and status != "missing"] + missing


def name_status(status: str) -> str:
    """A status in words."""
    return {"given": "thinking and answer given apart", "ok": "parsed", "missing": "no prediction"}.get(
        status, status.replace("_", " ")
    )


def list_examples(examples: Iterable[str], count: int) -> str:
    """Some of ``count`` names."""
    listed = list(examples)
    return ", ".join(listed) + (", ..." if listed and len(listed) < count else "")


def _score(figure: Figure) -> tuple[str, ...]:
    anchors = figure.anchors
    numbers = (figure.without_missing, anchors.floor, anchors.label_only, anchors.ceiling)
    return (
        write_number(figure.name, figure.value),
        write_interval(figure.name, figure.interval),
        *(write_number(figure.name, number) for number in numbers),
        write_position(figure.position),
    )


def _group(figure: GroupFigure | None) -> str:
    if figure is None:
        return NOTHING
    low, high = figure.interval.low, figure.interval.high
    return f"{figure.value:.3f} ({low:.3f} to {high:.3f})"


def _drop_empty(table: Table) -> Table:
    """Without the columns that say nothing in any row."""
    held = [place for place in range(len(table.headings)) if any(row[place] != NOTHING for row in table.rows)]
    rows = tuple(tuple(row[place] for place in held) for row in table.rows)
    return replace(table, headings=tuple(table.headings[place] for place in held), rows=rows)
