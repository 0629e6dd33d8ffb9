"""Two ways of doing the same work, timed side by side, and a table of how they compare."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

Scale = Literal["tiny", "quick", "full"]
"""``full`` gives the figures that are quoted, ``quick`` a first idea; ``tiny`` only shows that a benchmark runs."""

Value = TypeVar("Value")
Work = Callable[[], object]

HEADINGS = ("what", "ours", "baseline", "ratio")


class Round(NamedTuple):
    """One piece of work, to be done both ways.

    Both return what they found, so that a race between two that do not do the same is noticed.
    """

    amount: float
    """In the race's unit, e.g. the number of images."""
    ours: Work
    baseline: Work


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table."""

    what: str
    unit: str
    ours: float
    baseline: float
    against: str
    """Names the baseline."""
    ratios: tuple[float, ...]
    """Ours over the baseline's, one per round."""

    @property
    def ratio(self) -> float:
        """The median round's."""
        return statistics.median(self.ratios)


Benchmark = Callable[[Scale, Path], Iterator[Comparison]]
"""Measures at a scale, writing what it must below an empty folder."""


def race(
    what: str, unit: str, against: str, rounds: Iterable[Round], clock: Callable[[], float] = time.perf_counter
) -> Comparison:
    """Run every round both ways, the two taking turns in going first.

    On a shared machine the speed drifts; two runs next to each other meet much the same drift, so the ratio of each
    round is taken first and the median afterwards. Rates are medians too.

    Args:
        what: names the work.
        unit: of the rates, e.g. ``images/s``.
        against: names the baseline.
        rounds: made while the clocks stand.
        clock: in seconds; ``time.process_time`` for work that only computes.

    Raises:
        ValueError: the two ways did not find the same.
    """
    ours: list[float] = []
    baseline: list[float] = []
    for number, turn in enumerate(rounds):
        runs = [(turn.ours, ours), (turn.baseline, baseline)]
        found = [_time(work, turn.amount, clock, rates) for work, rates in (runs if number % 2 else reversed(runs))]
        if found[0] != found[1]:
            raise ValueError(f"{what}: one way found {found[0]}, the other {found[1]}")
    ratios = tuple(mine / other for mine, other in zip(ours, baseline, strict=True))
    return Comparison(what, unit, statistics.median(ours), statistics.median(baseline), against, ratios)


def format_table(comparisons: Sequence[Comparison]) -> str:
    """Lay comparisons out in columns; after a ratio of several rounds stand the smallest and the largest."""
    rows = [HEADINGS, *map(_cells, comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _time(work: Work, amount: float, clock: Callable[[], float], rates: list[float]) -> object:
    gc.collect()
    began = clock()
    found = work()
    rates.append(amount / (clock() - began))
    return found


def _cells(comparison: Comparison) -> tuple[str, str, str, str]:
    ratio = f"{comparison.ratio:.2f}"
    if len(comparison.ratios) > 1:
        ratio += f" ({min(comparison.ratios):.2f}-{max(comparison.ratios):.2f})"
    unit = comparison.unit
    baseline = f"{_round(comparison.baseline)} {unit}, {comparison.against}"
    return comparison.what, f"{_round(comparison.ours)} {unit}", baseline, ratio


def _round(value: float) -> str:
    """Three digits are more than a shared machine can tell apart."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"
