"""What each row of a ledger part came to: the small columns, in one read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.generation.results import LedgerResults
from pipeline.tables import read_columns, read_rows
from pipeline.teachers import PARSER_VERSION
from schemas.completion import Completion, PairStatus, Rung


class Outcome(NamedTuple):
    """One attempt, without its text."""

    image_id: str
    attempt: int
    rung: Rung
    max_tokens: int
    status: PairStatus
    """As today's parser sees it."""
    completion_tokens: int
    started_at: float
    seconds: float


_COLUMNS = list(Outcome._fields)


def read_outcomes(part: Path, results: LedgerResults) -> Iterator[Outcome]:
    """Yield a part's attempts; raw texts are read only where the parser was another.

    Args:
        part: its file.
        results: whose it is.

    Raises:
        RunDirectoryError: it is damaged.
    """
    table = read_columns(part, [*_COLUMNS, "parser"])
    if table["parser"].unique().to_pylist() != [PARSER_VERSION]:
        for row in read_rows(part, Completion):
            outcome = Outcome(*(getattr(row, name) for name in _COLUMNS))
            yield outcome._replace(status=results.parse(row).status)
        return
    for values in zip(*(table[name].to_pylist() for name in _COLUMNS), strict=True):
        outcome = Outcome(*values)
        yield outcome._replace(rung=Rung(outcome.rung), status=PairStatus(outcome.status))
