"""What teachers get: the same upright 8-bit sRGB picture, however a file stores it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from pipeline.screening import open_picture, screen
from pipeline.screening.normalise import read_orientation
from schemas.image import ImageFacts
from tests.pipeline.screening.pictures import (
    LENIENT,
    WIDE_GAMUT,
    difference,
    encode,
    exif_block,
    matrix_profile,
    photograph,
    with_png_chunk,
    with_segment,
)

pytestmark = pytest.mark.filterwarnings("error")

PHOTO = photograph()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored(orientation: int) -> Image.Image:
    """The photograph as a camera held in that orientation stores it."""
    turn = STORED_AS[orientation]
    return PHOTO if turn is None else PHOTO.transpose(turn)


def in_wide_gamut(image: Image.Image) -> Image.Image:
    """The same colours in numbers of another space."""
    srgb, wide_gamut = (ImageCms.ImageCmsProfile(io.BytesIO(profile)) for profile in (SRGB, WIDE_GAMUT))
    converted = ImageCms.profileToProfile(image, srgb, wide_gamut)
    assert converted is not None
    return converted


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_upright_picture(orientation: int) -> None:
    png = encode(stored(orientation), "PNG", exif=b"Exif\0\0" + exif_block(orientation))
    picture = open_picture(png)
    assert difference(picture.image, PHOTO) == 0
    assert picture.normalised == (() if orientation == 1 else ("orientation",))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_facts_are_those_of_the_upright_picture(orientation: int) -> None:
    upright = screen(encode(PHOTO, quality=95), LENIENT)
    facts = screen(encode(stored(orientation), exif=b"Exif\0\0" + exif_block(orientation), quality=95), LENIENT)
    assert isinstance(upright, ImageFacts)
    assert isinstance(facts, ImageFacts)
    assert (facts.width, facts.height) == (320, 240)
    assert (int(facts.phash, 16) ^ int(upright.phash, 16)).bit_count() <= 3


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_orientation_agrees_with_pillow_and_is_applied_once(image_format: str) -> None:
    data = encode(stored(6), image_format, exif=b"Exif\0\0" + exif_block(6))
    by_pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    picture = open_picture(data).image
    assert difference(picture, by_pillow) < 1
    assert difference(ImageOps.exif_transpose(picture), picture) == 0


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"rubbish",
        exif_block(0),
        exif_block(9),
        exif_block(6)[:15],
    ],
)
def test_a_corrupt_exif_block_turns_nothing_and_rejects_nothing(exif: bytes) -> None:
    picture = open_picture(with_segment(encode(PHOTO), 0xE1, b"Exif\0\0" + exif))
    assert difference(picture.image, open_picture(encode(PHOTO)).image) == 0
    assert picture.normalised == ()


@given(st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]), st.binary(max_size=60))
def test_any_exif_bytes_give_one_of_the_eight_orientations(beginning: bytes, rest: bytes) -> None:
    assert 1 <= read_orientation(beginning + rest) <= 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_orientation_is_read_in_both_byte_orders_and_all_integer_types(order: str, kind: int) -> None:
    value = struct.pack(order + {1: "B", 3: "H", 4: "I"}[kind], 8).ljust(4, b"\0")
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + value
    header = struct.pack(order + "2sHIH", b"II" if order == "<" else b"MM", 42, 8, 1)
    assert read_orientation(header + entry) == 8


def test_cmyk_becomes_close_to_the_original() -> None:
    picture = open_picture(encode(PHOTO.convert("CMYK"), quality=95))
    assert difference(picture.image, PHOTO) < 3
    assert picture.normalised == ("cmyk",)


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "BMP"])
def test_a_palette_becomes_close_to_the_original(image_format: str) -> None:
    picture = open_picture(encode(PHOTO.quantize(256), image_format))
    assert difference(picture.image, PHOTO) < 6
    assert picture.normalised == ("palette",)


def test_sixteen_bits_become_the_nearest_eight() -> None:
    levels = np.arange(2**16).reshape(256, 256)
    picture = open_picture(encode(Image.fromarray(levels.astype(np.uint16)), "PNG"))
    nearest = (2 * levels + 257) // (2 * 257)
    assert np.array_equal(np.asarray(picture.image)[..., 0], nearest)
    assert picture.normalised == ("16_bit",)


def test_black_and_white_becomes_grey() -> None:
    bilevel = PHOTO.convert("1")
    picture = open_picture(encode(bilevel, "PNG"))
    assert difference(picture.image, bilevel.convert("RGB")) == 0
    assert picture.normalised == ("bilevel",)


def test_a_greyscale_jpeg_needs_no_step() -> None:
    picture = open_picture(encode(PHOTO.convert("L"), quality=95))
    assert picture.image.mode == "RGB"
    assert picture.normalised == ()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_laid_over_white(mode: str) -> None:
    see_through = PHOTO.convert(mode)
    alpha = Image.new("L", PHOTO.size, 255)
    alpha.paste(0, (0, 0, 160, 240))
    see_through.putalpha(alpha)
    picture = open_picture(encode(see_through, "PNG"))
    expected = PHOTO.convert(mode[:-1]).convert("RGB")
    expected.paste("white", (0, 0, 160, 240))
    assert difference(picture.image, expected) == 0
    assert picture.normalised == ("alpha",)


def test_an_opaque_alpha_channel_needs_no_step() -> None:
    picture = open_picture(encode(PHOTO.convert("RGBA"), "PNG"))
    assert difference(picture.image, PHOTO) == 0
    assert picture.normalised == ()


def test_a_transparent_palette_entry_is_laid_over_white() -> None:
    indices = Image.new("P", (40, 40), 1)
    indices.putpalette([0, 0, 0, 200, 30, 30])
    indices.paste(0, (0, 0, 20, 40))
    picture = open_picture(encode(indices, "PNG", transparency=0))
    assert picture.image.getpixel((5, 5)) == (255, 255, 255)
    assert picture.image.getpixel((30, 5)) == (200, 30, 30)
    assert picture.normalised == ("palette", "alpha")


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_another_colour_space_is_brought_to_srgb(image_format: str) -> None:
    wide = in_wide_gamut(PHOTO)
    options = {"quality": 97, "subsampling": 0} if image_format == "JPEG" else {"lossless": True}
    picture = open_picture(encode(wide, image_format, icc_profile=WIDE_GAMUT, **options))
    assert picture.normalised == ("icc",)
    assert difference(picture.image, PHOTO) < 2.5 < difference(wide, PHOTO)


def test_a_profile_is_applied_however_its_parts_are_spread() -> None:
    half = len(WIDE_GAMUT) // 2
    parts = [b"ICC_PROFILE\0\1\2" + WIDE_GAMUT[:half], b"ICC_PROFILE\0\2\2" + WIDE_GAMUT[half:]]
    plain = encode(PHOTO)
    in_order = with_segment(with_segment(plain, 0xE2, parts[1]), 0xE2, parts[0])
    reversed_order = with_segment(with_segment(plain, 0xE2, parts[0]), 0xE2, parts[1])
    assert open_picture(in_order).normalised == ("icc",)
    assert difference(open_picture(in_order).image, open_picture(reversed_order).image) == 0


def test_an_srgb_profile_needs_no_step() -> None:
    picture = open_picture(encode(PHOTO, "PNG", icc_profile=SRGB))
    assert difference(picture.image, PHOTO) == 0
    assert picture.normalised == ()


@pytest.mark.parametrize(
    ("image", "profile"),
    [
        (PHOTO, b"not a profile"),
        (PHOTO, WIDE_GAMUT[:200]),
        (PHOTO, b"\0" * 200),
        (PHOTO.convert("L"), matrix_profile("for three colours", [(0.4, 0.2, 0.0)] * 3, 1.8)),
        (PHOTO.convert("CMYK"), WIDE_GAMUT),
    ],
    ids=["text", "cut", "zeros", "colour profile on grey", "rgb profile on cmyk"],
)
def test_an_unusable_profile_is_noted_and_ignored(image: Image.Image, profile: bytes) -> None:
    noted, plain = open_picture(encode(image, icc_profile=profile)), open_picture(encode(image))
    assert noted.normalised == (*plain.normalised, "icc_unusable")
    assert difference(noted.image, plain.image) == 0


def test_a_profile_that_does_not_unpack_is_noted_and_ignored() -> None:
    picture = open_picture(with_png_chunk(encode(PHOTO, "PNG"), b"iCCP", b"name\0\0rubbish"))
    assert picture.normalised == ("icc_unusable",)


@given(st.binary(max_size=300))
def test_no_profile_bytes_reject_an_image_that_decodes(profile: bytes) -> None:
    jpeg = with_segment(encode(photograph(size=(16, 16))), 0xE2, b"ICC_PROFILE\0\1\1" + WIDE_GAMUT[:100] + profile)
    assert isinstance(screen(jpeg, LENIENT), ImageFacts)


def test_all_steps_together_are_named_in_order() -> None:
    wide = in_wide_gamut(stored(6)).convert("RGBA")
    alpha = Image.new("L", wide.size, 255)
    alpha.paste(0, (0, 0, 10, 10))
    wide.putalpha(alpha)
    options = {"icc_profile": WIDE_GAMUT, "exif": b"Exif\0\0" + exif_block(6)}
    animation = encode(
        wide, "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGBA", wide.size)], **options
    )
    assert open_picture(animation).normalised == ("first_frame", "icc", "alpha", "orientation")
