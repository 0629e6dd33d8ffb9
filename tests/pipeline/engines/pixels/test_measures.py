"""What is measured of pictures whose contents are known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from pipeline.engines.pixels import measure
from pipeline.engines.pixels.facts import CELLS, Subject
from tests.pipeline.engines.pixels.pictures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    RED,
    WHITE,
    noise,
    pictures,
    plain,
    with_box,
    with_disc,
)

LEFT_HALF, UPPER_HALF = (0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 0.5)


def subject_of(picture: Image.Image) -> Subject:
    subject = measure(picture).subject
    assert subject is not None
    return subject


@pytest.mark.parametrize(
    ("size", "shape", "ratio"),
    [
        ((640, 427), "landscape", "3:2"),
        ((375, 500), "portrait", "4:3"),
        ((512, 512), "square", "1:1"),
        ((1920, 1080), "landscape", "16:9"),
        ((500, 410), "landscape", None),
        ((1, 5000), "portrait", None),
    ],
)
def test_the_frame_has_its_shape_and_a_ratio_only_where_one_fits(
    size: tuple[int, int], shape: str, ratio: str | None
) -> None:
    frame = measure(plain(GREY, size)).frame
    assert (frame.width, frame.height, frame.shape, frame.ratio) == (*size, shape, ratio)


def test_lightness_runs_from_0_for_black_to_100_for_white() -> None:
    assert [measure(plain(colour)).light.mean for colour in (BLACK, GREY, WHITE)] == [0, 54, 100]


@pytest.mark.parametrize(
    ("lighter", "side"),
    [(LEFT_HALF, "left"), ((0.5, 0, 1, 1), "right"), (UPPER_HALF, "top"), ((0, 0.5, 1, 1), "bottom")],
)
def test_the_brighter_half_is_found(lighter: tuple[float, float, float, float], side: str) -> None:
    assert measure(with_box(lighter, WHITE)).light.brighter_side == side


def test_no_half_is_brighter_in_an_even_picture() -> None:
    assert measure(noise(1)).light.brighter_side is None


def test_shadows_highlights_and_percentiles_are_those_of_the_pixels() -> None:
    light = measure(with_box((0.0, 0.0, 0.25, 1.0), BLACK, ground=WHITE)).light
    assert (light.shadows, light.highlights, light.low, light.high, light.mean) == (25, 75, 0, 100, 75)
    assert (light.left, light.right) == (50, 100)


def test_a_few_bright_points_are_seen_in_a_dark_picture() -> None:
    picture = plain((10, 10, 14))
    for x, y in ((40, 30), (200, 60), (120, 200)):
        picture.paste(WHITE, (x, y, x + 10, y + 10))
    assert measure(picture).light.has_lights
    assert not measure(plain((10, 10, 14))).light.has_lights


def test_shares_of_colours_are_counted_and_ordered() -> None:
    picture = with_box((0.0, 0.0, 0.25, 1.0), GREEN, ground=BLUE)
    colours = measure(picture).colours
    assert [(shade.name, shade.percent) for shade in colours.shades] == [("blue", 75), ("green", 25)]
    assert [(family.name, family.percent) for family in colours.families] == [("blue", 75), ("green", 25)]


@pytest.mark.parametrize(
    ("box", "home"),
    [
        ((0.0, 0.0, 0.3, 0.3), "upper left"),
        ((0.7, 0.7, 1.0, 1.0), "lower right"),
        ((0.0, 0.0, 1.0, 0.3), "upper third"),
        ((0.36, 0.0, 0.64, 1.0), "middle column"),
        ((0.0, 0.0, 1.0, 1.0), None),
    ],
)
def test_a_colour_has_its_home_where_it_gathers(box: tuple[float, float, float, float], home: str | None) -> None:
    shade = next(shade for shade in measure(with_box(box, RED)).colours.shades if shade.family == "red")
    assert shade.home == home
    assert shade.at_home == (100 if home else 0)


def test_greys_have_no_hue_and_no_colourfulness() -> None:
    colours = measure(noise(2).convert("L")).colours
    assert (colours.neutral, colours.warm, colours.cool, colours.colourfulness) == (100, 0, 0, 0)
    assert colours.hue_pair is None


@pytest.mark.parametrize(("colour", "lean"), [(RED, "warm"), (BLUE, "cool"), (GREY, "faint"), (GREEN, "faint")])
def test_a_palette_leans_to_the_side_of_its_hue(colour: tuple[int, int, int], lean: str) -> None:
    assert measure(plain(colour)).colours.lean == lean


def test_colourfulness_is_that_of_the_formula_written_out() -> None:
    picture = with_box(LEFT_HALF, RED, ground=GREEN)
    red_green = np.array([230.0 - 20, 30.0 - 130])
    yellow_blue = np.array([(230 + 20) / 2 - 20, (30 + 130) / 2 - 50])
    sigma = np.sqrt(red_green.var() + yellow_blue.var())
    mu = np.sqrt(red_green.mean() ** 2 + yellow_blue.mean() ** 2)
    assert measure(picture).colours.colourfulness == round(float(sigma + 0.3 * mu))


def test_opposite_hues_lie_far_apart_and_the_widest_pair_is_told() -> None:
    picture = with_box(LEFT_HALF, (238, 164, 98), ground=(14, 62, 66))
    pair = measure(picture).colours.hue_pair
    assert pair is not None
    assert {pair.first, pair.second} == {"soft orange", "dark teal"}
    assert pair.degrees > 130


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [
        (0.2, 0.2, "upper left"),
        (0.8, 0.2, "upper right"),
        (0.5, 0.5, "centre"),
        (0.2, 0.8, "lower left"),
        (0.85, 0.5, "middle right"),
    ],
)
def test_a_lone_disc_is_found_where_it_is(x: float, y: float, place: str) -> None:
    subject = subject_of(with_disc(x, y))
    assert (subject.place, subject.certainty) == (place, "clear")
    assert abs(subject.x - 100 * x) <= 5
    assert abs(subject.y - 100 * y) <= 5


def test_a_disc_is_found_in_noise_too() -> None:
    grainy = Image.blend(with_disc(0.2, 0.2, colour=WHITE, ground=(40, 60, 40), radius=40), noise(3), 0.2)
    assert subject_of(grainy).place == "upper left"


def test_the_subject_is_told_by_its_colour_and_compared_with_its_ground() -> None:
    subject = subject_of(with_disc(0.3, 0.6, colour=RED, ground=BLACK))
    assert (subject.mark, subject.ground) == ("red", "black")
    assert subject.mark_percent > 40
    assert subject.mark_elsewhere == 0
    assert subject.lightness_gap > 20


def test_noise_has_no_one_subject() -> None:
    assert subject_of(noise(4)).certainty == "scattered"


def test_nothing_stands_out_in_a_flat_picture() -> None:
    assert measure(plain(RED)).subject is None


@pytest.mark.parametrize(
    ("across", "down", "course"), [(1, 0, "vertical"), (0, 1, "horizontal"), (1, 1, "rising"), (1, -1, "falling")]
)
def test_stripes_run_the_way_they_are_drawn(across: int, down: int, course: str) -> None:
    rows, columns = np.indices((240, 320))
    levels = ((across * columns + down * rows) // 10 % 2 * 200).astype(np.uint8)
    lines = measure(Image.fromarray(levels)).texture.lines
    assert lines is not None
    assert lines.leading == course


def test_noise_has_lines_in_all_directions() -> None:
    lines = measure(noise(5)).texture.lines
    assert lines is not None
    assert lines.leading is None
    assert lines.vertical + lines.horizontal + lines.rising + lines.falling == 100


@pytest.mark.parametrize("place", [0, 4, 8])
def test_detail_is_found_in_the_cell_that_holds_it(place: int) -> None:
    picture = plain(GREY, (240, 240))
    picture.paste(noise(6, (76, 76)), (2 + 80 * (place % 3), 2 + 80 * (place // 3)))
    assert measure(picture).texture.busiest == CELLS[place]


def test_even_noise_is_even_and_a_flat_picture_is_blank() -> None:
    assert measure(noise(7)).texture.is_even
    flat = measure(plain(GREY)).texture
    assert flat.is_blank
    assert (flat.edges, flat.smooth, flat.sharpness, flat.lines) == (0, 100, 0, None)


def test_blurring_lowers_sharpness() -> None:
    sharp = noise(8)
    soft = sharp.resize((20, 15)).resize(sharp.size, Image.Resampling.BICUBIC)
    assert measure(soft).texture.sharpness < measure(sharp).texture.sharpness / 10


@pytest.mark.parametrize(
    ("box", "direction", "position"), [((0, 0, 1, 0.3), "horizontal", 30), ((0, 0, 0.7, 1), "vertical", 70)]
)
def test_a_straight_cut_is_found_where_it_is(
    box: tuple[float, float, float, float], direction: str, position: int
) -> None:
    split = measure(with_box(box, WHITE, ground=BLACK)).layout.split
    assert split is not None
    assert (split.direction, split.first, split.second) == (direction, "white", "black")
    assert split.explained >= 98
    assert abs(split.position - position) <= 1


def test_a_mirrored_picture_is_its_mirror_image() -> None:
    left = noise(9, (100, 100))
    whole = Image.new("RGB", (200, 100))
    whole.paste(left, (0, 0))
    whole.paste(left.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (100, 0))
    assert measure(whole).layout.mirror == 1
    assert abs(measure(noise(10)).layout.mirror or 0) < 0.1


def test_the_rim_is_told_from_what_it_surrounds() -> None:
    layout = measure(with_box((0.1, 0.1, 0.9, 0.9), RED, ground=WHITE)).layout
    assert (layout.rim_shade, layout.rim_percent) == ("white", 100)
    assert layout.cells[4].shade == "red"


def test_a_larger_copy_of_a_picture_measures_nearly_the_same() -> None:
    small = with_disc(0.3, 0.3)
    large = small.resize((1280, 960), Image.Resampling.NEAREST)
    assert measure(large).colours.shades == measure(small).colours.shades
    assert abs(measure(large).light.mean - measure(small).light.mean) <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2), (63, 65), (256, 256), (5000, 40)])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "RGBA", "P", "CMYK"])
def test_pictures_of_any_size_and_mode_can_be_measured(size: tuple[int, int], mode: str) -> None:
    measured = measure(Image.effect_noise(size, 60).convert("RGB").convert(mode))
    assert (measured.frame.width, measured.frame.height) == size


@given(pictures())
@settings(deadline=None, max_examples=60)
def test_measurements_stay_in_their_ranges_and_warn_of_nothing(picture: Image.Image) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m = measure(picture)
    assert 0 <= m.light.low <= m.light.high <= m.light.brightest <= 100
    assert m.colours.shades
    assert sum(shade.percent for shade in m.colours.shades) <= 103
    assert m.colours.neutral + m.colours.warm + m.colours.cool <= 101
    assert [cell.place for cell in m.layout.cells] == list(CELLS)
    assert m.layout.mirror is None or -1 <= m.layout.mirror <= 1
    if m.subject:
        assert 0 <= m.subject.x <= 100
        assert 0 <= m.subject.y <= 100
        assert 0 <= m.subject.area <= 100
        assert 0 < m.subject.compactness <= 100
