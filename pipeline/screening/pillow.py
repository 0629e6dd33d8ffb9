"""Pillow as a decoder of hostile bytes: one named format, no size but the announced one, one kind of error."""

from __future__ import annotations

import io
import struct

from PIL import Image
from PIL.ImageFile import ImageFile

from pipeline.screening.verdict import undecodable

# What Pillow's parsers raise on damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, Image.DecompressionBombError)


def load_image(plugin: type[ImageFile], data: bytes, size: tuple[int, int]) -> tuple[Image.Image, bool]:
    """Decode the first frame of an image with one of Pillow's plugins.

    ``Image.open`` is avoided: it tries formats, and judges sizes by limits of its own, with warnings.

    Args:
        plugin: the format's class.
        data: the file.
        size: width and height that the caller read from the header and judged.

    Returns:
        The image and whether it is the first frame of several.

    Raises:
        UnusableImageError: the data are damaged, or the decoder would make a picture of another size.
    """
    try:
        with plugin(io.BytesIO(data)) as image:
            if image.size != size:
                raise undecodable(f"{plugin.format} data: {image.size} pixels, announced as {size}")
            # Asked before loading: a GIF looks ahead for a second frame and would have to decode the first again.
            animated = bool(getattr(image, "is_animated", False))
            return image.copy(), animated
    except _DAMAGE as error:
        raise undecodable(f"{plugin.format} data: {error}") from error
