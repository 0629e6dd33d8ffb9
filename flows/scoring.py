"""What `imagenet-think score` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from eval.scoring.report.explain import describe_coverage, introduce, warn
from eval.scoring.report.names import harmless
from eval.scoring.report.tables import (
    tabulate_behaviour,
    tabulate_keys,
    tabulate_scores,
    tabulate_statuses,
)
from flows.tables import open_console, print_table, say
from schemas.benchmark import TEXT_FIELDS
from schemas.scores import ScoreSummary


def print_scores(summary: ScoreSummary, written: Sequence[Path]) -> None:
    """Print the scores of thinking and answer, what the predictions were, and where all of it lies."""
    shown = harmless(summary)
    console = open_console()
    say(console, f"Scores of {shown.model}", style="bold")
    say(console, introduce(shown))
    for warning in warn(shown):
        say(console, warning, style="yellow")
    console.print()
    for table in (
        *(tabulate_scores(shown, field) for field in TEXT_FIELDS),
        tabulate_behaviour(shown),
        tabulate_statuses(shown),
        tabulate_keys(shown),
    ):
        if table.rows:
            print_table(console, table)
    for sentence in describe_coverage(shown):
        say(console, sentence)
    for path in written:
        typer.echo(f"written: {path}")
