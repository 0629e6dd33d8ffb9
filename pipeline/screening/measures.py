"""What is measured on a picture: all of it on one thumbnail, so that size and JPEG quality hardly matter.

Everything but the entropy is exact integer work, equal on every machine that has the same decoder versions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL_SIDE = 256
"""Longer side in pixels of the picture on which everything is measured."""

_COMPLEXITY_QUALITY = 75
_HASH_SIDE = 32
_HASH_FREQUENCIES = 8
_GREY_SPREAD = 12
_SCAN_START = b"\xff\xda"
_LEVELS = np.arange(256)
_SQUARED_LEVELS = np.square(_LEVELS)

# Rows of the type-II discrete cosine transform, scaled to integers: their products fit 64 bits and round nowhere.
_DCT = np.array(
    [
        [round(1024 * math.cos(math.pi / _HASH_SIDE * (sample + 0.5) * frequency)) for sample in range(_HASH_SIDE)]
        for frequency in range(_HASH_FREQUENCIES)
    ],
    dtype=np.int64,
)


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one picture.

    Attributes:
        phash: see :func:`perceptual_hash`.
        complexity: see :func:`measure_complexity`.
        grey_std: standard deviation of the grey levels (0 to 255).
        entropy: of the grey levels' histogram, in bits (0 to 8).
        greyscale: no pixel has a colour.
        sharpness: see :func:`measure_sharpness`.
    """

    phash: str
    complexity: float
    grey_std: float
    entropy: float
    greyscale: bool
    sharpness: float


def measure(picture: Image.Image) -> Measures:
    """Measure an upright RGB picture of any size."""
    small = shrink(picture)
    pixels = np.asarray(small)
    grey = small.convert("L")
    grey_std, entropy = _grey_statistics(grey)
    return Measures(
        phash=perceptual_hash(grey),
        complexity=measure_complexity(pixels),
        grey_std=grey_std,
        entropy=entropy,
        greyscale=_is_greyscale(pixels),
        sharpness=measure_sharpness(np.asarray(grey)),
    )


def shrink(picture: Image.Image) -> Image.Image:
    """Shrink a picture of mode ``L``, ``RGB`` or ``CMYK`` to 256 pixels on its longer side; a smaller one stays.

    A triangle filter as wide as the reduction asks: of Pillow's filters the one under which hash and complexity
    depend least on the size that the picture came in.
    """
    scale = THUMBNAIL_SIDE / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def perceptual_hash(grey: Image.Image) -> str:
    """Sixty-four bits that survive re-encoding and resizing, in hexadecimal.

    The 8 x 8 lowest frequencies of the cosine transform of the picture, averaged down to 32 x 32 grey pixels; a bit is
    set where a coefficient exceeds their median, row by row, most significant first (the DCT hash of Zauner 2010,
    "Implementation and Benchmarking of Perceptual Image Hash Functions", with the ImageHash package's frequencies).

    Args:
        grey: the picture in mode ``L``.
    """
    pixels = np.asarray(grey.resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.BOX), dtype=np.int64)
    coefficients = (_DCT @ pixels @ _DCT.T).ravel()
    # Above the median of an even number of values: above the last of their lower half.
    below_median = np.sort(coefficients)[coefficients.size // 2 - 1]
    return np.packbits(coefficients > below_median).tobytes().hex()


def measure_complexity(pixels: NDArray[np.uint8]) -> float:
    """Bits per pixel of a JPEG encode (quality 75, 4:2:0) of a shrunk picture, tables not counted; rounded to 0.01.

    A proxy for visual clutter: compression error is among the best single predictors of what people call complex
    (Machado et al. 2015, Acta Psychologica 160). The size of the file itself would say as much about how it was
    compressed.

    Args:
        pixels: [height, width, 3].
    """
    encoded: bytes = simplejpeg.encode_jpeg(pixels, _COMPLEXITY_QUALITY, "RGB", "420")
    scan_bytes = len(encoded) - encoded.index(_SCAN_START)
    return round(8 * scan_bytes / math.prod(pixels.shape[:2]), 2)


def measure_sharpness(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (four neighbours) over all pixels but the border's; rounded to 0.1.

    A focus measure (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy: a comparative study",
    ICPR 15). It tells texture as much as focus, so no value of it means *blurred* by itself: only the lowest in a large
    collection do. A picture without inner pixels has none.

    Args:
        grey: [height, width], levels from 0 to 255.
    """
    levels = grey.astype(np.int16)
    laplacian = levels[:-2, 1:-1] + levels[2:, 1:-1]
    laplacian += levels[1:-1, :-2]
    laplacian += levels[1:-1, 2:]
    laplacian -= 4 * levels[1:-1, 1:-1]
    if not laplacian.size:
        return 0.0
    values = laplacian.ravel().astype(np.int32)
    return round(_variance(values.size, int(values.sum()), int(np.square(values).sum())), 1)


def _grey_statistics(grey: Image.Image) -> tuple[float, float]:
    """Standard deviation of the levels, and entropy of their histogram in bits."""
    counts = np.array(grey.histogram())
    pixels = int(counts.sum())
    variance = _variance(pixels, int(counts @ _LEVELS), int(counts @ _SQUARED_LEVELS))
    shares = counts[counts > 0] / pixels
    return math.sqrt(variance), float(-shares @ np.log2(shares))


def _variance(count: int, total: int, squares: int) -> float:
    """Of whole numbers, from their sum and the sum of their squares."""
    return (count * squares - total * total) / (count * count)


def _is_greyscale(pixels: NDArray[np.uint8]) -> bool:
    """Whether all pixels are grey, give or take what JPEG does to them."""
    signed = pixels.astype(np.int16)
    green = signed[..., 1]
    return all(int(np.abs(signed[..., other] - green).max()) <= _GREY_SPREAD for other in (0, 2))
