"""Colour names and the conversion behind them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.pixels.colours import ACHROMATIC, FAMILY_OF, NAMES, TABLE, hue_angle, name_colour, to_lab


def lab_of(rgb: tuple[int, int, int]) -> tuple[float, ...]:
    return tuple(float(value) for value in to_lab(np.array(rgb, dtype=np.uint8)))


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_known_colours_have_their_published_lab_values(
    rgb: tuple[int, int, int], lab: tuple[float, float, float]
) -> None:
    assert lab_of(rgb) == pytest.approx(lab, abs=0.05)


@pytest.mark.parametrize(
    ("rgb", "family"),
    [
        ((255, 0, 0), "red"),
        ((0, 160, 0), "green"),
        ((0, 0, 255), "blue"),
        ((255, 255, 0), "yellow"),
        ((255, 140, 0), "orange"),
        ((0, 128, 128), "teal"),
        ((128, 0, 128), "purple"),
        ((255, 105, 180), "pink"),
        ((139, 69, 19), "brown"),
        ((0, 0, 0), "black"),
        ((128, 128, 128), "grey"),
        ((255, 255, 255), "white"),
        ((10, 20, 60), "blue"),
        ((135, 206, 235), "blue"),
    ],
)
def test_a_colour_is_named_as_people_name_it(rgb: tuple[int, int, int], family: str) -> None:
    assert FAMILY_OF[name_colour(rgb)] == family


@pytest.mark.parametrize("colour", TABLE)
def test_every_entry_of_the_table_is_called_by_its_own_name(colour: object) -> None:
    assert isinstance(colour, type(TABLE[0]))
    assert name_colour(colour.rgb) == colour.name


@given(st.integers(0, 255))
def test_a_grey_is_never_given_a_hue(level: int) -> None:
    assert hue_angle(name_colour((level, level, level))) is None


def test_names_are_unique_and_every_coloured_family_has_a_hue() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all((hue_angle(name) is None) == (FAMILY_OF[name] in ACHROMATIC) for name in NAMES)
