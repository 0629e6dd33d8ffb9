"""The small copy of a picture on which everything is measured, and the ways of cutting and counting it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.engines.pixels.colours import NAMES, Bytes, Floats, colour_codes, colour_tables, to_lab

LONG_SIDE = 256
"""Pixels. Larger pictures are averaged down to it: measures then depend on what is seen, not on the file's size."""

SHORT_SIDE = 64
"""Pixels. Smaller sides are stretched to it, so that no cell, border or area of any picture is without pixels."""

Area = tuple[slice, slice]
"""A rectangle of a canvas: rows, columns."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture at working size, as arrays of ``height`` by ``width``."""

    rgb: Bytes
    grey: Bytes
    lab: Floats
    codes: NDArray[np.int32]
    """Colour codes, see ``colours.colour_codes``."""
    names: Bytes
    """Index of each pixel's colour name in ``colours.NAMES``."""
    across: Floats
    """Central difference of L* along x, per pixel."""
    down: Floats
    """The same along y."""
    detail: Floats
    """Length of this gradient."""

    @property
    def lightness(self) -> Floats:
        """L* of each pixel."""
        return self.lab[..., 0]


def make_canvas(image: Image.Image) -> Canvas:
    """Bring a picture of any mode and size to working size."""
    picture = image.convert("RGB")
    scale = min(1.0, LONG_SIDE / max(picture.size))
    width, height = (max(SHORT_SIDE, round(side * scale)) for side in picture.size)
    small = picture.resize((width, height), Image.Resampling.BOX, reducing_gap=3.0)
    rgb = np.asarray(small)
    codes, lab = colour_codes(rgb), to_lab(rgb)
    across, down = (np.gradient(lab[..., 0], axis=axis).astype(np.float32) for axis in (1, 0))
    return Canvas(
        rgb=rgb,
        grey=np.asarray(small.convert("L")),
        lab=lab,
        codes=codes,
        names=colour_tables().name[codes],
        across=across,
        down=down,
        detail=np.sqrt(across * across + down * down),
    )


def inner_area(shape: tuple[int, ...], share: int) -> Area:
    """The rectangle left when ``1/share`` of the side is taken off on all four sides."""
    height, width = shape[:2]
    return slice(height // share, height - height // share), slice(width // share, width - width // share)


def grid_areas(shape: tuple[int, ...]) -> tuple[Area, ...]:
    """The nine cells of a three by three grid, in the order of ``facts.CELLS``."""
    rows, columns = (
        [slice(round(third * side / 3), round((third + 1) * side / 3)) for third in range(3)] for side in shape[:2]
    )
    return tuple((row, column) for row in rows for column in columns)


def mean_of(values: NDArray[np.floating]) -> float:
    """Mean, summed in double precision."""
    return float(values.mean(dtype=np.float64))


def percent_of(mask: Mask) -> int:
    """Share of true elements, in whole percent."""
    return round(100 * np.count_nonzero(mask) / mask.size)


def shade_shares(names: Bytes) -> NDArray[np.float64]:
    """The share of each colour of ``colours.NAMES`` among some pixels, in [0, 1]; all 0 of no pixels."""
    counts = np.bincount(names.ravel(), minlength=len(NAMES))
    return counts / max(1, names.size)


def commonest_shade(names: Bytes) -> tuple[str, int]:
    """The colour name that occurs most often, and its share in whole percent."""
    shares = shade_shares(names)
    index = int(shares.argmax())
    return NAMES[index], round(100 * float(shares[index]))
