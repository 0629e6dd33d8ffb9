"""What a file really is, told by its first bytes: names lie (PNG, GIF and even gzip are found in ``.JPEG`` files)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from PIL import Image

from pipeline.image_headers import HeaderError, format_of, size_of
from pipeline.screening.verdict import UnusableImageError, undecodable
from schemas.image import ImageFormat
from schemas.rejection import RejectReason

GZIP_MAGIC = b"\x1f\x8b"

_GZIP_FORMAT = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Container:
    """The bytes of one image and its format; ``gzipped`` when they were taken out of a gzip stream."""

    format: ImageFormat
    data: bytes
    gzipped: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder gives: pixels in whatever mode the file has, and what is needed to make them upright sRGB.

    ``exif`` is the TIFF structure, ``icc`` the colour profile; both empty where there is none, both unchecked.
    ``steps`` names what decoding itself left out or reduced.
    """

    image: Image.Image
    exif: bytes = b""
    icc: bytes = b""
    steps: tuple[str, ...] = ()


def identify(data: bytes, max_bytes: int) -> Container:
    """Tell the format of a file by its magic bytes, looking into one layer of gzip.

    Args:
        data: the file.
        max_bytes: bound of what a gzip stream may unpack to.

    Raises:
        UnusableImageError: no image (``not_an_image``), a gzip stream that is damaged (``decode_error``) or unpacks
            to more than the bound (``too_large``).
    """
    gzipped = data.startswith(GZIP_MAGIC)
    if gzipped:
        data = _unpack(data, max_bytes)
    image_format = format_of(data)
    if image_format is None:
        where = "the gzip stream's content" if gzipped else "the file"
        raise UnusableImageError(RejectReason.NOT_AN_IMAGE, f"{where} begins with {data[:12]!r}")
    return Container(image_format, data, gzipped)


def read_plain_size(image_format: ImageFormat, data: bytes) -> tuple[int, int]:
    """Width and height that the header of an image that is no JPEG gives, in pixels.

    Raises:
        UnusableImageError: the header is cut or damaged.
    """
    try:
        return size_of(image_format, data)
    except HeaderError as error:
        raise undecodable(f"{image_format} header: {error}") from error


def _unpack(data: bytes, max_bytes: int) -> bytes:
    stream = zlib.decompressobj(_GZIP_FORMAT)
    try:
        unpacked = stream.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise undecodable(f"the gzip stream is damaged: {error}") from error
    if len(unpacked) > max_bytes:
        raise UnusableImageError(RejectReason.TOO_LARGE, f"the gzip stream unpacks to more than {max_bytes} bytes")
    if not stream.eof:
        raise undecodable("the gzip stream ends too early")
    return unpacked
