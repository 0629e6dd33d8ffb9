"""PNG, strictly: every chunk's checksum is verified, and only what the picture needs reaches the decoder."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL.PngImagePlugin import PngImageFile

from pipeline.screening.container import Decoded, read_plain_size
from pipeline.screening.pillow import load_image
from pipeline.screening.verdict import undecodable

MAX_PROFILE_BYTES = 4 * 2**20
"""Colour profiles of printing presses have half a megabyte; more is an attack."""

_SIGNATURE_BYTES = 8
_ESSENTIAL = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def decode_png(data: bytes) -> Decoded:
    """Decode a PNG whose chunks are all whole; of an animation, its still image.

    Raises:
        UnusableImageError: a chunk is damaged or cut, or the end is missing.
    """
    chunks = list(_chunks(data))
    essential = [data[:_SIGNATURE_BYTES], *(chunk for name, chunk in chunks if name in _ESSENTIAL)]
    payloads = {name: chunk[8:-4] for name, chunk in chunks if name not in _ESSENTIAL}
    steps = []
    if b"acTL" in payloads:
        steps.append("first_frame")
    if data[24] == 16:
        steps.append("16_bit")
    image, _ = load_image(PngImageFile, b"".join(essential), read_plain_size("PNG", data))
    return Decoded(image, payloads.get(b"eXIf", b""), _icc(payloads.get(b"iCCP", b"")), tuple(steps))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes (length and checksum included) of each chunk up to the end chunk."""
    position = _SIGNATURE_BYTES
    name = b""
    while name != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        chunk = data[position : position + 12 + length]
        name = chunk[4:8]
        if len(chunk) < 12 + length:
            raise undecodable("PNG data: the file ends too early")
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise undecodable(f"PNG data: wrong checksum of chunk {name!r}")
        yield name, chunk
        position += len(chunk)


def _icc(payload: bytes) -> bytes:
    """The profile in an ``iCCP`` chunk (name, zero, method, zlib stream).

    A stream that cannot be unpacked is given back as it is: no profile either, as normalisation will find.
    """
    _, _, rest = payload.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return payload
