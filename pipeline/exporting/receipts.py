"""What an export says of itself: of each part when it is finished, and of the whole when all are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from pipeline.exporting.examples import LeftOut
from pipeline.exporting.options import ExportOptions
from schemas.base import Contract, Sha256

EXPORT_VERSION = 1
"""Raised whenever the same inputs give other bytes than before."""

EXPORT_FILE = "export.json"
"""Written last: an export that has it is whole."""


class Identity(Contract):
    """What an export's bytes are a function of."""

    version: int
    dataset: str
    dataset_sha256: Sha256
    """Of the dataset's manifest."""
    options: ExportOptions


class PartEntry(Contract):
    """One file of rows. ``path`` is relative to the export's root."""

    path: str
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: Sha256


class Counts(Contract):
    """examples = rows + left out."""

    images: int = Field(ge=0)
    """Read from the dataset."""
    turned: int = Field(ge=0)
    """Pictures among those of the rows that were turned upright, and encoded anew."""
    examples: int = Field(ge=0)
    """That they can give: one for each pair with ``both``, else one for each image."""
    rows: int = Field(ge=0)
    left_out: dict[LeftOut, int]


def add_up(counts: Sequence[Counts]) -> Counts:
    """The sum; reasons in the order of :class:`~pipeline.exporting.examples.LeftOut`."""
    left_out = sum((Counter(each.left_out) for each in counts), Counter[LeftOut]())
    return Counts(
        images=sum(each.images for each in counts),
        turned=sum(each.turned for each in counts),
        examples=sum(each.examples for each in counts),
        rows=sum(each.rows for each in counts),
        left_out={reason: left_out[reason] for reason in LeftOut if reason in left_out},
    )


class PartReceipt(Contract):
    """Says that a part is finished, and from what it was made."""

    recipe: Sha256
    part: PartEntry
    counts: Counts


class ExportReport(Contract):
    """``export.json``."""

    identity: Identity
    reader: str
    """Whose loader the rows were written for."""
    counts: Counts
    parts: tuple[PartEntry, ...]
