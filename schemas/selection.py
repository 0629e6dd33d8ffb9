"""What became of every class in the draw."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Contract, Wnid

Outcome = Literal["met", "missed", "unwanted"]
"""``missed``: fewer images than its quota; it has no more usable ones, or caps of domains ended the draw.
``unwanted``: excluded, unknown or too small a class, or no leaf."""


class ClassOutcome(Contract):
    """One class that the source holds. Counts are of images: indexed >= screened >= usable >= drawn."""

    wnid: Wnid
    domain: str
    depth: int = Field(ge=0)
    indexed: int = Field(gt=0)
    screened: int = Field(ge=0)
    """Judged, by header or wholly, because the draw came to them."""
    usable: int = Field(ge=0)
    """Of those screened; exact duplicates are not usable."""
    drawn: int = Field(ge=0)
    quota: int = Field(ge=0)
    """What the same rules give the class when every indexed image is taken for usable."""
    outcome: Outcome
    reason: str
    """Why it is unwanted; empty otherwise."""
