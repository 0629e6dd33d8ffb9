"""Pictures to measure with: cut from the photographs inside installed packages, or made from noise. None are kept."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from schemas.errors import SourceError

PHOTOGRAPHS = {
    "skimage": ("data/astronaut.png", "data/coffee.png", "data/rocket.jpg", "data/hubble_deep_field.jpg"),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}
"""Files by package. Their licences: ``flows/demo/photographs.py``."""

WIDTH, HEIGHT = 500, 375
"""ImageNet's commonest size."""

QUALITY = 96
"""Gives the 84 to 92 kB that ImageNet's files have on average."""

_PATCH = 32
"""Pixels from one colour of the noise to the next."""

Pixels = npt.NDArray[np.uint8]


def cut_photographs(count: int) -> list[bytes]:
    """JPEGs of 500 x 375 pixels from the packages' photographs, each from another place in one of them.

    Raises:
        SourceError: a package is not installed.
    """
    generator = np.random.default_rng(0)
    photographs = [_load(package, file) for package, files in PHOTOGRAPHS.items() for file in files]
    crops = (_crop(photographs[number % len(photographs)], (WIDTH, HEIGHT), generator) for number in range(count))
    return [_encode(crop, QUALITY) for crop in crops]


def make_picture(number: int, size: tuple[int, int] = (256, 240)) -> bytes:
    """A JPEG of soft coloured patches, no near-duplicate of another number's, in half a millisecond."""
    return _encode(_crop(_patchwork(), size, np.random.default_rng(number)), 85)


def _encode(picture: Pixels, quality: int) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(picture, quality, "RGB", "420")
    return encoded


def _crop(picture: Pixels, size: tuple[int, int], generator: np.random.Generator) -> Pixels:
    width, height = size
    top = int(generator.integers(picture.shape[0] - height + 1))
    left = int(generator.integers(picture.shape[1] - width + 1))
    crop = picture[top : top + height, left : left + width]
    return np.ascontiguousarray(crop if generator.integers(2) else crop[:, ::-1])


@functools.cache
def _patchwork(side: int = 4096) -> Pixels:
    patches = np.random.default_rng(0).integers(0, 256, (side // _PATCH, side // _PATCH, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(patches).resize((side, side), Image.Resampling.BICUBIC))


def _load(package: str, file: str) -> Pixels:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(f"{package} is not installed", "pip install 'imagenet-think[demo]'")
    with Image.open(Path(spec.submodule_search_locations[0], file)) as image:
        return np.asarray(image.convert("RGB"))
