"""Screening on one core, against loops that only decode with Pillow, or hash too, and would miss most damage."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

import imagehash
from PIL import Image

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.photographs import cut_photographs
from pipeline.screening import screen
from schemas.config import ScreeningConfig
from schemas.image import ImageFacts

IMAGES = {"tiny": 6, "quick": 120, "full": 480}
ROUNDS = {"tiny": 1, "quick": 3, "full": 9}


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:  # noqa: ARG001 - every benchmark's signature
    """Judge and measure photographs of ImageNet's usual size and weight, on one core's time."""
    images = cut_photographs(IMAGES[scale])
    ways = {"Pillow decode": _decode, "Pillow decode + ImageHash's phash": _hash}
    for against, baseline in ways.items():
        turn = Round(len(images), partial(_screen, images), partial(baseline, images))
        yield race("screen photographs", "images/s/core", against, repeat(turn, ROUNDS[scale]), time.process_time)


def _screen(images: list[bytes]) -> int:
    limits = ScreeningConfig()
    return sum(isinstance(screen(data, limits), ImageFacts) for data in images)


def _decode(images: list[bytes]) -> int:
    decoded = 0
    for data in images:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            decoded += image.mode == "RGB"
    return decoded


def _hash(images: list[bytes]) -> int:
    hashed = 0
    for data in images:
        with Image.open(io.BytesIO(data)) as image:
            hashed += imagehash.phash(image).hash.size == 64
    return hashed
