"""What scoring a model comes to: the figures, how sure they are, and where they lie between floor and ceiling."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from schemas.base import Contract, Count, Sha256

SCORES_VERSION = "1"

PER_UNIT = 1_000_000
"""Item scores are whole millionths, so that sums, means and resamples are exact and the same on any machine."""

Grouping = Literal["level", "domain", "stratum"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)


class Interval(Contract):
    """A 95 % interval: percentiles of a bootstrap that draws whole classes."""

    low: float
    high: float


class Anchors(Contract):
    """What the same measure gives to who knows nothing, only the label, or as much as a teacher. Null: not defined."""

    floor: float | None
    """The embedded engine ``pixels``, which measures the picture and knows no thing in it."""
    label_only: float | None
    """The class's names and definition, and nothing of the picture."""
    ceiling: float | None
    """The teachers, each against the others."""


class Figure(Contract):
    """One measure over all items; its column in ``items.parquet`` has the same name."""

    name: str
    value: float
    """Mean over all items, a missing prediction counting as zero."""
    interval: Interval
    without_missing: float | None
    """Mean over the items that were predicted; null when none was."""
    anchors: Anchors
    position: float | None
    """Of ``value`` between floor (0) and ceiling (1); null where the ceiling is not above the floor."""


class GroupFigure(Contract):
    """One measure over the items of one level, domain or tercile of complexity."""

    by: Grouping
    group: str
    items: int = Field(gt=0)
    name: str
    value: float
    interval: Interval


class Keys(Contract):
    """What the file of predictions holds. Items = predicted + missing; lines = predicted + repeated + unknown."""

    lines: Count
    predicted: Count
    missing: Count
    """Items without a prediction: they count as zero."""
    repeated: Count
    """Further lines for a key; the first counts."""
    contradictory: Count
    """Of these, lines whose text is not that of the first."""
    unknown: Count
    """Lines whose key the benchmark does not hold; left out."""
    missing_examples: tuple[str, ...]
    repeated_examples: tuple[str, ...]
    unknown_examples: tuple[str, ...]


class Coverage(Contract):
    """How much of the texts an embedding metric saw, in its model's tokens."""

    metric: str
    field: str
    window: int = Field(gt=0)
    """Tokens that the model takes at once."""
    tokens: Count
    """Of all predicted texts."""
    scored: Count
    """Of these, tokens that count: all of them, in as many windows as it takes."""
    first_window: Count
    """Of these, tokens that would count if texts were cut at the window, as these metrics' packages do."""


class ScoreSummary(Contract):
    """``summary.json``: a function of the benchmark and the predictions, the same bytes on any machine."""

    scores_version: str
    model: str
    benchmark: str
    benchmark_sha256: Sha256
    items: Count
    classes: Count
    measured_references: bool
    """The references were written by no model: such scores show that the machinery works and nothing else."""
    tags: str
    """Family of thinking tags that the raw texts were read by."""
    excluded_references: tuple[str, ...]
    """Teachers whose references were left out, e.g. because they wrote the predictions."""
    references: tuple[str, ...]
    """Teachers whose references count."""
    keys: Keys
    statuses: dict[str, Count]
    """Predicted items by what the parser made of them."""
    figures: tuple[Figure, ...]
    groups: tuple[GroupFigure, ...]
    coverage: tuple[Coverage, ...]
    definitions: dict[str, str]
    """What pins each metric: definition, tokenizer, versions, models; by metric."""
    replicates: int = Field(gt=0)
    """Of the bootstrap."""
