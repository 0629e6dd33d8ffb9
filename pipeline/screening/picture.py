"""Images that passed screening, as teachers and shards get them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image

from pipeline.screening.container import Container, identify
from pipeline.screening.decode import decode, read_size
from pipeline.screening.jpeg import is_turned
from pipeline.screening.normalise import normalise
from pipeline.screening.verdict import UnusableImageError
from schemas.image import ImageFormat
from schemas.record import ImageEncoding
from schemas.rejection import RejectReason

_TRANSCODE_QUALITY = 95

_UNPACKED_BYTES = 2**30
"""Bound for a file that passed screening under a limit of its own."""

_PIXELS = 2**28
"""The same for its width times its height: the highest that ``ScreeningConfig.max_pixels`` can be."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The upright 8-bit sRGB picture (mode ``RGB``), what it was read from, and the steps of normalisation."""

    image: Image.Image
    format: ImageFormat
    gzipped: bool
    normalised: tuple[str, ...]


def open_picture(data: bytes) -> Picture:
    """Decode and normalise an image that passed screening.

    Raises:
        SourceError: it does not decode: it is not the file that was screened, or was screened by other libraries.
    """
    return _open(identify(data, _UNPACKED_BYTES))


def as_jpeg(data: bytes) -> tuple[bytes, ImageEncoding]:
    """The JPEG that stands for an image in the dataset, and how it came about.

    A JPEG stays as it is, byte for byte; one inside gzip is taken out. Any other format is normalised and encoded
    once, at quality 95 without chroma subsampling.

    Raises:
        SourceError: it is no image, or one of another format that does not decode.
    """
    container = identify(data, _UNPACKED_BYTES)
    if container.format == "JPEG":
        return container.data, "unwrapped" if container.gzipped else "source"
    return _encode(_open(container).image), "transcoded"


def as_upright_jpeg(jpeg: bytes) -> bytes | None:
    """A JPEG of what teachers saw, for readers who show the pixels as they lie; ``None`` where they lie upright.

    It is encoded as :func:`as_jpeg` encodes pictures of other formats, and says nothing of how to turn it.

    Raises:
        SourceError: it is to be turned, and does not decode.
    """
    return _encode(open_picture(jpeg).image) if is_turned(jpeg) else None


def _encode(image: Image.Image) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.asarray(image), _TRANSCODE_QUALITY, "RGB", "444"))


def _open(container: Container) -> Picture:
    width, height = read_size(container)
    if width * height > _PIXELS:
        raise UnusableImageError(RejectReason.BOMB, f"{width} x {height} pixels; at most {_PIXELS} in all")
    image, steps = normalise(decode(container))
    return Picture(image, container.format, container.gzipped, steps)
