"""Reports' tables and sentences on the terminal."""

from __future__ import annotations

import sys
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from eval.scoring.report.tables import Table

_PIPED_WIDTH = 140
"""Of lines that no terminal cuts."""


def open_console() -> Console:
    """As wide as the terminal, or as a table needs where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)


def print_table(console: Console, table: Table) -> None:
    """Print a table below its title, its texts as they are."""
    printed = Printed(box=None, pad_edge=False, collapse_padding=True, padding=(0, 1), header_style="dim")
    for heading, is_number in table.columns:
        justify: Literal["right", "left"] = "right" if is_number else "left"
        printed.add_column(escape(heading), justify=justify, no_wrap=is_number, overflow="fold")
    for row in table.rows:
        printed.add_row(*map(escape, row))
    say(console, table.title, style="bold")
    console.print(printed, highlight=False)
    console.print()


def say(console: Console, text: str, *, style: str = "") -> None:
    """Print a sentence, nothing in it taken for markup."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
