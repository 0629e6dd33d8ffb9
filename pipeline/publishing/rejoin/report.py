"""What became of the pictures of an annotations edition, in the reader's own copy of the collection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from schemas.base import Contract, ImageId, Wnid
from schemas.image import Split
from schemas.rejection import RejectReason

Outcome = Literal["exact", "same_picture", "other_picture", "missing"]
"""The file that was packed, byte for byte; another file of the same picture; a file of this id that shows something
else; no file of this id, or none that can be used."""

OUTCOMES: tuple[Outcome, ...] = ("exact", "same_picture", "other_picture", "missing")
REASONS: Mapping[Outcome, RejectReason] = MappingProxyType(
    {"other_picture": RejectReason.OTHER_PICTURE, "missing": RejectReason.NOT_IN_SOURCE}
)
"""Outcomes that leave an image out, and the reason code that says so."""


class NotExact(Contract):
    """An image whose file is not the one that was packed: a row of ``rejoin.parquet``."""

    image_id: ImageId
    wnid: Wnid
    split: Split
    shard: str
    """Path in the annotations edition."""
    outcome: Outcome
    bits: int | None = Field(ge=0, le=64)
    """In how many bits its perceptual hash is another; null where there is no picture to take one of."""
    detail: str


class RejoinReport(Contract):
    """All pictures of the annotations, counted by what became of them."""

    annotations: str
    out: str
    splits: dict[Split, dict[Outcome, int]]
    listing: str
    """The table of all that are not exact."""
    finished: bool
    """Whether there is a dataset in ``out`` now."""
    restored: bool
    """Whether that is, byte for byte, the dataset that the annotations were made from."""
    remade: int = Field(ge=0)
    """Exact pictures that other versions of libraries than the packer's made JPEGs of: the same pictures, other bytes.
    Counted are the transcoded pictures of all shards that came out different for no other reason."""

    @property
    def left_out(self) -> int:
        """Images without a picture."""
        return self.count(*REASONS)

    def count(self, *outcomes: Outcome) -> int:
        """Images of these outcomes, of all outcomes when none is named, over all splits."""
        return sum(counts.get(outcome, 0) for counts in self.splits.values() for outcome in outcomes or OUTCOMES)


class RejoinForecast(Contract):
    """What a dry run found: for how many images the source lists a file. Nobody has looked into them."""

    annotations: str
    source: str
    form: str
    images: dict[Split, int]
    listed: dict[Split, int]
    bytes: int = Field(ge=0)
    """Of the files that would be read."""
