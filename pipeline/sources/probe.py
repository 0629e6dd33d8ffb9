"""Format and size of an image, told by its first bytes and without decoding.

Nothing is guessed: wherever an image's header is damaged, cut or merely odd, the answer is that it does not tell, and
screening finds out. So what is known here is what screening would read, which a property test holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import simplejpeg

from pipeline.image_headers import HeaderError, format_of, size_of
from schemas.image import ImageFormat

HEAD_BYTES = 3584
"""First bytes of a file that nearly always tell: with a tar header before them they are 4096, a page of memory."""

Read = Callable[[int, int], bytes]
"""Reads ``(offset, length)`` of a file: fewer bytes where it ends, none behind its end."""

_MAX_READS = 64
"""Further reads for one image. A colour profile or preview of half a megabyte comes in eight segments of a JPEG."""


class Header(NamedTuple):
    """What an image's header announces. Width and height are in pixels, before any EXIF orientation."""

    format: ImageFormat
    width: int
    height: int


def probe(head: bytes, read: Read) -> Header | None:
    """Tell an image's format and size.

    Args:
        head: the first bytes of the file, :data:`HEAD_BYTES` or so.
        read: fetches others, for JPEGs whose metadata come before the picture's header.

    Returns:
        ``None`` when the header does not tell. Whatever the bytes, nothing is raised but by ``read``.
    """
    image_format = format_of(head)
    if image_format is None:
        return None
    try:
        width, height = _jpeg_size(head, read) if image_format == "JPEG" else size_of(image_format, head)
    except HeaderError:
        return None
    return Header(image_format, width, height) if min(width, height) > 0 else None


_START_OF_SCAN = 0xDA
_TOLD = (0xE0, 0xEE)
"""Application segments that libjpeg looks into: JFIF's and Adobe's, which decide the colour space."""


def _jpeg_size(head: bytes, read: Read) -> tuple[int, int]:
    """Ask libjpeg about the segments up to the first scan (ITU-T T.81, annex B), other metadata left out."""
    kept = [head[:2]]
    begin, position = 0, 2  # where ``head`` lies in the file, and where the next segment does in ``head``
    for _ in range(_MAX_READS):
        wanted = HEAD_BYTES
        while position + 4 <= len(head):
            marker, end = _segment(head, position)
            if marker in _TOLD or not (marker == 0xFE or 0xE0 <= marker <= 0xEF):
                if end > len(head):
                    wanted = max(wanted, end - position)
                    break
                kept.append(head[position:end])
            position = end
            if marker == _START_OF_SCAN:
                return _ask_libjpeg(b"".join(kept))
        begin, position, head = begin + position, 0, read(begin + position, wanted)
        if len(head) < 4:
            break
    raise HeaderError("no scan")


def _segment(head: bytes, position: int) -> tuple[int, int]:
    """Marker and end of the segment at ``position``; fillers and stray bytes, which libjpeg passes over, are odd."""
    if head[position] != 0xFF or not 0xC0 <= (marker := head[position + 1]) <= 0xFE or 0xD0 <= marker <= 0xD9:
        raise HeaderError("no segment")
    return marker, position + 2 + max(2, int.from_bytes(head[position + 2 : position + 4], "big"))


def _ask_libjpeg(header: bytes) -> tuple[int, int]:
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(header, strict=False)
    except (ValueError, KeyError) as error:  # KeyError: sampling factors that simplejpeg does not know
        raise HeaderError(str(error)) from error
    return int(width), int(height)
