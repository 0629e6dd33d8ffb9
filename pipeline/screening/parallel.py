"""Screening over all cores: small batches of references go out, verdicts come back in order."""

from __future__ import annotations

import errno
import functools
import itertools
from collections.abc import Iterable, Iterator

from pipeline.screening.checks import screen
from pipeline.screening.verdict import Unusable
from pipeline.sources.base import Source
from pipeline.workers import ordered_map
from schemas.config import ScreeningConfig
from schemas.errors import SourceError
from schemas.image import ImageFacts, ImageRef
from schemas.rejection import RejectReason

BATCH = 32
"""References per task: some 50 ms of work, against which pickling and a source's reopening vanish."""

Verdict = ImageFacts | Unusable


def screen_all(source: Source, refs: Iterable[ImageRef], limits: ScreeningConfig) -> Iterator[tuple[ImageRef, Verdict]]:
    """Screen many images on ``limits.workers`` processes.

    Yields:
        Each reference with its verdict, in the order given. An image on a bad sector is ``unreadable``.

    Raises:
        SourceError: a file is gone, locked, or not as it was indexed. Verdicts are kept for good, so a disk that is
            away for a moment must not give any.
    """
    batches = _batched(refs)
    for batch in ordered_map(functools.partial(_screen_batch, source, limits), batches, limits.workers):
        yield from batch


def _batched(refs: Iterable[ImageRef]) -> Iterator[list[ImageRef]]:
    remaining = iter(refs)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield batch


def _screen_batch(source: Source, limits: ScreeningConfig, refs: list[ImageRef]) -> list[tuple[ImageRef, Verdict]]:
    return [(ref, _screen_one(source, limits, ref)) for ref in refs]


def _screen_one(source: Source, limits: ScreeningConfig, ref: ImageRef) -> Verdict:
    try:
        data = source.read(ref)
    except SourceError as error:
        if not (isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO):
            raise
        return Unusable(RejectReason.UNREADABLE, "the disk cannot read it")
    return screen(data, limits)
