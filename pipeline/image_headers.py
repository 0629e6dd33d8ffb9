"""What the first bytes of an image file say: its format, and its size but for JPEG, which libjpeg is asked about.

The index reads them from the beginning of a file, screening from all of it: both by the same code, so that they agree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from schemas.image import ImageFormat

_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})


class HeaderError(ValueError):
    """The header of an image is damaged; the text says how, and is the same in every process."""


def format_of(head: bytes) -> ImageFormat | None:
    """Tell an image's format by its magic bytes; names lie."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    # Two letters alone would make a bitmap of any text about cars; the size of the second header is telling.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return None


def size_of(image_format: ImageFormat, head: bytes) -> tuple[int, int]:
    """Width and height in pixels of an image that is no JPEG.

    Args:
        image_format: as :func:`format_of` told it.
        head: the file, or its beginning.

    Raises:
        HeaderError: the header is cut or damaged.
    """
    try:
        return _SIZES[image_format](head)
    except (struct.error, IndexError) as error:
        raise HeaderError("cut or damaged") from error


def _png_size(head: bytes) -> tuple[int, int]:
    if len(head) < 26 or head[12:16] != b"IHDR":
        raise HeaderError("cut or missing")
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _gif_size(head: bytes) -> tuple[int, int]:
    """The screen, or the first frame where that reaches beyond it: what a decoder allocates."""
    width, height, flags = struct.unpack_from("<HHB", head, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while head[position] == 0x21:  # extensions: two bytes, then blocks that begin with their length, 0 the last
        position += 2
        while head[position]:
            position += 1 + head[position]
        position += 1
    if head[position] != 0x2C:
        raise HeaderError("no frame")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", head, position + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _webp_size(head: bytes) -> tuple[int, int]:
    """By the first chunk's kind (RFC 9649, sections 2.5 to 2.7)."""
    kind = head[12:16]
    if kind == b"VP8X":
        width, width_high, height, height_high = struct.unpack_from("<HBHB", head, 24)
        return 1 + (width_high << 16 | width), 1 + (height_high << 16 | height)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise HeaderError("unknown first chunk")


def _bmp_size(head: bytes) -> tuple[int, int]:
    if head[14] == 12:
        width, height = struct.unpack_from("<HH", head, 18)
        return width, height
    width, height = struct.unpack_from("<ii", head, 18)
    return width, abs(height)  # a negative height stands for rows from top to bottom


_SIZES: dict[ImageFormat, Callable[[bytes], tuple[int, int]]] = {
    "PNG": _png_size,
    "GIF": _gif_size,
    "WEBP": _webp_size,
    "BMP": _bmp_size,
}
