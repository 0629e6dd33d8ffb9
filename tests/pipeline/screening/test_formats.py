"""PNG, GIF, WebP and BMP: what each format has of its own to go wrong."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.screening import Unusable, open_picture, screen
from schemas.image import ImageFacts
from schemas.rejection import RejectReason
from tests.pipeline.screening.pictures import (
    LENIENT,
    difference,
    encode,
    photograph,
    png_chunk,
    with_flipped_bits,
    with_png_chunk,
)

pytestmark = pytest.mark.filterwarnings("error")

PHOTO = photograph(size=(120, 90))
PNG = encode(PHOTO, "PNG")


def reason(data: bytes) -> RejectReason | None:
    verdict = screen(data, LENIENT)
    return verdict.reason if isinstance(verdict, Unusable) else None


@given(st.integers(8 * 33, 8 * len(PNG) - 1))
@settings(max_examples=100)
def test_every_flipped_bit_of_a_png_is_caught(bit: int) -> None:
    assert reason(with_flipped_bits(PNG, bit)) is RejectReason.DECODE_ERROR


@given(st.integers(8, len(PNG) - 1))
def test_every_cut_of_a_png_is_caught(length: int) -> None:
    assert reason(PNG[:length]) is RejectReason.DECODE_ERROR


def test_bytes_after_the_end_of_a_png_are_accepted() -> None:
    assert reason(PNG + b"trailer") is None


def test_a_second_header_cannot_smuggle_in_another_size() -> None:
    other = png_chunk(b"IHDR", struct.pack(">II", 120, 80) + PNG[24:29])
    verdict = screen(PNG[:33] + other + PNG[33:], LENIENT)
    assert verdict == Unusable(RejectReason.DECODE_ERROR, "PNG data: (120, 80) pixels, announced as (120, 90)")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        (b"iCCP", b"broken\0\0not a zlib stream"),
        (b"iCCP", b""),
        (b"acTL", b""),
        (b"acTL", bytes(8)),
        (b"eXIf", b"II*\0"),
        (b"zTXt", b"comment\0\0not a zlib stream"),
        (b"tIME", b""),
    ],
)
def test_a_nonsensical_ancillary_chunk_does_not_reject_a_png_that_decodes(name: bytes, payload: bytes) -> None:
    data = with_png_chunk(PNG, name, payload)
    assert reason(data) is None
    assert difference(open_picture(data).image, PHOTO) == 0


def test_a_gif_frame_that_reaches_beyond_the_screen_is_judged_by_its_reach() -> None:
    gif = bytearray(encode(PHOTO, "GIF"))
    gif[6:10] = struct.pack("<HH", 10, 10)
    facts = screen(bytes(gif), LENIENT)
    assert isinstance(facts, ImageFacts)
    assert (facts.width, facts.height) == (120, 90)
    frame = gif.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 120, 90))
    gif[frame + 5 : frame + 9] = struct.pack("<HH", 65535, 65535)
    assert reason(bytes(gif)) is RejectReason.BOMB


def test_a_gif_without_a_frame_is_a_decode_error() -> None:
    assert reason(b"GIF89a" + struct.pack("<HHBBB", 300, 300, 0, 0, 0) + b";") is RejectReason.DECODE_ERROR


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}], ids=["lossy", "lossless", "extended"]
)
def test_a_webp_of_each_kind_tells_its_size(options: dict[str, object]) -> None:
    facts = screen(encode(PHOTO, "WEBP", **options), LENIENT)
    assert isinstance(facts, ImageFacts)
    assert (facts.width, facts.height) == (120, 90)


def test_a_webp_canvas_beyond_all_bounds_is_a_bomb() -> None:
    webp = bytearray(encode(PHOTO.convert("RGBA"), "WEBP", exif=b"Exif\0\0II*\0"))
    assert webp[12:16] == b"VP8X"
    webp[24:30] = b"\xff" * 6
    assert reason(bytes(webp)) is RejectReason.BOMB


def test_a_bitmap_stored_from_top_to_bottom_is_the_right_way_up() -> None:
    pixels = np.asarray(PHOTO)[..., ::-1]
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + pixels.size, 0, 54, 40, 120, -90, 1, 24, 0, 0, 0, 0, 0, 0)
    assert difference(open_picture(header + pixels.tobytes()).image, PHOTO) == 0


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(image_format: str) -> None:
    frames = [PHOTO, Image.new("RGB", PHOTO.size, "red"), Image.new("RGB", PHOTO.size, "blue")]
    data = encode(frames[0], image_format, save_all=True, append_images=frames[1:])
    picture = open_picture(data)
    assert picture.normalised[0] == "first_frame"
    assert difference(picture.image, PHOTO) < 8
