"""Images that passed screening: as teachers see them, and as shards hold them."""

from __future__ import annotations

import gzip
import io

import pytest
from PIL import Image

from pipeline.screening import as_jpeg, open_picture
from schemas.errors import SourceError
from tests.pipeline.screening.pictures import difference, encode, exif_block, photograph

pytestmark = pytest.mark.filterwarnings("error")

PHOTO = photograph()
JPEG = encode(PHOTO, quality=90)


def test_an_ordinary_jpeg_opens_to_the_pixels_that_pillow_sees() -> None:
    picture = open_picture(JPEG)
    assert picture.image.mode == "RGB"
    assert difference(picture.image, Image.open(io.BytesIO(JPEG)).convert("RGB")) < 0.1


def test_a_picture_says_what_it_was_read_from() -> None:
    picture = open_picture(gzip.compress(encode(PHOTO, "PNG")))
    assert (picture.format, picture.gzipped, picture.normalised) == ("PNG", True, ())
    assert difference(picture.image, PHOTO) == 0


@pytest.mark.parametrize(
    "data", [b"", b"<html>", JPEG[:-100], encode(PHOTO, "PNG")[:-20], gzip.compress(JPEG, mtime=0)[:-20]]
)
def test_what_does_not_decode_is_a_source_error(data: bytes) -> None:
    with pytest.raises(SourceError):
        open_picture(data)


@pytest.mark.parametrize("data", [b"", b"<html>", encode(PHOTO, "PNG")[:-20], gzip.compress(JPEG, mtime=0)[:-20]])
def test_what_cannot_be_packed_is_a_source_error(data: bytes) -> None:
    with pytest.raises(SourceError):
        as_jpeg(data)


@pytest.mark.parametrize("data", [JPEG, JPEG + b"trailer", encode(PHOTO.convert("CMYK"), exif=exif_block(6))])
def test_a_source_jpeg_is_packed_byte_for_byte(data: bytes) -> None:
    assert as_jpeg(data) == (data, "source")


def test_a_jpeg_inside_gzip_is_taken_out_and_otherwise_untouched() -> None:
    assert as_jpeg(gzip.compress(JPEG)) == (JPEG, "unwrapped")


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP", "BMP"])
def test_another_format_is_transcoded_from_its_normalised_picture(image_format: str) -> None:
    data = encode(PHOTO, image_format)
    packed, encoding = as_jpeg(data)
    assert encoding == "transcoded"
    assert packed.startswith(b"\xff\xd8\xff")
    assert difference(open_picture(packed).image, open_picture(data).image) < 4
    assert as_jpeg(data) == (packed, encoding)


def test_a_transcoded_picture_stands_upright_without_exif() -> None:
    sideways = encode(PHOTO.transpose(Image.Transpose.ROTATE_90), "PNG", exif=b"Exif\0\0" + exif_block(6))
    packed = open_picture(as_jpeg(sideways)[0])
    assert packed.normalised == ()
    assert difference(packed.image, PHOTO) < 2.5
