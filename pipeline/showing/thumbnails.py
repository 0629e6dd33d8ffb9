"""Pictures small enough for a page of many."""

from __future__ import annotations

import base64

import numpy as np
import simplejpeg
from PIL import Image

from pipeline.screening import open_picture
from schemas.errors import SourceError

LONGEST_SIDE = 448
"""Pixels of a thumbnail's longer side: sharp in a column of 18 rem on common screens, some 30 kB."""

_QUALITY = 80


def shrink_to_data(jpeg: bytes) -> str | None:
    """A photograph as a small JPEG in a ``data:`` address, upright and without metadata; ``None`` if it is damaged."""
    try:
        image = open_picture(jpeg).image
    except SourceError:
        return None
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    small = simplejpeg.encode_jpeg(np.ascontiguousarray(image), _QUALITY, "RGB", "420")
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
