"""From a container to pixels: the right strict decoder for each format."""

from __future__ import annotations

import importlib.metadata
import zlib

from PIL import features

from pipeline.screening.container import Container, Decoded, read_plain_size
from pipeline.screening.jpeg import decode_jpeg, read_jpeg_size
from pipeline.screening.others import decode_other
from pipeline.screening.png import decode_png
from pipeline.screening.verdict import undecodable

_BUNDLED_WITH_PILLOW = {"libwebp": "webp", "littlecms2": "littlecms2"}


def read_size(container: Container) -> tuple[int, int]:
    """Width and height that the header announces, in pixels; nothing is decoded or allocated.

    Raises:
        UnusableImageError: the header is cut or damaged.
    """
    if container.format == "JPEG":
        width, height = read_jpeg_size(container.data)
    else:
        width, height = read_plain_size(container.format, container.data)
    if min(width, height) < 1:
        raise undecodable(f"{container.format} header: {width} x {height} pixels")
    return width, height


def decode(container: Container, at_least: int | None = None) -> Decoded:
    """Decode the picture, or its first frame, taking every sign of damage for an error.

    Args:
        container: the image, whose announced size the caller has judged.
        at_least: when given, a picture may come at a fraction of its size as long as its longer side has this many
            pixels. The verdict is the same.

    Raises:
        UnusableImageError: the image is damaged.
    """
    if container.format == "JPEG":
        return decode_jpeg(container.data, at_least)
    if container.format == "PNG":
        return decode_png(container.data)
    return decode_other(container)


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide whether a damaged file decodes, and to which pixels."""
    bundled = {name: features.version_module(module) or "none" for name, module in _BUNDLED_WITH_PILLOW.items()}
    return {
        "simplejpeg": importlib.metadata.version("simplejpeg"),
        "pillow": importlib.metadata.version("pillow"),
        **bundled,
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }
