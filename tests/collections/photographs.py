"""Photographs by id: made from a seed, or cut from the real ones inside installed packages."""

from __future__ import annotations

import functools
import io
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from flows.demo.photographs import PHOTOGRAPHS, Photograph, read_photograph

Size = tuple[int, int]
"""Width and height in pixels."""

Maker = Callable[[str, int, Size], bytes]
"""Makes the JPEG of an image id, from a seed, in a size."""


@functools.cache
def synthetic_photograph(image_id: str, seed: int = 0, size: Size = (256, 240)) -> bytes:
    """A JPEG of soft coloured patches under fine grain: not blank, and no near-duplicate of any other."""
    generator = _generator(image_id, seed)
    patches = generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = generator.integers(-12, 13, (size[1], size[0], 1), dtype=np.int16)
    return encode(Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)))


@functools.cache
def real_photograph(image_id: str, seed: int = 0, size: Size = (256, 240)) -> bytes:
    """A JPEG cut from one of the photographs that the demo lays out, at a place that the id decides.

    Two ids may be cut from places near each other: there can be near-duplicates among them.

    Raises:
        ConfigError: a package that holds the photographs is not installed.
    """
    generator = _generator(image_id, seed)
    picture = _load(PHOTOGRAPHS[int(generator.integers(len(PHOTOGRAPHS)))])
    scale = max(1.0, size[0] / picture.width, size[1] / picture.height)
    picture = picture.resize((round(picture.width * scale) + 1, round(picture.height * scale) + 1))
    left = int(generator.integers(picture.width - size[0]))
    top = int(generator.integers(picture.height - size[1]))
    return encode(picture.crop((left, top, left + size[0], top + size[1])))


def encode(picture: Image.Image, image_format: str = "JPEG", **options: object) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    if image_format == "JPEG":
        options = {"quality": 90, **options}
    picture.save(file, image_format, **options)
    return file.getvalue()


def decode(data: bytes) -> Image.Image:
    """The picture in a file, as RGB."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


@functools.cache
def _load(photograph: Photograph) -> Image.Image:
    return decode(read_photograph(photograph))


def _generator(image_id: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(image_id.encode())])
