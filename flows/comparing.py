"""What `imagenet-think compare` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from eval.comparing.tables import explain, introduce, tabulate, warn
from flows.tables import open_console, print_table, say
from schemas.comparison import Comparison


def print_comparison(comparison: Comparison, written: Sequence[Path]) -> None:
    """Print the leaderboard, which of its differences are real, and where all of it lies."""
    console = open_console()
    say(console, introduce(comparison))
    for warning in warn(comparison):
        say(console, warning, style="yellow")
    console.print()
    for table in tabulate(comparison):
        print_table(console, table)
    for line in explain(comparison):
        say(console, line, style="dim")
    for path in written:
        typer.echo(f"written: {path}")
