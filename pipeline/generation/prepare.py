"""Pictures read, checked and decoded ahead of the engine, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from pipeline.engines import SourceFile
from pipeline.generation.images import AskedImage
from pipeline.screening import UnusableImageError, open_picture
from pipeline.sources import Pictures, read_checked
from pipeline.workers import resolve_workers
from schemas.image import ImageRef


@dataclass(frozen=True, slots=True)
class Prepared:
    """An image ready to be asked about."""

    ref: ImageRef
    picture: Image.Image
    """Upright, 8-bit, RGB."""
    file: SourceFile | None
    """The source's own JPEG, where normalisation changed nothing."""


def prepare(source: Pictures, image: AskedImage) -> Prepared:
    """Read, check, decode and normalise one image.

    Raises:
        SourceError: see :func:`read_checked`.
    """
    data = read_checked(source, image.ref, image.sha256)
    try:
        picture = open_picture(data)
    except UnusableImageError as error:
        raise error.at(image.ref.image_id) from error
    is_plain = picture.format == "JPEG" and not picture.gzipped and not picture.normalised
    return Prepared(image.ref, picture.image, SourceFile(data, source.file_of(image.ref)) if is_plain else None)


class Preparation:
    """Prepares images in threads, in order, at most ``ahead`` of them beyond the one asked for."""

    def __init__(self, source: Pictures, pending: Iterable[AskedImage], workers: int, ahead: int) -> None:
        self._source = source
        self._pending = iter(pending)
        self._ahead = ahead
        self._waiting: deque[asyncio.Future[Prepared]] = deque()
        self._pool = ThreadPoolExecutor(resolve_workers(workers), thread_name_prefix="prepare")

    async def next(self) -> Prepared | None:
        """The next image, or ``None`` after the last.

        Raises:
            SourceError: see :func:`prepare`.
        """
        loop = asyncio.get_running_loop()
        while len(self._waiting) < self._ahead and (image := next(self._pending, None)) is not None:
            self._waiting.append(loop.run_in_executor(self._pool, prepare, self._source, image))
        return await self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Drop what nobody asked for."""
        for future in self._waiting:
            future.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
