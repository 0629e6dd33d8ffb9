"""Real photographs, where the wheels that ship them are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

_PHOTOGRAPHS = {
    "skimage": ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"],
    "sklearn": ["china.jpg", "flower.jpg"],
}
_FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}


@pytest.fixture(scope="session")
def real_photographs() -> dict[str, Image.Image]:
    """Six photographs by name, as RGB pictures of ordinary size."""
    pictures = {}
    for package, names in _PHOTOGRAPHS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"{package}, whose wheel holds photographs, is not installed")
        for name in names:
            with Image.open(Path(spec.origin).parent / _FOLDERS[package] / name) as image:
                pictures[name] = image.convert("RGB")
    return pictures
