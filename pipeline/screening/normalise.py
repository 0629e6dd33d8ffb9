"""From decoded pixels to the picture a teacher gets: upright, 8-bit, sRGB, opaque.

The steps, in order; those that changed something are named in ``ImageFacts.normalised``:

- ``first_frame``: the still of an animation (noted by the decoder);
- ``16_bit``: sixteen bits per channel reduced to eight;
- ``palette``, ``bilevel``: indices or single bits made colours;
- ``cmyk``: four inks made three colours, by the profile where there is a usable one;
- ``icc``: colours of another space brought to sRGB; ``icc_unusable``: the profile is broken or belongs to another
  kind of image, and was ignored;
- ``alpha``: transparent parts laid over white;
- ``orientation``: turned and mirrored as EXIF says.

A greyscale image is repeated into three channels without a note: every reader of it does the same.
"""

from __future__ import annotations

import functools
import io
import struct

import numpy as np
from PIL import Image, ImageCms

from pipeline.screening.container import Decoded

NORMALISATION_VERSION = "1"
"""Raised whenever a file may come out with other pixels; part of every fingerprint."""

_ORIENTATION_TAG = 0x0112
_EXIF_INTEGERS = {1: "B", 3: "H", 4: "I"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def normalise(decoded: Decoded) -> tuple[Image.Image, tuple[str, ...]]:
    """Make the picture upright 8-bit sRGB.

    Returns:
        The picture in mode ``RGB``, and the names of the steps that were needed (see this module's text).
    """
    steps = list(decoded.steps)
    image = _to_eight_bits(decoded.image, steps)
    image, alpha = _split_alpha(image)
    image = _to_srgb(image, decoded.icc, steps)
    if alpha is not None:
        steps.append("alpha")
        image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    turn = _TURNS.get(read_orientation(decoded.exif))
    if turn is not None:
        steps.append("orientation")
        image = image.transpose(turn)
    # Whoever finds the EXIF block on the picture might turn it a second time.
    image.info = {}
    return image, tuple(steps)


def read_orientation(exif: bytes) -> int:
    """The orientation (1 to 8) of an EXIF block; 1 where it says nothing that makes sense.

    Only the first directory is read, and of it only this tag: what else may be broken in a block does not matter.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == _ORIENTATION_TAG:
                (value,) = struct.unpack_from(order + _EXIF_INTEGERS.get(kind, "H"), exif, entry + 8)
                return int(value) if value in _TURNS else 1
    except struct.error:
        pass
    return 1


def _to_eight_bits(image: Image.Image, steps: list[str]) -> Image.Image:
    """Modes ``L``, ``RGB`` or ``CMYK``, with ``LA`` and ``RGBA`` for what has transparency."""
    if image.mode == "P":
        steps.append("palette")
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        steps.append("bilevel")
        return image.convert("LA" if image.has_transparency_data else "L")
    if image.mode.startswith("I"):
        # Pillow's own conversion would clip instead of scaling.
        levels = np.asarray(image).clip(0, 0xFFFF).astype(np.uint32)
        # To the nearest: no level lies half-way, 257 being odd. In place, since pictures can be large.
        levels *= 2
        levels += 257
        levels //= 2 * 257
        return Image.fromarray(levels.astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
    return image


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours and transparency; ``None`` for the latter where all is opaque."""
    if image.mode not in ("LA", "RGBA"):
        return image, None
    alpha = image.getchannel("A")
    opaque = alpha.getextrema()[0] == 255
    return image.convert(image.mode[:-1]), None if opaque else alpha


def _to_srgb(image: Image.Image, icc: bytes, steps: list[str]) -> Image.Image:
    if image.mode == "CMYK":
        steps.append("cmyk")
    if icc:
        try:
            transform = _transform_to_srgb(icc, image.mode)
        except (OSError, ImageCms.PyCMSError):
            steps.append("icc_unusable")
        else:
            if transform is not None:
                steps.append("icc")
                converted = ImageCms.applyTransform(image, transform)
                assert converted is not None
                return converted
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=16)
def _transform_to_srgb(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from a profile's colours to sRGB; ``None`` where they are sRGB already.

    A handful of profiles makes up nearly all there are, and building a transform costs more than using it.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(profile):
        return None
    return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
