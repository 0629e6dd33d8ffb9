"""A comparison as text: the tables and sentences that Markdown and the terminal both show."""

from __future__ import annotations

from eval.scoring.report.names import (
    NOTHING,
    name_measure,
    take_apart,
    write_interval,
    write_number,
    write_position,
)
from eval.scoring.report.tables import Table
from pipeline.texts import reveal
from schemas.comparison import Comparison, Pair

_DIGITS = 16
"""Of the benchmark's digest: enough to tell benchmarks apart."""


def introduce(comparison: Comparison) -> str:
    """What was compared, in one or two sentences."""
    order = "the lowest first" if comparison.lowest_first else "the highest first"
    pinned = f": {comparison.definition}" if comparison.definition else ""
    return reveal(
        f"Models by {name_measure(comparison.by)} ({comparison.by}), {order}. Benchmark {comparison.benchmark} "
        f"({comparison.benchmark_sha256[:_DIGITS]}), {comparison.items:,} items of {comparison.classes:,} classes. "
        f"{take_apart(comparison.by).metric}{pinned}."
    )


def warn(comparison: Comparison) -> list[str]:
    """What puts the leaderboard in doubt."""
    warnings = []
    if comparison.measured_references:
        warnings.append(
            "References were measured by the embedded engine and written by no model. This leaderboard shows that the "
            "machinery works, and nothing about the models."
        )
    if comparison.mixed_references:
        warnings.append(
            "The models were not all held against the same references (see the column), so their scores, floors and "
            "ceilings are not of one kind. Differences of pairs are against the references that both have in common."
        )
    missing = [entry.model for entry in comparison.entries if entry.missing]
    if missing:
        zero = "zero, the best that there is by this measure" if comparison.lowest_first else "zero"
        warnings.append(f"Without a prediction for every item, which count as {zero}: {reveal(', '.join(missing))}.")
    return warnings


def explain(comparison: Comparison) -> list[str]:
    """How the tables are to be read."""
    intervals = (
        f"Intervals are the middle 95 % of {comparison.replicates:,} bootstrap samples that draw whole classes. The "
        "position is where the score lies between floor (0 %) and ceiling (100 %)."
    )
    if not comparison.pairs:
        return [intervals]
    differences = (
        f"A difference is real where its p-value is below {comparison.significance:g}: two-sided, by "
        f"{comparison.flips:,} random flips of the signs of whole classes, and corrected by Holm's method for all "
        "pairs of this leaderboard. Whether the intervals of two scores overlap does not decide it."
    )
    return [intervals, differences]


def tabulate(comparison: Comparison) -> list[Table]:
    """All tables, in the order of a report; none that would be empty."""
    tables = [_tabulate_leaderboard(comparison), _tabulate_others(comparison), _tabulate_pairs(comparison)]
    return [table for table in tables if table.rows]


def _tabulate_leaderboard(comparison: Comparison) -> Table:
    """A row for each model; those that it differs from for real are named by their places."""
    headings = ["", "model", f">{name_measure(comparison.by)}", ">95 % interval", ">position", ">missing"]
    places = {entry.model: str(place) for place, entry in enumerate(comparison.entries, 1)}
    rows = []
    for entry in comparison.entries:
        figure = entry.figure
        rows.append(
            (
                places[entry.model],
                reveal(entry.model),
                write_number(figure.name, figure.value),
                write_interval(figure.name, figure.interval),
                write_position(figure.position),
                f"{entry.missing:,}",
                ", ".join(places[other] for other in entry.differs_from) or NOTHING,
                reveal(", ".join(entry.references)),
            )
        )
    headings += ["differs from", "references"]
    return Table("leaderboard", "Leaderboard", tuple(headings), tuple(rows))


def _tabulate_others(comparison: Comparison) -> Table:
    """The other main measures, in the same order of models."""
    names = list(dict.fromkeys(name for entry in comparison.entries for name in entry.others))
    rows = [
        (str(place), reveal(entry.model), *(write_number(name, entry.others.get(name)) for name in names))
        for place, entry in enumerate(comparison.entries, 1)
    ]
    headings = ("", "model", *(f">{name_measure(name)}" for name in names))
    return Table("others", "Other measures", headings, tuple(rows) if names else ())


def _tabulate_pairs(comparison: Comparison) -> Table:
    """A row for each pair of models, named by their places too."""
    places = {entry.model: place for place, entry in enumerate(comparison.entries, 1)}
    headings = ("pair", "first", "second", ">first - second", ">95 % interval", ">p", ">p, corrected", "difference")
    rows = [
        (f"{places[pair.first]}, {places[pair.second]}", *_write_pair(comparison.by, pair)) for pair in comparison.pairs
    ]
    return Table("pairs", "Differences, pair by pair", (*headings, "references"), tuple(rows))


def _write_pair(by: str, pair: Pair) -> tuple[str, ...]:
    names = (reveal(pair.first), reveal(pair.second))
    if pair.interval is None:
        return (*names, *[NOTHING] * 4, "not comparable: no reference in common", NOTHING)
    return (
        *names,
        write_number(by, pair.difference),
        write_interval(by, pair.interval),
        *(NOTHING if p is None else f"{p:.4f}" for p in (pair.p, pair.p_adjusted)),
        "real" if pair.real else "not shown",
        reveal(", ".join(pair.references)) or NOTHING,
    )
