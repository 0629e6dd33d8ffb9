"""GIF, WebP and BMP: rare in ImageNet, without checksums, and decoded as strictly as Pillow can."""

from __future__ import annotations

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pipeline.screening.container import Container, Decoded, read_plain_size
from pipeline.screening.pillow import load_image

_PLUGINS: dict[str, type[ImageFile]] = {"GIF": GifImageFile, "WEBP": WebPImageFile, "BMP": BmpImageFile}


def decode_other(container: Container) -> Decoded:
    """Decode a GIF, WebP or BMP; of an animation, its first frame.

    Raises:
        UnusableImageError: the data are damaged or cut, as far as Pillow notices.
    """
    size = read_plain_size(container.format, container.data)
    image, animated = load_image(_PLUGINS[container.format], container.data, size)
    exif, icc = image.info.get("exif", b""), image.info.get("icc_profile", b"")
    return Decoded(image, exif, icc, ("first_frame",) if animated else ())
