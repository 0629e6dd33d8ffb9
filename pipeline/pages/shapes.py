"""Shapes of a plot, in the units of its own drawing, and the scales that place them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Anchor = Literal["start", "middle", "end"]
Swatch = Literal["area", "mark", "line", "dot"]
"""How a key shows its style: filled, as an upright stroke, as a level one, or as a disc."""

WIDTH = 640
"""Of a plot, unless it says otherwise; the browser scales it to the room there is."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle; ``style`` is a class of the page's style sheet, ``tip`` what a pointer reads."""

    x: float
    y: float
    width: float
    height: float
    style: str
    tip: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    style: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A small disc; without a tip where there are too many to point at."""

    x: float
    y: float
    tip: str = ""
    style: str = "dot"
    radius: float = 4.5


@dataclass(frozen=True, slots=True)
class Curve:
    """An open line, as the ``d`` of an SVG path."""

    path: str
    style: str


@dataclass(frozen=True, slots=True)
class Label:
    """A few words at a point of their baseline."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"


class Key(NamedTuple):
    """What a style means."""

    style: str
    words: str
    swatch: Swatch


@dataclass(slots=True)
class Plot:
    """One drawing with what must be said of it to who cannot see it."""

    name: str
    """Unique on the page."""
    title: str
    description: str
    height: float
    width: float = WIDTH
    legend: list[Key] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [low, high] to [start, end] in drawing units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        span = self.high - self.low
        return self.start + (self.end - self.start) * ((value - self.low) / span if span else 0.0)


def choose_ticks(largest: float, count: int = 5, smallest_step: float = 1.0) -> list[float]:
    """Round numbers from 0 to at least ``largest``, about ``count`` steps of 1, 2 or 5 times a power of ten."""
    wanted = max(largest / count, smallest_step)
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))
    return [number * step for number in range(max(1, math.ceil(largest / step - 1e-9)) + 1)]


def draw_steps(counts: Sequence[tuple[int, int]], across: Scale, up: Scale) -> str:
    """A falling staircase: for each (height, width), from the highest to the lowest, a step of that width.

    Steps that are finer than the eye are drawn as one, so that a path of any data stays short.
    """
    parts: list[str] = []
    done, drawn_to = 0, -math.inf
    for height, width in counts:
        begin, done = across(done), done + width
        if across(done) - drawn_to < _FINEST and parts:
            continue
        parts.append(f"{'V' if parts else f'M{begin:.1f} '}{up(height):.1f}H{across(done):.1f}")
        drawn_to = across(done)
    if parts and drawn_to < across(done):
        parts.append(f"V{up(counts[-1][0]):.1f}H{across(done):.1f}")
    return "".join(parts)


_FINEST = 0.4
