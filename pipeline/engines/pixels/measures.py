"""From a picture to its measurements, with numpy and Pillow alone."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.engines.pixels.canvas import inner_area, make_canvas, mean_of, percent_of
from pipeline.engines.pixels.colours import Floats
from pipeline.engines.pixels.facts import Frame, Light, Measurements
from pipeline.engines.pixels.palette import measure_colours
from pipeline.engines.pixels.structure import measure_layout, measure_texture
from pipeline.engines.pixels.subject import find_subject

RATIOS = {"1:1": 1.0, "5:4": 5 / 4, "4:3": 4 / 3, "3:2": 3 / 2, "16:9": 16 / 9, "2:1": 2.0, "3:1": 3.0}


def measure(image: Image.Image) -> Measurements:
    """Measure a picture of any mode and size: a pure function of its pixels."""
    canvas = make_canvas(image)
    return Measurements(
        frame=measure_frame(*image.size),
        light=measure_light(canvas.lightness),
        colours=measure_colours(canvas),
        texture=measure_texture(canvas),
        layout=measure_layout(canvas),
        subject=find_subject(canvas),
    )


def measure_frame(width: int, height: int) -> Frame:
    """Name the outline of a picture of this size."""
    sides = max(width, height) / min(width, height)
    ratio = min(RATIOS, key=lambda name: abs(RATIOS[name] / sides - 1))
    shape = "square" if sides < 1.03 else "landscape" if width > height else "portrait"
    return Frame(width, height, shape, ratio if abs(RATIOS[ratio] / sides - 1) <= 0.02 else None)


def measure_light(lightness: Floats) -> Light:
    """Measure how light is spread over an array of L*, shape (height, width)."""
    height, width = lightness.shape
    low, high, brightest = np.percentile(lightness, (5, 95, 99.8))
    rim = np.ones(lightness.shape, dtype=np.bool_)
    rim[inner_area(rim.shape, 8)] = False
    return Light(
        mean=round(mean_of(lightness)),
        low=round(float(low)),
        high=round(float(high)),
        brightest=round(float(brightest)),
        shadows=percent_of(lightness < 20),
        highlights=percent_of(lightness > 90),
        left=round(mean_of(lightness[:, : width // 2])),
        right=round(mean_of(lightness[:, -(width // 2) :])),
        top=round(mean_of(lightness[: height // 2])),
        bottom=round(mean_of(lightness[-(height // 2) :])),
        centre=round(mean_of(lightness[inner_area(lightness.shape, 4)])),
        rim=round(mean_of(lightness[rim])),
    )
