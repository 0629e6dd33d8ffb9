"""A chunk: pending images of one teacher that one worker asks in one go. Its file is all that the worker is told."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract, ImageId
from schemas.completion import PairStatus


class ChunkImage(Contract):
    """One row of a chunk's file: an image, and where the ledger left it when the chunk was cut."""

    image_id: ImageId
    last_attempt: int = Field(ge=0)
    spent: int = Field(ge=0)
    """Bit n is set when attempt n counts."""
    status: PairStatus | None
    """Of the last attempt; ``None`` where there was none."""
    failures: int = Field(ge=0)
    """Runs before this one that broke off while they may have been asking about this image."""
