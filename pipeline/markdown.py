"""Tables in GitHub Flavored Markdown, with texts that could be anybody's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\`*_\[\]<>|#~&$!]")
"""What Markdown, HTML inside it or GitHub would take for more than text."""


def escape_markdown(text: str) -> str:
    """Text on one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def write_table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """A table, its texts escaped.

    Args:
        columns: the headings, and whether numbers stand below them.
        rows: as many cells as there are columns.
    """
    marks = "|".join("---:" if is_number else "---" for _, is_number in columns)
    return "\n".join([_write_row(heading for heading, _ in columns), f"|{marks}|", *map(_write_row, rows)])


def _write_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escape_markdown, cells))} |"
