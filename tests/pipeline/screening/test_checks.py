"""The checks in their order, one rule per fault that is found in collections of photographs."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.screening import Unusable, judge_size, library_versions, open_picture, screen
from schemas.config import ScreeningConfig
from schemas.image import ImageFacts
from schemas.rejection import RejectReason
from tests.pipeline.screening.pictures import (
    LENIENT,
    encode,
    exif_block,
    photograph,
    scan_start,
    with_announced_size,
    with_flipped_bits,
    with_png_size,
)

pytestmark = pytest.mark.filterwarnings("error")

LIMITS = ScreeningConfig()
JPEG = encode(photograph(), quality=90)


def reason(data: bytes, limits: ScreeningConfig = LIMITS) -> RejectReason | None:
    verdict = screen(data, limits)
    return verdict.reason if isinstance(verdict, Unusable) else None


def test_a_sound_photograph_passes_with_its_facts() -> None:
    facts = screen(JPEG, LIMITS)
    assert isinstance(facts, ImageFacts)
    assert (facts.width, facts.height, facts.bytes, facts.format) == (320, 240, len(JPEG), "JPEG")
    assert not facts.gzipped
    assert not facts.greyscale
    assert facts.normalised == ()


def test_an_empty_file_is_empty() -> None:
    assert reason(b"") is RejectReason.EMPTY


def test_a_file_beyond_the_limit_is_too_large_whatever_it_holds() -> None:
    assert reason(bytes(1001), ScreeningConfig(max_bytes=1000)) is RejectReason.TOO_LARGE


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html>404 Not Found</html>",
        b"BMW owners' handbook, the pages on headlamps",
        b"II*\0 a TIFF",
        b"\xff\xd8",
        b"\0",
        gzip.compress(b"<html>", mtime=0),
        gzip.compress(gzip.compress(JPEG, mtime=0), mtime=0),
    ],
    ids=["html", "text in BM", "tiff", "two bytes", "zero", "gzipped html", "gzip in gzip"],
)
def test_what_is_no_image_is_not_an_image(data: bytes) -> None:
    assert reason(data) is RejectReason.NOT_AN_IMAGE


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP", "BMP"])
def test_another_format_under_a_jpeg_name_passes_under_its_own(image_format: str) -> None:
    facts = screen(encode(photograph(), image_format), LIMITS)
    assert isinstance(facts, ImageFacts)
    assert facts.format == image_format


def test_a_jpeg_inside_gzip_passes_and_says_so() -> None:
    wrapped, plain = screen(gzip.compress(JPEG), LIMITS), screen(JPEG, LIMITS)
    assert isinstance(wrapped, ImageFacts)
    assert isinstance(plain, ImageFacts)
    assert wrapped.gzipped
    assert (wrapped.phash, wrapped.complexity) == (plain.phash, plain.complexity)
    assert wrapped.sha256 != plain.sha256


def test_a_gzip_stream_that_unpacks_beyond_the_limit_is_too_large() -> None:
    assert reason(gzip.compress(bytes(10**7)), ScreeningConfig(max_bytes=10**6)) is RejectReason.TOO_LARGE


@pytest.mark.parametrize("cut", [15, 100, -1])
def test_a_gzip_stream_that_is_cut_is_a_decode_error(cut: int) -> None:
    assert reason(gzip.compress(JPEG)[:cut]) is RejectReason.DECODE_ERROR


def test_a_gzip_stream_that_is_damaged_is_a_decode_error() -> None:
    packed = gzip.compress(JPEG)
    assert reason(with_flipped_bits(packed, 8 * (len(packed) // 2))) is RejectReason.DECODE_ERROR


def test_a_header_that_announces_too_many_pixels_is_a_bomb_before_anything_is_decoded() -> None:
    assert reason(with_announced_size(JPEG, 65000, 65000)) is RejectReason.BOMB


def test_a_side_that_no_jpeg_can_have_is_a_bomb() -> None:
    assert reason(encode(Image.new("1", (65501, 1)), "PNG"), LENIENT) is RejectReason.BOMB


@pytest.mark.parametrize("size", [(223, 400), (400, 223)])
def test_a_short_side_is_too_small(size: tuple[int, int]) -> None:
    assert reason(encode(photograph(size=size))) is RejectReason.TOO_SMALL


def test_the_smallest_allowed_side_passes() -> None:
    assert reason(encode(photograph(size=(224, 224)))) is None


@pytest.mark.parametrize("size", [(225 * 4 + 1, 225), (225, 225 * 4 + 1)])
def test_a_strip_has_an_extreme_aspect(size: tuple[int, int]) -> None:
    assert reason(encode(photograph(size=size))) is RejectReason.EXTREME_ASPECT


def test_the_longest_allowed_strip_passes() -> None:
    assert reason(encode(photograph(size=(225 * 4, 225)))) is None


@pytest.mark.parametrize(
    "damaged",
    [
        JPEG[: len(JPEG) // 2],
        JPEG[:-2],
        JPEG[:-4000] + bytes(4000),
        encode(photograph(), progressive=True)[:-3000],
        with_flipped_bits(JPEG, *(8 * (scan_start(JPEG) + 1000 * part) + 3 for part in range(1, 8))),
        with_announced_size(JPEG, 320, 480),
        JPEG[: scan_start(JPEG)],
        b"\xff\xd8\xff\xe0 and then nothing",
    ],
    ids=["half", "no end marker", "zero tail", "progressive cut", "flips", "taller than told", "no scan", "no header"],
)
def test_a_damaged_jpeg_is_a_decode_error(damaged: bytes) -> None:
    assert reason(damaged) is RejectReason.DECODE_ERROR


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_of_another_format_is_a_decode_error(image_format: str, share: float) -> None:
    data = encode(photograph(), image_format)
    assert reason(data[: int(share * len(data))]) is RejectReason.DECODE_ERROR


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP", "BMP"])
def test_a_header_that_is_cut_is_a_decode_error(image_format: str) -> None:
    assert reason(encode(photograph(), image_format)[:20]) is RejectReason.DECODE_ERROR


@pytest.mark.parametrize("colour", ["white", "black", (128, 90, 60)])
def test_a_uniform_placeholder_is_blank(colour: str) -> None:
    assert reason(encode(Image.new("RGB", (500, 375), colour))) is RejectReason.BLANK


def test_a_placeholder_with_a_word_on_it_is_blank_by_its_entropy() -> None:
    pixels = np.full((375, 500, 3), 255, np.uint8)
    pixels[150:220, 100:400] = 0
    assert reason(encode(Image.fromarray(pixels), "PNG")) is RejectReason.BLANK


def test_a_dim_but_real_photograph_is_not_blank() -> None:
    dim = Image.fromarray((np.asarray(photograph()) / 4).astype(np.uint8))
    assert reason(encode(dim)) is None


def test_size_is_judged_before_damage_and_damage_before_blankness() -> None:
    blank = encode(Image.new("RGB", (300, 300), "grey"))
    assert reason(encode(photograph(size=(100, 100)))[:-50]) is RejectReason.TOO_SMALL
    assert reason(blank[:-50]) is RejectReason.DECODE_ERROR
    assert reason(blank) is RejectReason.BLANK


PNG = encode(photograph(size=(32, 24)), "PNG")
SIZES = st.one_of(st.integers(1, 65535), st.sampled_from([223, 224, 225, 895, 896, 897, 8000, 65500, 65501, 2**31]))
SIZE_REASONS = {RejectReason.BOMB, RejectReason.TOO_SMALL, RejectReason.EXTREME_ASPECT}


@given(SIZES, SIZES)
def test_a_size_is_judged_alike_with_and_without_the_file(width: int, height: int) -> None:
    """The announced size is a lie here, so what passes the judgement fails the decoder."""
    judged = judge_size(width, height, LIMITS)
    verdict = screen(with_png_size(PNG, width, height), LIMITS)
    if judged is None:
        assert isinstance(verdict, ImageFacts) or verdict.reason not in SIZE_REASONS
    else:
        assert verdict == judged


@given(SIZES, SIZES)
def test_a_size_is_judged_alike_lying_and_standing(width: int, height: int) -> None:
    lying, standing = judge_size(width, height, LIMITS), judge_size(height, width, LIMITS)
    assert (lying and lying.reason) == (standing and standing.reason)


@pytest.mark.parametrize(
    "image",
    [
        photograph(size=(400, 200)),
        photograph(size=(1000, 240)),
        Image.fromarray(np.random.default_rng(0).integers(100, 118, (300, 400, 3), dtype=np.uint8)),
        photograph(size=(300, 400)),
    ],
    ids=["too small", "strip", "nearly blank", "sound"],
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_an_orientation_changes_neither_verdict_nor_its_words(image: Image.Image, image_format: str) -> None:
    files = [encode(image, image_format, exif=exif_block(orientation)) for orientation in range(1, 9)]
    verdicts = [screen(data, LIMITS) for data in files]
    assert len({verdict if isinstance(verdict, Unusable) else None for verdict in verdicts}) == 1


def test_every_limit_is_the_callers() -> None:
    small_strip = encode(photograph(size=(200, 40)))
    assert reason(small_strip, LENIENT) is None
    assert reason(small_strip, ScreeningConfig(min_side=40, max_aspect=4.9)) is RejectReason.EXTREME_ASPECT
    assert reason(small_strip, ScreeningConfig(min_side=40, max_pixels=7999)) is RejectReason.BOMB


SMALL = photograph(size=(48, 32))
SAMPLES = [
    encode(SMALL),
    encode(SMALL, progressive=True),
    encode(SMALL.convert("CMYK")),
    encode(SMALL, "PNG"),
    encode(SMALL.quantize(16), "PNG", transparency=3),
    encode(SMALL, "PNG", save_all=True, append_images=[SMALL.rotate(90)]),
    encode(SMALL, "GIF", save_all=True, append_images=[SMALL.rotate(90)]),
    encode(SMALL, "WEBP"),
    encode(SMALL.convert("RGBA"), "WEBP", lossless=True),
    encode(SMALL, "BMP"),
    encode(SMALL.quantize(), "BMP"),
    gzip.compress(encode(SMALL), mtime=0),
]

edits = st.lists(st.tuples(st.integers(0, 2**16), st.binary(max_size=4), st.integers(0, 4)), max_size=8)


@given(st.sampled_from([b"", *(sample[:30] for sample in SAMPLES)]), st.binary(max_size=200))
def test_no_bytes_whatever_make_it_raise(beginning: bytes, rest: bytes) -> None:
    assert isinstance(screen(beginning + rest, LENIENT), ImageFacts | Unusable)


@given(st.sampled_from(SAMPLES), edits)
@settings(max_examples=400, deadline=None)
def test_no_damage_makes_it_raise_and_what_passes_can_be_opened(
    sample: bytes, changes: list[tuple[int, bytes, int]]
) -> None:
    damaged = sample
    for position, inserted, removed in changes:
        start = position % (len(damaged) + 1)
        damaged = damaged[:start] + inserted + damaged[start + removed :]
    verdict = screen(damaged, LENIENT)
    if isinstance(verdict, ImageFacts):
        picture = open_picture(damaged)
        assert picture.image.size == (verdict.width, verdict.height)
        assert (picture.format, picture.normalised) == (verdict.format, verdict.normalised)
    else:
        assert verdict == screen(damaged, LENIENT)
        assert not re.search(r"0x[0-9a-f]{6}|\n", verdict.detail)


def test_the_libraries_that_decide_are_named_with_their_versions() -> None:
    versions = library_versions()
    assert {"simplejpeg", "pillow", "libwebp"} <= versions.keys()
    assert all(re.match(r"\d+\.\d+", version) for version in versions.values())
