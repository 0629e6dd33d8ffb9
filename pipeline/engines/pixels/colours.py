"""Colour names: from 8-bit sRGB to the nearest of a small table in CIELAB."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

CODE_BITS = 5
"""Bits kept per channel in a colour code: 32,768 codes, each within 4 grey levels of its colours."""

NEUTRAL_CHROMA = 10.0
"""C* below which a colour is taken as grey: its hue is hardly seen and mostly noise in a JPEG."""

NEUTRAL_LIGHTNESS = 8.0
"""L* below which a colour is taken as black, whatever its hue: C* exaggerates what is left of it."""

WARM_HUES = (340.0, 105.0)
"""CIELAB hue angles, in degrees and counted upwards, from pink over red and orange to yellow."""

COOL_HUES = (165.0, 310.0)
"""From sea green over cyan to blue. Green and purple lie between: neither warm nor cool."""

_D65 = (0.95047, 1.0, 1.08883)
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))


class Colour(NamedTuple):
    """One entry of the table: what people call a colour, and the basic colour it is a shade of."""

    name: str
    family: str
    rgb: tuple[int, int, int]


# The families are the eleven basic colour terms of Berlin & Kay (1969) and teal, which stands between two of them.
TABLE: tuple[Colour, ...] = (
    Colour("black", "black", (8, 8, 8)),
    Colour("charcoal", "grey", (46, 46, 48)),
    Colour("dark grey", "grey", (85, 85, 85)),
    Colour("mid-grey", "grey", (128, 128, 128)),
    Colour("light grey", "grey", (176, 176, 176)),
    Colour("pale grey", "grey", (215, 215, 215)),
    Colour("white", "white", (250, 250, 250)),
    Colour("off-white", "white", (238, 234, 226)),
    Colour("cream", "white", (250, 240, 205)),
    Colour("maroon", "red", (95, 14, 22)),
    Colour("dark red", "red", (140, 20, 22)),
    Colour("brick red", "red", (172, 58, 42)),
    Colour("red", "red", (220, 30, 30)),
    Colour("bright red", "red", (255, 20, 10)),
    Colour("coral", "red", (238, 108, 88)),
    Colour("dark brown", "brown", (58, 36, 24)),
    Colour("chestnut", "brown", (104, 56, 34)),
    Colour("rust", "brown", (152, 76, 34)),
    Colour("brown", "brown", (124, 84, 54)),
    Colour("taupe", "brown", (112, 98, 86)),
    Colour("light brown", "brown", (164, 122, 86)),
    Colour("tan", "brown", (200, 164, 122)),
    Colour("beige", "brown", (222, 202, 172)),
    Colour("deep orange", "orange", (212, 84, 26)),
    Colour("orange", "orange", (250, 136, 20)),
    Colour("soft orange", "orange", (238, 164, 98)),
    Colour("pale orange", "orange", (250, 204, 160)),
    Colour("ochre", "yellow", (186, 134, 36)),
    Colour("golden yellow", "yellow", (246, 186, 42)),
    Colour("yellow", "yellow", (250, 226, 40)),
    Colour("pale yellow", "yellow", (246, 234, 150)),
    Colour("dark olive", "green", (60, 60, 30)),
    Colour("olive green", "green", (112, 112, 44)),
    Colour("khaki", "green", (160, 154, 104)),
    Colour("dark green", "green", (24, 66, 34)),
    Colour("green", "green", (38, 128, 50)),
    Colour("bright green", "green", (60, 210, 60)),
    Colour("yellow-green", "green", (156, 190, 60)),
    Colour("grey-green", "green", (108, 128, 104)),
    Colour("pale green", "green", (176, 216, 164)),
    Colour("dark teal", "teal", (14, 62, 66)),
    Colour("teal", "teal", (20, 128, 128)),
    Colour("turquoise", "teal", (62, 200, 196)),
    Colour("pale turquoise", "teal", (180, 228, 224)),
    Colour("navy", "blue", (22, 30, 74)),
    Colour("dark blue", "blue", (24, 54, 120)),
    Colour("blue", "blue", (40, 86, 196)),
    Colour("deep blue", "blue", (20, 20, 230)),
    Colour("bright blue", "blue", (36, 144, 240)),
    Colour("slate blue", "blue", (82, 102, 130)),
    Colour("grey-blue", "blue", (134, 154, 178)),
    Colour("light blue", "blue", (136, 186, 232)),
    Colour("pale blue", "blue", (196, 218, 238)),
    Colour("dark purple", "purple", (58, 28, 76)),
    Colour("purple", "purple", (122, 50, 146)),
    Colour("violet", "purple", (120, 84, 214)),
    Colour("mauve", "purple", (142, 108, 136)),
    Colour("lavender", "purple", (190, 174, 226)),
    Colour("magenta", "pink", (216, 30, 140)),
    Colour("hot pink", "pink", (250, 84, 170)),
    Colour("dusty pink", "pink", (192, 132, 130)),
    Colour("pink", "pink", (242, 160, 180)),
    Colour("pale pink", "pink", (246, 212, 212)),
)

NAMES: tuple[str, ...] = tuple(colour.name for colour in TABLE)
ACHROMATIC = frozenset({"black", "grey", "white"})
"""Families without a hue of their own."""

FAMILY_OF: dict[str, str] = {colour.name: colour.family for colour in TABLE}


@dataclass(frozen=True, slots=True)
class ColourTables:
    """What is known of each colour code, as arrays of 32,768."""

    name: Bytes
    """Index into ``TABLE`` of the nearest entry."""
    neutral: NDArray[np.bool_]
    warm: NDArray[np.bool_]
    cool: NDArray[np.bool_]


def to_lab(rgb: Bytes) -> Floats:
    """Convert sRGB to CIELAB (CIE 1976, D65): IEC 61966-2-1 transfer curve, then the cube-root law.

    Args:
        rgb: 8-bit values, shape (..., 3).

    Returns:
        L* in [0, 100], a* and b* in about [-128, 128]; shape (..., 3).
    """
    # Written out by channel: a matrix product would go through BLAS, whose sums may depend on its threads.
    linear = _linear_curve()[rgb]
    red, green, blue = linear[..., 0], linear[..., 1], linear[..., 2]
    x, y, z = (
        _lab_curve((row[0] * red + row[1] * green + row[2] * blue) / white)
        for row, white in zip(_TO_XYZ, _D65, strict=True)
    )
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    # Rounded more coarsely than processors disagree in the last digits of a power or a root.
    return (np.rint(lab * 1024) / 1024).astype(np.float32)


def colour_codes(rgb: Bytes) -> NDArray[np.int32]:
    """Number each pixel by the leading bits of its channels, for looking it up in :func:`colour_tables`."""
    leading = (rgb >> (8 - CODE_BITS)).astype(np.int32)
    codes: NDArray[np.int32] = leading[..., 0] << (2 * CODE_BITS) | leading[..., 1] << CODE_BITS | leading[..., 2]
    return codes


@functools.cache
def colour_tables() -> ColourTables:
    """Name and sort every colour code once; about 50 ms."""
    levels = np.arange(2**CODE_BITS) << (8 - CODE_BITS) | 1 << (7 - CODE_BITS)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).astype(np.uint8).reshape(-1, 3)
    lab = to_lab(cube)
    entries = to_lab(np.array([colour.rgb for colour in TABLE], dtype=np.uint8))
    distances = np.stack([np.square(lab - entry).sum(axis=-1) for entry in entries])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    neutral = (np.hypot(lab[:, 1], lab[:, 2]) < NEUTRAL_CHROMA) | (lab[:, 0] < NEUTRAL_LIGHTNESS)
    return ColourTables(
        name=distances.argmin(axis=0).astype(np.uint8),
        neutral=neutral,
        warm=~neutral & ((hue >= WARM_HUES[0]) | (hue < WARM_HUES[1])),
        cool=~neutral & (hue >= COOL_HUES[0]) & (hue < COOL_HUES[1]),
    )


def name_colour(rgb: tuple[int, int, int]) -> str:
    """Name one sRGB colour as :func:`colour_tables` does.

    >>> name_colour((255, 0, 0))
    'bright red'
    """
    index = colour_tables().name[colour_codes(np.array(rgb, dtype=np.uint8))]
    return NAMES[int(index)]


def hue_angle(name: str) -> float | None:
    """CIELAB hue angle of a named colour, in degrees; ``None`` for the greys, black and the whites."""
    if FAMILY_OF[name] in ACHROMATIC:
        return None
    rgb = next(colour.rgb for colour in TABLE if colour.name == name)
    lab = to_lab(np.array(rgb, dtype=np.uint8))
    return float(np.degrees(np.arctan2(lab[2], lab[1])) % 360)


@functools.cache
def _linear_curve() -> NDArray[np.float64]:
    encoded = np.arange(256) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _lab_curve(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
