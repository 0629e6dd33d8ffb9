"""Which colours a picture has, how much of each, and where they gather."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.pixels.canvas import Canvas, grid_areas, mean_of, percent_of
from pipeline.engines.pixels.colours import FAMILY_OF, NAMES, colour_tables, hue_angle
from pipeline.engines.pixels.facts import CELLS, COLUMNS, ROWS, Colours, Family, HuePair, Shade

Counts = NDArray[np.int64]

SHADES = 6
"""Colours of one picture that are worth naming."""


def measure_colours(canvas: Canvas) -> Colours:
    """Count named colours, and weigh greys against warm and cool hues."""
    tables = colour_tables()
    by_cell = np.stack([_count(canvas.names[area]) for area in grid_areas(canvas.names.shape)])
    counts = by_cell.sum(axis=0)
    total = canvas.names.size
    largest = [int(index) for index in np.argsort(-counts, kind="stable")[:SHADES]]
    kept = [index for index in largest if index == largest[0] or counts[index] >= 0.02 * total]
    shades = tuple(_shade(NAMES[index], by_cell[:, index], total) for index in kept)
    return Colours(
        shades=shades,
        families=_families(counts),
        neutral=percent_of(tables.neutral[canvas.codes]),
        warm=percent_of(tables.warm[canvas.codes]),
        cool=percent_of(tables.cool[canvas.codes]),
        colourfulness=_colourfulness(canvas),
        hue_pair=_hue_pair(shades),
    )


def _count(names: NDArray[np.uint8]) -> Counts:
    return np.bincount(names.ravel(), minlength=len(NAMES))


def _shade(name: str, cells: Counts, total: int) -> Shade:
    count = int(cells.sum())
    home, at_home = _home(cells.reshape(3, 3))
    return Shade(
        name=name,
        family=FAMILY_OF[name],
        percent=round(100 * count / total),
        home=home,
        at_home=round(100 * at_home / count) if home else 0,
    )


def _home(grid: Counts) -> tuple[str | None, int]:
    candidates = (
        (CELLS, grid.ravel(), 0.40),
        (ROWS, grid.sum(axis=1), 0.60),
        (COLUMNS, grid.sum(axis=0), 0.60),
    )
    for places, counts, enough in candidates:
        index = int(counts.argmax())
        if counts[index] >= enough * grid.sum():
            return places[index], int(counts[index])
    return None, 0


def _families(counts: Counts) -> tuple[Family, ...]:
    sums: dict[str, int] = {}
    for name, count in zip(NAMES, counts.tolist(), strict=True):
        sums[FAMILY_OF[name]] = sums.get(FAMILY_OF[name], 0) + count
    ordered = sorted(sums.items(), key=lambda item: -item[1])
    total = sum(sums.values())
    return tuple(
        Family(name, round(100 * count / total))
        for position, (name, count) in enumerate(ordered)
        if position == 0 or count >= 0.03 * total
    )


def _colourfulness(canvas: Canvas) -> int:
    # M = sigma + 0.3 mu of the opponent channels red - green and yellow - blue.
    red, green, blue = (canvas.rgb[..., channel].astype(np.float32) for channel in range(3))
    opponents = (red - green, (red + green) / 2 - blue)
    sigma = math.hypot(*(float(channel.std(dtype=np.float64)) for channel in opponents))
    mu = math.hypot(*(mean_of(channel) for channel in opponents))
    return round(sigma + 0.3 * mu)


def _hue_pair(shades: tuple[Shade, ...]) -> HuePair | None:
    hues = [(shade.name, hue_angle(shade.name)) for shade in shades if shade.percent >= 5]
    gaps = [
        HuePair(first, second, round(min(abs(angle - other), 360 - abs(angle - other))))
        for (first, angle), (second, other) in itertools.combinations(hues, 2)
        if angle is not None and other is not None
    ]
    return max(gaps, key=lambda pair: pair.degrees, default=None)
