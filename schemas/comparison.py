"""What comparing the scores of several models comes to: a leaderboard, and which of its differences are real."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract, Count, Sha256
from schemas.scores import Figure, Interval

COMPARISON_VERSION = "1"


class Entry(Contract):
    """One model of a leaderboard."""

    model: str
    """Its name; with its directory where two models are called alike."""
    summary_sha256: Sha256
    """Of the ``summary.json`` that the figures come from."""
    figure: Figure
    """The measure that the leaderboard is sorted by."""
    references: tuple[str, ...]
    """Teachers whose references this figure is against; none where it needs no reference."""
    others: dict[str, float]
    """The other main measures, by name; those that the model was scored by."""
    missing: Count
    """Items without a prediction."""
    differs_from: tuple[str, ...]
    """Models that it differs from for real."""


class Pair(Contract):
    """Two models on the same items, the higher one in the leaderboard first."""

    first: str
    second: str
    references: tuple[str, ...]
    """Teachers whose references both were held against, for this difference; none where the measure needs none."""
    difference: float | None
    """The mean of the second taken from that of the first; null where no reference is common to both."""
    interval: Interval | None
    """95 %, of this pair alone."""
    p: float | None
    """Two-sided, of this pair alone."""
    p_adjusted: float | None
    """Corrected for all pairs of the leaderboard, by Holm's method."""
    real: bool
    """The corrected p-value is below the level."""


class Comparison(Contract):
    """``leaderboard.json``: a function of the scores, the same bytes on any machine."""

    comparison_version: str
    benchmark: str
    benchmark_sha256: Sha256
    items: Count
    classes: Count
    measured_references: bool
    """The references were written by no model: such a leaderboard shows that the machinery works and nothing else."""
    by: str
    """The measure that the models are sorted by."""
    lowest_first: bool
    """Less of it is better."""
    definition: str | None
    """What pins the measure; the same for all models."""
    mixed_references: bool
    """The models were not all held against the same references."""
    replicates: int = Field(gt=0)
    """Of the bootstrap that gives the intervals."""
    flips: int = Field(gt=0)
    """Of the permutation test that gives the p-values."""
    significance: float = Field(gt=0, lt=1)
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
