"""Pictures whose contents are known because they are drawn here."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from PIL import Image, ImageDraw

RGB = tuple[int, int, int]

RED, GREEN, BLUE = (230, 20, 20), (30, 130, 50), (40, 80, 200)
BLACK, GREY, WHITE = (0, 0, 0), (128, 128, 128), (255, 255, 255)


def plain(colour: RGB, size: tuple[int, int] = (320, 240)) -> Image.Image:
    return Image.new("RGB", size, colour)


def with_box(box: tuple[float, float, float, float], colour: RGB, ground: RGB = GREY) -> Image.Image:
    """A box on a plain ground; its left, top, right and bottom as shares of the sides."""
    picture = plain(ground)
    left, top, right, bottom = box
    picture.paste(colour, (round(left * 320), round(top * 240), round(right * 320), round(bottom * 240)))
    return picture


def with_disc(x: float, y: float, colour: RGB = RED, ground: RGB = GREY, radius: int = 30) -> Image.Image:
    """A disc about a centre given in shares of the sides."""
    picture = plain(ground)
    centre_x, centre_y = x * 320, y * 240
    ImageDraw.Draw(picture).ellipse(
        (centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius), fill=colour
    )
    return picture


def noise(seed: int, size: tuple[int, int] = (320, 240), low: int = 0, high: int = 256) -> Image.Image:
    levels = np.random.default_rng(seed).integers(low, high, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(levels)


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """Anything from one flat colour to boxes and discs in noise, in all sorts of sizes."""
    width, height = draw(st.integers(1, 400)), draw(st.integers(1, 400))
    colour = st.tuples(*[st.integers(0, 255)] * 3)
    picture = plain(draw(colour), (width, height))
    pencil = ImageDraw.Draw(picture)
    for _ in range(draw(st.integers(0, 4))):
        left, right = sorted(draw(st.tuples(st.integers(0, width), st.integers(0, width))))
        top, bottom = sorted(draw(st.tuples(st.integers(0, height), st.integers(0, height))))
        shape = draw(st.sampled_from((pencil.rectangle, pencil.ellipse)))
        shape((left, top, right, bottom), fill=draw(colour))
    if draw(st.booleans()):
        grain = noise(draw(st.integers(0, 1000)), (width, height))
        picture = Image.blend(picture, grain, draw(st.sampled_from((0.03, 0.1, 0.4, 1.0))))
    return picture.convert("L").convert("RGB") if draw(st.booleans()) else picture
