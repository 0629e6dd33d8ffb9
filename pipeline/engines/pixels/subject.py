"""Where a picture's subject may lie: two measures of saliency, and how far they agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipeline.engines.pixels.canvas import Canvas, Mask, mean_of, percent_of, shade_shares
from pipeline.engines.pixels.colours import NAMES, Bytes, Floats, to_lab
from pipeline.engines.pixels.facts import Subject

SIDE = 64
"""Pixels of the square the picture is mapped to: the scale at which Hou and Zhang compute the spectral residual."""

FAINT = 3.0
"""Least range of L*, a* or b* on that square for anything to stand out: a just noticeable difference is about 2.3."""

_UNIFORM_SPREAD = float(np.sqrt(1 / 6))
"""Root mean square distance from the centre of a unit square to its points."""


def find_subject(canvas: Canvas) -> Subject | None:
    """Find what stands out, or ``None`` in a picture that is flat at this scale."""
    lab = to_lab(np.asarray(Image.fromarray(canvas.rgb).resize((SIDE, SIDE), Image.Resampling.BOX)))
    if np.ptp(lab, axis=(0, 1)).max() < FAINT:
        return None
    surprise, contrast = spectral_residual(lab), border_contrast(lab)
    salient = _stretch(surprise.astype(np.float32) + contrast)
    if not salient.any():
        return None
    return _describe(canvas, salient, _distance(_centre(surprise), _centre(contrast)))


def spectral_residual(lab: Floats) -> Bytes:
    """Saliency of Hou and Zhang (2007), summed over L*, a* and b* in proportion to each channel's deviation."""
    total = np.zeros(lab.shape[:2], dtype=np.float64)
    for channel in np.moveaxis(lab.astype(np.float64), -1, 0):
        spectrum = np.fft.fft2(channel)
        amplitude = np.abs(spectrum)
        log_amplitude = np.log(amplitude + 1)
        phase = spectrum / np.maximum(amplitude, 1e-9)
        residual = log_amplitude - _neighbourhood_mean(log_amplitude)
        total += np.square(np.abs(np.fft.ifft2(np.exp(residual) * phase))) * channel.std()
    return _blur(_stretch(total), 2.5)


def border_contrast(lab: NDArray[np.floating]) -> Bytes:
    """Distance in L*a*b* to the two most alike of the four borders' median colours.

    The borders are taken as background (Wei et al. 2012); two of them, since a subject often touches one or two.
    """
    depth, lab = SIDE // 16, lab.astype(np.float64)
    borders = (lab[:depth], lab[-depth:], lab[:, :depth], lab[:, -depth:])
    medians = [np.median(border.reshape(-1, 3), axis=0) for border in borders]
    distances = np.sort([np.sqrt(np.square(lab - median).sum(axis=-1)) for median in medians], axis=0)
    return _blur(_stretch(distances[:2].mean(axis=0)), 2)


def otsu_threshold(values: Bytes) -> int:
    """The level that parts a histogram with the greatest variance between its two sides (Otsu 1979)."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    levels = np.arange(256)
    below, weighted = np.cumsum(counts), np.cumsum(counts * levels)
    above = below[-1] - below
    between = np.square(weighted * below[-1] - weighted[-1] * below) / np.maximum(below * above, 1)
    return int(between.argmax())


def _describe(canvas: Canvas, salient: Bytes, disagreement: float) -> Subject:
    height, width = canvas.names.shape
    mask, centre = _above_threshold(salient), _centre(salient)
    here = mask[np.ix_(np.arange(height) * SIDE // height, np.arange(width) * SIDE // width)]
    within, elsewhere = shade_shares(canvas.names[here]), shade_shares(canvas.names[~here])
    mark, ground = int((within - elsewhere).argmax()), int(elsewhere.argmax())
    spread = _spread(mask, centre)
    # A disc of area A has a root mean square radius of sqrt(A / 2 pi).
    of_disc = float(np.sqrt(mask.mean() / (2 * np.pi)))
    rest = mean_of(canvas.detail[~here])
    return Subject(
        x=round(100 * centre[0]),
        y=round(100 * centre[1]),
        area=percent_of(here),
        spread=round(100 * spread / _UNIFORM_SPREAD),
        compactness=round(100 * min(1.0, of_disc / spread)),
        disagreement=round(100 * disagreement),
        mark=NAMES[mark],
        mark_percent=round(100 * float(within[mark])),
        mark_elsewhere=round(100 * float(elsewhere[mark])),
        ground=NAMES[ground],
        ground_percent=round(100 * float(elsewhere[ground])),
        lightness=round(mean_of(canvas.lightness[here])),
        ground_lightness=round(mean_of(canvas.lightness[~here])),
        detail=round(min(99.0, mean_of(canvas.detail[here]) / max(rest, 0.01)), 1),
    )


def _above_threshold(salient: Bytes) -> Mask:
    return salient > otsu_threshold(salient)


def _centre(salient: Bytes) -> tuple[float, float]:
    """Centre of mass of what lies above the threshold, as x and y in [0, 1]; the middle for a flat map."""
    weights = np.where(_above_threshold(salient), salient, 0).astype(np.float64)
    total = weights.sum()
    if not total:
        return 0.5, 0.5
    middles = (np.arange(SIDE) + 0.5) / SIDE
    return float((weights.sum(axis=0) * middles).sum() / total), float((weights.sum(axis=1) * middles).sum() / total)


def _spread(mask: Mask, centre: tuple[float, float]) -> float:
    rows, columns = np.nonzero(mask)
    across, down = (columns + 0.5) / SIDE - centre[0], (rows + 0.5) / SIDE - centre[1]
    # A single point still has the size of its pixel.
    return float(np.sqrt((across * across + down * down).mean() + 1 / (6 * SIDE * SIDE)))


def _distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))


def _neighbourhood_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over three by three elements; a spectrum is periodic, so its edges wrap."""
    rows = np.roll(values, 1, axis=0) + values + np.roll(values, -1, axis=0)
    mean: NDArray[np.float64] = (np.roll(rows, 1, axis=1) + rows + np.roll(rows, -1, axis=1)) / 9
    return mean


def _stretch(values: NDArray[np.floating]) -> Bytes:
    """Map a range of values onto 0 to 255."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values.astype(np.float64) - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)


def _blur(values: Bytes, sigma: float) -> Bytes:
    return _stretch(np.asarray(Image.fromarray(values).filter(ImageFilter.GaussianBlur(sigma)), dtype=np.float32))
