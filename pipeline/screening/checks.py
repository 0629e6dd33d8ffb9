"""Is this file a usable photograph? The checks in order, cheap ones first, and the facts of those that pass."""

from __future__ import annotations

import dataclasses
import hashlib

from pipeline.screening.container import Decoded, identify
from pipeline.screening.decode import decode, read_size
from pipeline.screening.measures import THUMBNAIL_SIDE, Measures, measure, shrink
from pipeline.screening.normalise import normalise, read_orientation
from pipeline.screening.verdict import Unusable, UnusableImageError
from schemas.config import ScreeningConfig
from schemas.image import ImageFacts
from schemas.rejection import RejectReason

SCREENING_VERSION = "2"
"""Raised whenever a check may judge otherwise or a fact may come out otherwise; part of the selection's manifest."""

MAX_JPEG_SIDE = 65_500
"""libjpeg's limit, for whatever format: the dataset holds every picture as a JPEG."""

_SIDEWAYS = range(5, 9)
"""EXIF orientations under which width and height change places."""


def screen(data: bytes, limits: ScreeningConfig) -> ImageFacts | Unusable:
    """Judge one file by its bytes alone. Never raises, whatever the bytes are.

    The checks, in order: size of the file, format by magic bytes (one layer of gzip taken off), picture size as the
    header announces it, strict decoding, blankness. Duplicates among files are the selection's business.
    """
    try:
        return _examine(data, limits)
    except UnusableImageError as error:
        return Unusable(error.reason, error.problem)


def _examine(data: bytes, limits: ScreeningConfig) -> ImageFacts | Unusable:
    _check_bytes(len(data), limits)
    container = identify(data, limits.max_bytes)
    width, height = read_size(container)
    ill_sized = judge_size(width, height, limits)
    if ill_sized is not None:
        return ill_sized
    # Twice the thumbnail's size: shrinking from less would let the measures depend on the decoder's fractions.
    decoded = decode(container, at_least=2 * THUMBNAIL_SIDE)
    picture, steps = normalise(_shrink_early(decoded))
    measures = measure(picture)
    _check_blank(measures, limits)
    if read_orientation(decoded.exif) in _SIDEWAYS:
        width, height = height, width
    return ImageFacts(
        width=width,
        height=height,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        phash=measures.phash,
        complexity=measures.complexity,
        format=container.format,
        gzipped=container.gzipped,
        greyscale=measures.greyscale,
        sharpness=measures.sharpness,
        normalised=steps,
    )


def _shrink_early(decoded: Decoded) -> Decoded:
    """Shrink before the normalisation where that gives the same picture, give or take a rounding.

    Cheaper for all that is not plain RGB, and no measure but the hash and the encode depends on how it is turned.
    """
    if decoded.image.mode not in ("L", "RGB", "CMYK") or decoded.image.has_transparency_data:
        return decoded
    return dataclasses.replace(decoded, image=shrink(decoded.image))


def _check_bytes(size: int, limits: ScreeningConfig) -> None:
    if size == 0:
        raise UnusableImageError(RejectReason.EMPTY, "the file has no bytes")
    if size > limits.max_bytes:
        raise UnusableImageError(RejectReason.TOO_LARGE, f"{size} bytes; at most {limits.max_bytes}")


def judge_size(width: int, height: int, limits: ScreeningConfig) -> Unusable | None:
    """Judge a picture by the size that its header announces. Neither order of the two sides changes the verdict.

    Args:
        width: in pixels, before any EXIF orientation.
        height: in pixels.
        limits: of the build.

    Returns:
        What is wrong with it; ``None`` when :func:`screen` would go on to decode it.
    """
    size = f"{width} x {height} pixels"
    if width * height > limits.max_pixels:
        return Unusable(RejectReason.BOMB, f"{size}; at most {limits.max_pixels} in all")
    if max(width, height) > MAX_JPEG_SIDE:
        return Unusable(RejectReason.BOMB, f"{size}; at most {MAX_JPEG_SIDE} a side, or no JPEG holds it")
    if min(width, height) < limits.min_side:
        return Unusable(RejectReason.TOO_SMALL, f"{size}; at least {limits.min_side} a side")
    if max(width, height) > limits.max_aspect * min(width, height):
        return Unusable(RejectReason.EXTREME_ASPECT, f"{size}; at most {limits.max_aspect:g} to 1")
    return None


def _check_blank(measures: Measures, limits: ScreeningConfig) -> None:
    if measures.grey_std < limits.min_grey_std:
        found = f"grey levels deviate by {measures.grey_std:.1f}; at least {limits.min_grey_std:g}"
        raise UnusableImageError(RejectReason.BLANK, found)
    if measures.entropy < limits.min_entropy:
        found = f"grey levels hold {measures.entropy:.1f} bits; at least {limits.min_entropy:g}"
        raise UnusableImageError(RejectReason.BLANK, found)
