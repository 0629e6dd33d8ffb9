"""How strictly JPEGs are read: what is sound in all its layouts passes, damage does not as far as it can be seen."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.screening import Unusable, open_picture, screen
from pipeline.screening.jpeg import MAX_SCANS
from schemas.image import ImageFacts
from schemas.rejection import RejectReason
from tests.pipeline.screening.pictures import (
    LENIENT,
    difference,
    encode,
    photograph,
    scan_start,
    with_announced_size,
    with_flipped_bits,
    with_segment,
)

pytestmark = pytest.mark.filterwarnings("error")

PHOTO = photograph()
LAYOUTS = {
    "4:2:0": encode(PHOTO, subsampling=2),
    "4:2:2": encode(PHOTO, subsampling=1),
    "4:4:4": encode(PHOTO, subsampling=0),
    "progressive": encode(PHOTO, progressive=True),
    "greyscale": encode(PHOTO.convert("L")),
    "restart markers": encode(PHOTO, restart_marker_rows=1),
    "RGB": encode(PHOTO, keep_rgb=True),
    "CMYK": encode(PHOTO.convert("CMYK")),
    "YCCK": simplejpeg.encode_jpeg(255 - np.asarray(PHOTO.convert("CMYK")), 90, "CMYK", "420"),
}
PROGRESSIVE = LAYOUTS["progressive"]


def is_sound(data: bytes) -> bool:
    return isinstance(screen(data, LENIENT), ImageFacts)


def is_sound_to_pillow(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_common_layout_decodes_to_the_photograph(layout: str) -> None:
    assert is_sound(LAYOUTS[layout])
    expected = PHOTO.convert("L").convert("RGB") if layout == "greyscale" else PHOTO
    assert difference(open_picture(LAYOUTS[layout]).image, expected) < 6


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (17, 9)])
def test_the_smallest_pictures_decode(size: tuple[int, int]) -> None:
    data = encode(photograph(size=size))
    assert is_sound(data)
    assert open_picture(data).image.size == size


def test_a_single_component_with_odd_sampling_factors_is_plain_grey() -> None:
    grey = bytearray(LAYOUTS["greyscale"])
    sampling = grey.index(b"\xff\xc0") + 11
    assert grey[sampling] == 0x11
    grey[sampling] = 0x22
    assert is_sound(bytes(grey))


@pytest.mark.parametrize("factors", [0x14, 0x33])
def test_a_subsampling_that_the_decoder_does_not_know_is_a_decode_error(factors: int) -> None:
    odd = bytearray(LAYOUTS["4:2:0"])
    odd[odd.index(b"\xff\xc0") + 11] = factors
    verdict = screen(bytes(odd), LENIENT)
    assert isinstance(verdict, Unusable)
    assert verdict.reason is RejectReason.DECODE_ERROR
    assert "subsampling" in verdict.detail


@pytest.mark.parametrize("rest", [b"\0" * 100, b"made by a camera", LAYOUTS["4:4:4"]], ids=["zeros", "text", "preview"])
def test_bytes_after_the_end_marker_are_accepted(rest: bytes) -> None:
    assert is_sound(LAYOUTS["4:2:0"] + rest)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bytes_left_over_before_the_end_marker_are_not(layout: str) -> None:
    data = LAYOUTS[layout]
    assert not is_sound(data[:-2] + bytes(range(1, 9)) + data[-2:])


def test_fill_bytes_and_stray_application_segments_are_accepted() -> None:
    data = LAYOUTS["4:2:0"]
    assert is_sound(with_segment(data, 0xED, b"Photoshop 3.0\0"))
    assert is_sound(data[:2] + b"\xff\xff" + data[2:])


def test_a_picture_lower_than_its_data_is_a_decode_error() -> None:
    assert not is_sound(with_announced_size(LAYOUTS["4:2:0"], 320, 120))


def test_more_scans_than_any_picture_needs_are_a_bomb() -> None:
    last_scan = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    many = PROGRESSIVE[:-2] + last_scan * MAX_SCANS + PROGRESSIVE[-2:]
    verdict = screen(many, LENIENT)
    assert isinstance(verdict, Unusable)
    assert verdict.reason is RejectReason.BOMB


@given(st.sampled_from(sorted(LAYOUTS)), st.floats(0, 1, exclude_max=True))
@settings(max_examples=200, deadline=None)
def test_no_cut_before_the_end_passes(layout: str, share: float) -> None:
    data = LAYOUTS[layout]
    assert not is_sound(data[: int(share * (len(data) - 1))])


@given(st.sampled_from(sorted(LAYOUTS)), st.data())
@settings(max_examples=100, deadline=None)
def test_a_flipped_bit_in_a_scan_is_caught_or_leaves_a_whole_picture(layout: str, data: st.DataObject) -> None:
    jpeg = LAYOUTS[layout]
    bit = data.draw(st.integers(8 * scan_start(jpeg), 8 * len(jpeg) - 17))
    damaged = with_flipped_bits(jpeg, bit)
    verdict = screen(damaged, LENIENT)
    if isinstance(verdict, ImageFacts):
        assert open_picture(damaged).image.size == (320, 240)
    else:
        assert verdict.reason in (RejectReason.DECODE_ERROR, RejectReason.BOMB)


@pytest.mark.parametrize("layout", ["4:2:0", "progressive"])
def test_single_flipped_bits_are_caught_far_more_often_than_by_pillow(layout: str) -> None:
    """JPEG has no checksum: most single flips change a few pixels and cannot be seen by any decoder."""
    jpeg = LAYOUTS[layout]
    bits = np.random.default_rng(0).integers(8 * scan_start(jpeg), 8 * len(jpeg) - 16, 200)
    damaged = [with_flipped_bits(jpeg, int(bit)) for bit in bits]
    caught = sum(not is_sound(data) for data in damaged)
    assert caught > 200 * 0.08
    assert caught > 5 * sum(not is_sound_to_pillow(data) for data in damaged)


@pytest.mark.parametrize("fault", ["zeros", "noise", "lost", "repeated"])
@pytest.mark.parametrize("layout", ["4:2:0", "progressive"])
def test_most_damaged_disk_blocks_are_caught(layout: str, fault: str) -> None:
    jpeg = encode(photograph(size=(500, 375)), quality=92, progressive=layout == "progressive")
    rng = np.random.default_rng(1)
    caught = 0
    for start in rng.integers(scan_start(jpeg), len(jpeg) - 1100, 60):
        contents = {"zeros": bytes(512), "noise": rng.bytes(512), "lost": b"", "repeated": jpeg[start + 512 :][:512]}
        caught += not is_sound(jpeg[:start] + contents[fault] + jpeg[start + 512 :])
    assert caught >= 60 * 0.7


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_large_picture_gets_the_same_verdict_although_it_is_decoded_smaller(layout: str) -> None:
    large = {"CMYK": PHOTO.convert("CMYK"), "greyscale": PHOTO.convert("L")}.get(layout, PHOTO).resize((1100, 825))
    jpeg = encode(large, progressive=layout == "progressive")
    facts = screen(jpeg, LENIENT)
    assert isinstance(facts, ImageFacts)
    assert (facts.width, facts.height) == (1100, 825)
    assert not is_sound(jpeg[:-10])
