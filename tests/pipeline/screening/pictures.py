"""Photographs and their faults, made by code: nothing here is read from disk."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from schemas.config import ScreeningConfig

LENIENT = ScreeningConfig(min_side=1, max_aspect=1000.0, min_grey_std=0.0, min_entropy=0.0)
"""Limits that small test pictures pass."""


def photograph(seed: int = 0, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A seeded picture with a photograph's statistics: amplitudes fall with frequency, channels go together."""
    width, height = size
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    noise = np.fft.rfft2(rng.normal(size=(4, height, width))) / np.maximum(frequency, 1) ** 1.5
    layers = np.fft.irfft2(noise, s=(height, width))
    layers /= layers.std(axis=(1, 2), keepdims=True) + 1e-9
    pixels = 120 + 45 * (layers[:1] + 0.4 * layers[1:])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def encode(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two RGB pictures of equal size, in levels (0-255)."""
    assert one.mode == other.mode == "RGB"
    assert one.size == other.size
    return float(np.abs(np.asarray(one).astype(float) - np.asarray(other).astype(float)).mean())


def scan_start(jpeg: bytes) -> int:
    """Offset of the first byte of entropy-coded data."""
    marker = jpeg.index(b"\xff\xda")
    return marker + 2 + int.from_bytes(jpeg[marker + 2 : marker + 4], "big")


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """A JPEG with one more segment behind its start marker."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + jpeg[2:]


def with_announced_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header lies about its size."""
    frame = jpeg.index(b"\xff\xc0")
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def with_flipped_bits(data: bytes, *bits: int) -> bytes:
    """Data with single bits turned, counted from the first byte's lowest."""
    damaged = bytearray(data)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def png_chunk(name: bytes, payload: bytes) -> bytes:
    """One chunk of a PNG with its right checksum."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def with_png_chunk(png: bytes, name: bytes, payload: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    return png[:33] + png_chunk(name, payload) + png[33:]


def with_png_size(png: bytes, width: int, height: int) -> bytes:
    """A PNG whose header, sealed with its right checksum, lies about its size."""
    return png[:8] + png_chunk(b"IHDR", struct.pack(">II", width, height) + png[24:29]) + png[33:]


def exif_block(orientation: int) -> bytes:
    """A TIFF structure that says nothing but the orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def matrix_profile(name: str, primaries: list[tuple[float, float, float]], gamma: float) -> bytes:
    """An ICC profile (version 2) of an RGB space: its primaries as D50-adapted XYZ, one gamma."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = struct.pack(">4sIIH2x", b"curv", 0, 1, round(gamma * 256))
    text = name.encode() + b"\0"
    description = struct.pack(">4sII", b"desc", 0, len(text)) + text + bytes(78)
    tags = {
        b"desc": description + bytes(-len(description) % 4),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        **{channel + b"XYZ": xyz(primary) for channel, primary in zip((b"r", b"g", b"b"), primaries, strict=True)},
        **{channel + b"TRC": curve for channel in (b"r", b"g", b"b")},
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for tag, payload in tags.items():
        table += struct.pack(">4sII", tag, offset + len(body), len(payload))
        body += payload
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


WIDE_GAMUT = matrix_profile(
    "a wide gamut", [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)], 2.2
)
"""The primaries and the gamma of Adobe RGB (1998)."""
