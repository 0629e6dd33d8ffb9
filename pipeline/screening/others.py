"""GIF, WebP and BMP: rare in ImageNet, without checksums, and decoded as strictly as Pillow can."""

from __future__ import annotations

import struct

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pipeline.screening.container import Container, Decoded
from pipeline.screening.pillow import load_image
from pipeline.screening.verdict import undecodable

_PLUGINS: dict[str, type[ImageFile]] = {"GIF": GifImageFile, "WEBP": WebPImageFile, "BMP": BmpImageFile}

_GIF_EXTENSION, _GIF_IMAGE = 0x21, 0x2C


def read_other_size(container: Container) -> tuple[int, int]:
    """Width and height as the header gives them, in pixels.

    Raises:
        UnusableImageError: the header is cut or damaged.
    """
    read = {"GIF": _gif_size, "WEBP": _webp_size, "BMP": _bmp_size}[container.format]
    try:
        return read(container.data)
    except (struct.error, IndexError) as error:
        raise undecodable(f"{container.format} header: cut or damaged") from error


def decode_other(container: Container) -> Decoded:
    """Decode a GIF, WebP or BMP; of an animation, its first frame.

    Raises:
        UnusableImageError: the data are damaged or cut, as far as Pillow notices.
    """
    image, animated = load_image(_PLUGINS[container.format], container.data, read_other_size(container))
    exif, icc = image.info.get("exif", b""), image.info.get("icc_profile", b"")
    return Decoded(image, exif, icc, ("first_frame",) if animated else ())


def _gif_size(data: bytes) -> tuple[int, int]:
    """The screen, or the first frame where that reaches beyond it: what the decoder allocates."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while data[position] == _GIF_EXTENSION:
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    if data[position] != _GIF_IMAGE:
        raise undecodable("GIF header: no frame")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, position + 1)
    return max(width, left + frame_width), max(height, top + frame_height)


def _webp_size(data: bytes) -> tuple[int, int]:
    """By the first chunk's kind (RFC 9649, sections 2.5 to 2.7)."""
    if data[12:16] == b"VP8X":
        width, width_high, height, height_high = struct.unpack_from("<HBHB", data, 24)
        return 1 + (width_high << 16 | width), 1 + (height_high << 16 | height)
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _bmp_size(data: bytes) -> tuple[int, int]:
    if data[14] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return width, height
    width, height = struct.unpack_from("<ii", data, 18)
    # A negative height stands for rows from top to bottom.
    return width, abs(height)
