"""Whether a reader's file is the one that was packed, another file of the same picture, or something else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pipeline.screening import Unusable, UnusableImageError, as_jpeg, screen
from schemas.config import ScreeningConfig
from schemas.record import ImageEncoding, ThinkRecord
from schemas.rejection import RejectReason

SAME_PICTURE_BITS = 4
"""Largest Hamming distance of the perceptual hashes of two files of one picture.

Measured on 450 pictures, a third of them cut from real photographs: encoded again (JPEG at quality 90 and 50, WebP at
90 and 75), brought to a short edge of 768, 600 or 256 pixels, or squashed to 224 x 224, a hash moves by 0 to 4 bits,
mostly by none; a crop moves it by 8 and more, and two different synthetic photographs are 16 or more apart. The id
speaks for the picture already, so that this may be wider than the bound for near-duplicates among strangers
(``screening.near_duplicate_bits``, at most 3).
"""

LEAST_SIDE = 224
"""Shorter side, in pixels, of another file of a picture: below it a teacher would not have been asked. A picture that
was smaller when it was packed may be as small again."""

LIMITS = ScreeningConfig(max_aspect=65_500.0, min_grey_std=0.0, min_entropy=0.0)
"""What is decoded at all: 32 MiB a file, 64 Mpixel a picture. Shape and contrast are judged by the hash alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A picture that goes back to its record."""

    jpeg: bytes
    encoding: ImageEncoding
    bits: int
    """In which its perceptual hash is another; 0 for the very file."""
    exact: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """Why there is none. ``detail`` is published: it names no place of the reader's."""

    reason: RejectReason
    detail: str
    bits: int | None = None


def compare(data: bytes, record: ThinkRecord) -> Found | Missed:
    """Hold a file against the record of its id.

    Args:
        data: the file as the reader's copy holds it.
        record: what was packed.
    """
    if hashlib.sha256(data).hexdigest() == record.sha256:
        try:
            jpeg, encoding = as_jpeg(data)
        except UnusableImageError as error:
            detail = f"its file is the one that was packed, and cannot be read here: {error.problem}"
            return Missed(RejectReason.NOT_IN_SOURCE, detail)
        return Found(jpeg, encoding, 0, exact=True)
    least = min(LEAST_SIDE, record.width, record.height)
    facts = screen(data, LIMITS.model_copy(update={"min_side": least}))
    if isinstance(facts, Unusable):
        return Missed(RejectReason.NOT_IN_SOURCE, f"its file is unusable: {facts.reason}, {facts.detail}")
    bits = (int(facts.phash, 16) ^ int(record.phash, 16)).bit_count()
    if bits > SAME_PICTURE_BITS:
        detail = f"its perceptual hash is {facts.phash}, {bits} bits away; at most {SAME_PICTURE_BITS}"
        return Missed(RejectReason.OTHER_PICTURE, detail, bits)
    return Found(as_jpeg(data)[0], "rejoined", bits, exact=False)
