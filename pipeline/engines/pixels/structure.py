"""Edges, fine detail, and how the surface of a picture is divided."""

from __future__ import annotations

import numpy as np

from pipeline.engines.pixels.canvas import Canvas, commonest_shade, grid_areas, inner_area, mean_of, percent_of
from pipeline.engines.pixels.colours import Bytes, Floats
from pipeline.engines.pixels.facts import CELLS, Cell, Layout, Lines, Split, Texture

FLAT = 1.0
"""Standard deviation, in units of L*, below which a picture has no halves to compare."""

EDGELESS = 0.01
"""Mean gradient, in L* per pixel, below which a picture has no edges to speak of."""

_STEEP = float(np.tan(np.radians(67.5)))
"""Ratio of the gradient's components beyond which an edge counts as upright or level, not as slanting."""


def measure_texture(canvas: Canvas) -> Texture:
    """Measure edges: how many, which way they run, and where detail gathers."""
    grey = canvas.grey.astype(np.int32)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    return Texture(
        edges=percent_of(canvas.detail > 8),
        smooth=percent_of(canvas.detail < 1),
        sharpness=round(float(laplacian.var())),
        lines=_lines(canvas),
        detail=tuple(round(mean_of(canvas.detail[area]), 1) for area in grid_areas(canvas.detail.shape)),
    )


def measure_layout(canvas: Canvas) -> Layout:
    """Measure how the surface is divided: cells, rim, mirror symmetry, the best straight cut."""
    rim = np.ones(canvas.names.shape, dtype=np.bool_)
    rim[inner_area(rim.shape, 16)] = False
    rim_shade, rim_percent = commonest_shade(canvas.names[rim])
    cells = []
    for place, area in zip(CELLS, grid_areas(canvas.names.shape), strict=True):
        shade, percent = commonest_shade(canvas.names[area])
        cells.append(Cell(place, shade, percent, round(mean_of(canvas.lightness[area]))))
    return Layout(
        cells=tuple(cells),
        rim_shade=rim_shade,
        rim_percent=rim_percent,
        mirror=_mirror(canvas.lightness),
        split=_split(canvas.lab, canvas.names),
    )


def _lines(canvas: Canvas) -> Lines | None:
    total = float(canvas.detail.sum(dtype=np.float64))
    if total < EDGELESS * canvas.detail.size:
        return None
    across, down = np.abs(canvas.across), np.abs(canvas.down)
    # The gradient stands at right angles to the line: a change across is an upright line.
    upright, level = across > _STEEP * down, down > _STEEP * across
    # Rows count downwards, so a gradient with both components of one sign points to the lower right or upper left.
    rising = ~upright & ~level & (canvas.across * canvas.down > 0)
    shares = [
        round(100 * float(canvas.detail[mask].sum(dtype=np.float64)) / total) for mask in (upright, level, rising)
    ]
    return Lines(vertical=shares[0], horizontal=shares[1], rising=shares[2], falling=max(0, 100 - sum(shares)))


def _mirror(lightness: Floats) -> float | None:
    centred = lightness - mean_of(lightness)
    variance = mean_of(centred * centred)
    if variance < FLAT**2:
        return None
    return round(mean_of(centred * centred[:, ::-1]) / variance, 2)


def _split(lab: Floats, names: Bytes) -> Split | None:
    centred = lab - lab.mean(axis=(0, 1), dtype=np.float64)
    variance = float(np.square(centred).sum(axis=-1).mean())
    if variance < FLAT**2:
        return None
    cuts = [(*_best_cut(centred.mean(axis=1 - axis)), axis) for axis in (0, 1)]
    between, position, axis = max(cuts)
    # A cut at the same place of the names' array gives the two parts.
    first, second = np.split(names, [position], axis=axis)
    return Split(
        direction="vertical" if axis else "horizontal",
        position=round(100 * position / names.shape[axis]),
        explained=round(100 * between / variance),
        first=commonest_shade(first)[0],
        second=commonest_shade(second)[0],
    )


def _best_cut(profile: Floats) -> tuple[float, int]:
    """Between-class variance and position of the best cut through centred line means of shape (length, 3)."""
    length = len(profile)
    positions = np.arange(max(1, length // 5), length - length // 5)
    sums = np.cumsum(profile, axis=0, dtype=np.float64)[positions - 1]
    # With overall mean 0 and n lines before the cut: n m1^2 + (N - n) m2^2 = s^2 (1/n + 1/(N - n)).
    between = np.square(sums).sum(axis=-1) * (1 / positions + 1 / (length - positions)) / length
    best = int(between.argmax())
    return float(between[best]), int(positions[best])
