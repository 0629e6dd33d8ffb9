"""Hash and complexity tell the picture, not the file that holds it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from pipeline.screening import screen
from pipeline.screening.measures import measure_sharpness, perceptual_hash
from schemas.image import ImageFacts
from tests.pipeline.screening.pictures import LENIENT, encode, exif_block, photograph

pytestmark = pytest.mark.filterwarnings("error")

PHOTOS = [photograph(seed, (480, 360)) for seed in range(12)]


def facts_of(image: Image.Image, quality: int = 95, **options: Any) -> ImageFacts:
    facts = screen(encode(image, quality=quality, **options), LENIENT)
    assert isinstance(facts, ImageFacts)
    return facts


def distance(one: ImageFacts, other: ImageFacts) -> int:
    return (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()


def resized(image: Image.Image, scale: float) -> Image.Image:
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def check_that_the_hash_survives(image: Image.Image) -> None:
    original = facts_of(image)
    for quality, scale in itertools.product((60, 90), (0.6, 0.8, 1.0, 1.5, 2.5)):
        assert distance(original, facts_of(resized(image, scale), quality)) <= 3


@pytest.mark.parametrize("image", PHOTOS)
def test_the_hash_survives_re_encoding_and_resizing(image: Image.Image) -> None:
    check_that_the_hash_survives(image)


def test_the_hash_of_real_photographs_survives_re_encoding_and_resizing(
    real_photographs: dict[str, Image.Image],
) -> None:
    for image in real_photographs.values():
        check_that_the_hash_survives(image)


def test_different_photographs_have_different_hashes(real_photographs: dict[str, Image.Image]) -> None:
    facts = [facts_of(image) for image in (*PHOTOS, *real_photographs.values())]
    assert min(distance(one, other) for one, other in itertools.combinations(facts, 2)) > 10


def test_the_hash_sees_a_mirrored_picture_as_another() -> None:
    assert distance(facts_of(PHOTOS[0]), facts_of(PHOTOS[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT))) > 10


def test_the_hash_is_the_textbook_transform_against_its_median() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    basis = np.array([[math.cos(math.pi / 32 * (x + 0.5) * u) for x in range(32)] for u in range(8)])
    coefficients = basis @ pixels @ basis.T
    expected = "".join("01"[int(value > np.median(coefficients))] for value in coefficients.ravel())
    assert perceptual_hash(Image.fromarray(pixels)) == f"{int(expected, 2):016x}"


def test_the_hash_of_a_uniform_picture_exists() -> None:
    assert len(facts_of(Image.new("RGB", (300, 300), "grey")).phash) == 16


def test_complexity_grows_from_plain_to_photograph_to_noise() -> None:
    plain = Image.new("RGB", (480, 360), "grey")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (360, 480, 3), dtype=np.uint8))
    complexities = [facts_of(image).complexity for image in (plain, PHOTOS[0], noise)]
    assert complexities == sorted(complexities)
    assert complexities[0] < 0.2 < complexities[1] < 2 < complexities[2]


def test_complexity_hardly_depends_on_quality_and_size_where_the_files_own_bytes_do(
    real_photographs: dict[str, Image.Image],
) -> None:
    for image in real_photographs.values():
        low, high = facts_of(image, 70), facts_of(resized(image, 1.5), 97)
        assert low.complexity == pytest.approx(high.complexity, rel=0.1)
        assert high.bytes > 3 * low.bytes


def test_complexity_is_rounded_to_hundredths() -> None:
    complexity = facts_of(PHOTOS[0]).complexity
    assert complexity == round(complexity, 2)


@pytest.mark.parametrize(
    ("image", "greyscale"),
    [
        (PHOTOS[0].convert("L"), True),
        (PHOTOS[0].convert("L").convert("RGB"), True),
        (PHOTOS[0], False),
    ],
    ids=["one channel", "three equal channels", "colours"],
)
def test_greyscale_is_told_by_the_pixels(image: Image.Image, greyscale: bool) -> None:
    assert facts_of(image).greyscale is greyscale


def test_one_coloured_object_makes_a_grey_picture_coloured() -> None:
    image = PHOTOS[0].convert("L").convert("RGB")
    image.paste((200, 20, 20), (100, 100, 120, 120))
    assert not facts_of(image).greyscale


@given(st.integers(0, 2**32), st.integers(3, 40), st.integers(3, 40))
def test_sharpness_is_the_textbook_variance_of_the_laplacian(seed: int, width: int, height: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    kernel = {(0, 1): 1, (1, 0): 1, (1, 2): 1, (2, 1): 1, (1, 1): -4}
    inner = sum(
        weight * grey[row : row + height - 2, column : column + width - 2].astype(float)
        for (row, column), weight in kernel.items()
    )
    assert measure_sharpness(grey) == pytest.approx(float(np.var(inner)), abs=0.051)


def test_sharpness_falls_the_more_a_picture_is_blurred(real_photographs: dict[str, Image.Image]) -> None:
    for image in (*PHOTOS[:3], *real_photographs.values()):
        levels = [facts_of(image.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 2, 4, 8)]
        assert levels == sorted(levels, reverse=True)
        assert levels[0] > 10 * levels[-1]


def test_sharpness_hardly_depends_on_how_the_file_was_compressed() -> None:
    assert facts_of(PHOTOS[0], 80).sharpness == pytest.approx(facts_of(PHOTOS[0], 97).sharpness, rel=0.15)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_a_picture_without_inner_pixels_has_no_sharpness(size: tuple[int, int]) -> None:
    assert facts_of(photograph(size=size)).sharpness == 0


def test_sharpness_is_rounded_to_tenths() -> None:
    sharpness = facts_of(PHOTOS[0]).sharpness
    assert sharpness == round(sharpness, 1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_what_is_measured_without_a_direction_is_the_same_in_every_orientation(mode: str) -> None:
    png = [encode(PHOTOS[1].convert(mode), "PNG", exif=exif_block(orientation)) for orientation in range(1, 9)]
    facts = [screen(data, LENIENT) for data in png]
    assert len({(fact.sharpness, fact.greyscale) for fact in facts if isinstance(fact, ImageFacts)}) == 1
    assert len({fact.phash for fact in facts if isinstance(fact, ImageFacts)}) == 8


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_one_picture_has_the_same_facts_in_every_mode_and_lossless_format(mode: str) -> None:
    grey = PHOTOS[2].convert("L").convert(mode)
    expected = screen(encode(PHOTOS[2].convert("L"), "PNG"), LENIENT)
    for image_format in ("PNG", "BMP", "WEBP"):
        facts = screen(encode(grey, image_format, **({"lossless": True} if image_format == "WEBP" else {})), LENIENT)
        assert isinstance(facts, ImageFacts)
        same = {"bytes", "sha256", "format"}
        assert facts.model_dump(exclude=same) == expected.model_dump(exclude=same)  # type: ignore[union-attr] # no Unusable


def test_facts_are_the_same_whenever_they_are_measured() -> None:
    odd_size = photograph(3, (401, 267))
    assert len({facts_of(odd_size) for _ in range(10)}) == 1
